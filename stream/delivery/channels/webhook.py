"""Webhooks as Standard Webhooks has them: an id that stays, a time and signatures for each attempt."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import orjson
from standardwebhooks import Webhook

from stream.delivery.channels.answers import Clock
from stream.delivery.channels.base import Posting, message_id
from stream.delivery.channels.http import Sender
from stream.delivery.channels.secrets import Hidden, Redactor
from stream.delivery.message import Alert, Outcome
from stream.delivery.rendering.render import Renderer


class WebhookChannel(Posting):
    """One endpoint. Raises ValueError for a key that is none, without quoting it."""

    kind = "webhook"

    def __init__(
        self, name: str, renderer: Renderer, sender: Sender, clock: Clock, url: Hidden, keys: Sequence[Hidden]
    ) -> None:
        super().__init__(name, renderer, sender, clock, Redactor([url.reveal(), *(key.reveal() for key in keys)]))
        self._url = url
        self._signers = [signer(key) for key in keys]

    async def deliver(self, alert: Alert) -> Outcome:
        """As `Channel.deliver`: the same id and body at every attempt, the time and signatures of this one."""
        rendered = self.render(alert)
        content = orjson.dumps(rendered.body)
        headers = signed(self._signers, message_id(alert.key), self._clock(), content.decode())
        return self.judge(
            await self._sender.post(self._url.reveal(), content, headers | {"content-type": "application/json"}),
            rendered.note,
        )


def signer(key: Hidden) -> Webhook:
    """What signs with a key, ``whsec_`` and base64. Raises ValueError, which says where the bad key is."""
    try:
        return Webhook(key.reveal())
    except Exception:  # the library has several, and the text of some is the key's  # noqa: BLE001
        raise ValueError(f"the key of {key.origin} is none; write whsec_ and base64, 24 to 64 bytes") from None


def signed(signers: Sequence[Webhook], id_: str, now: float, content: str) -> dict[str, str]:
    """The headers of one attempt; a signature for each key, so that keys can be changed without a gap."""
    moment = datetime.fromtimestamp(int(now), UTC)
    signatures = " ".join(one.sign(id_, moment, content) for one in signers)
    return {"webhook-id": id_, "webhook-timestamp": str(int(now)), "webhook-signature": signatures}
