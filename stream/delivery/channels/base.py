"""What the channels that post over HTTP share: a name, a renderer, a way out, and ids that are safe in headers."""

from __future__ import annotations

import base64
import hashlib

from stream.delivery.channels.answers import Clock, outcome_of
from stream.delivery.channels.http import Answer, Fault, Sender
from stream.delivery.channels.secrets import Redactor
from stream.delivery.message import Alert, ChannelKind, Outcome, Rendered
from stream.delivery.rendering.render import Renderer


class Posting:
    """A channel over HTTP."""

    kind: ChannelKind

    def __init__(self, name: str, renderer: Renderer, sender: Sender, clock: Clock, redact: Redactor) -> None:
        self.name, self._renderer, self._sender, self._clock, self._redact = name, renderer, sender, clock, redact

    def __repr__(self) -> str:
        return f"<{self.kind} channel {self.name}>"

    def render(self, alert: Alert) -> Rendered:
        """As `Channel.render`."""
        return self._renderer.render(alert)

    async def close(self) -> None:
        """As `Channel.close`."""
        await self._sender.close()

    def judge(self, answer: Answer | Fault, note: str | None) -> Outcome:
        """What the answer means, its secrets taken out."""
        return outcome_of(answer, note, self._clock, self._redact)


def message_id(key: str) -> str:
    """The idempotency key as a short ASCII word: the same for the same key, and safe in any header."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return "msg_" + base64.b32encode(digest[:20]).decode("ascii").lower()
