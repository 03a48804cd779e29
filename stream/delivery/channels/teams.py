"""Microsoft Teams, by the webhook of a workflow."""

from __future__ import annotations

import json

from stream.delivery.channels.answers import Clock
from stream.delivery.channels.base import Posting
from stream.delivery.channels.http import Answer, Sender
from stream.delivery.channels.secrets import Hidden, Redactor
from stream.delivery.message import Alert, Outcome, TryAgain
from stream.delivery.rendering.render import Renderer

_FAILED = b"Webhook message delivery failed"
"""What some of Microsoft's gateways answer with 200 when the message went nowhere."""


class TeamsChannel(Posting):
    """One Teams channel or chat."""

    kind = "teams"

    def __init__(self, name: str, renderer: Renderer, sender: Sender, clock: Clock, secret: Hidden) -> None:
        super().__init__(name, renderer, sender, clock, Redactor([secret.reveal()]))
        self._secret = secret

    async def deliver(self, alert: Alert) -> Outcome:
        """As `Channel.deliver`."""
        rendered = self.render(alert)
        content = json.dumps(rendered.body, ensure_ascii=False, separators=(",", ":")).encode()
        answer = await self._sender.post(self._secret.reveal(), content, {"content-type": "application/json"})
        if isinstance(answer, Answer) and 200 <= answer.status < 300 and _FAILED in answer.body:
            return TryAgain(f"HTTP {answer.status}, and yet Teams did not take it")
        return self.judge(answer, rendered.note)
