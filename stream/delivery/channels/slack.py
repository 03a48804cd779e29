"""Slack, by incoming webhook or as a bot, through Slack's own library over our own way out.

Left to itself the library follows redirects and proxies, reads answers of any size, retries by itself, and logs the
webhook's URL. So it is handed a session of ours that does none of that, and a logger that says nothing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any, cast

from aiohttp import ClientSession
from slack_sdk.web.async_client import AsyncWebClient
from slack_sdk.webhook.async_client import AsyncWebhookClient

from stream.delivery.channels.answers import Clock
from stream.delivery.channels.base import Posting, message_id
from stream.delivery.channels.http import Answer, Fault, Sender
from stream.delivery.channels.secrets import Hidden, Redactor
from stream.delivery.message import Alert, Delivered, Outcome, Refused, TryAgain
from stream.delivery.rendering.render import Renderer

_SILENT = logging.getLogger("tierline.slack.silent")
_SILENT.setLevel(logging.CRITICAL + 1)  # at DEBUG the library logs URLs and bodies
_SILENT.propagate = False
_AGAIN = frozenset(
    {
        "accesslimited", "fatal_error", "internal_error", "ratelimited", "request_timeout", "rate_limited",
        "service_unavailable", "team_added_to_org", "org_login_required", "ekm_access_denied",
        # what an operator mends without touching the message
        "account_inactive", "channel_not_found", "invalid_auth", "is_archived", "missing_scope", "not_authed",
        "not_in_channel", "token_expired", "token_revoked", "no_permission",
    }
)  # fmt: skip


class SlackChannel(Posting):
    """One Slack channel; as a bot, any that the bot may post to."""

    kind = "slack"

    def __init__(
        self,
        name: str,
        renderer: Renderer,
        sender: Sender,
        clock: Clock,
        secret: Hidden,
        *,
        bot: bool,
        to: str | None,
        api: str,
    ) -> None:
        super().__init__(name, renderer, sender, clock, Redactor([secret.reveal()]))
        self._secret, self._bot, self._to, self._api = secret, bot, to, api

    async def deliver(self, alert: Alert) -> Outcome:
        """As `Channel.deliver`."""
        rendered = self.render(alert)
        exchange = _Exchange(self._sender)
        if self._bot:
            to = alert.recipient or self._to
            if not to:
                return Refused("nobody to post to (write `to` in the channel, or a recipient in the route)")
            post = self._as_bot(exchange, to, rendered.body, message_id(alert.key))
        else:
            post = self._by_webhook(exchange, rendered.body)
        try:
            await post
        except Exception as error:  # the library raises for each bad answer in its own way  # noqa: BLE001
            if exchange.answer is None:
                return Refused(f"Slack's library would not send it ({type(error).__name__})")
        answer = exchange.answer
        if answer is None or isinstance(answer, Fault) or not 200 <= answer.status < 300:
            return self.judge(answer or Fault("no answer"), rendered.note)
        return self._said(answer, rendered.note) if self._bot else self._ok(answer, rendered.note)

    async def _by_webhook(self, exchange: _Exchange, body: Mapping[str, Any]) -> None:
        client = AsyncWebhookClient(
            self._secret.reveal(), session=cast("ClientSession", exchange), logger=_SILENT, retry_handlers=[]
        )
        await client.send_dict(dict(body))

    async def _as_bot(self, exchange: _Exchange, to: str, body: Mapping[str, Any], id_: str) -> None:
        client = AsyncWebClient(
            self._secret.reveal(),
            base_url=self._api,
            session=cast("ClientSession", exchange),
            logger=_SILENT,
            retry_handlers=[],
        )
        marked = {"event_type": "tierline_alert", "event_payload": {"id": id_}}
        await client.chat_postMessage(channel=to, metadata=marked, **body)

    def _ok(self, answer: Answer, note: str | None) -> Outcome:
        if answer.whole and answer.body.strip() != b"ok":
            return TryAgain(f"HTTP {answer.status}, and not the `ok` that Slack answers: check the address")
        return Delivered(f"HTTP {answer.status}", note)

    def _said(self, answer: Answer, note: str | None) -> Outcome:
        try:
            said = json.loads(answer.body) if answer.whole else None
        except ValueError:
            said = None
        if not isinstance(said, dict):
            return TryAgain(f"HTTP {answer.status}, and no answer that Slack would give")
        if said.get("ok") is True:
            return Delivered(f"HTTP {answer.status}", note)
        error = self._redact(str(said.get("error") or "unknown error"))[:80]
        return TryAgain(f"Slack says {error}") if error in _AGAIN else Refused(f"Slack says {error}")


class _Exchange:
    """As much of an aiohttp session as Slack's library uses, for one request."""

    closed = False

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._request: tuple[str, bytes, dict[str, str]] | None = None
        self.answer: Answer | Fault | None = None

    def request(
        self,
        _method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        data: str | None = None,
        json: Any = None,
        **_: Any,
    ) -> _Exchange:
        content = data if isinstance(data, str) else dumps(json if json is not None else data)
        kept = {name: value for name, value in headers.items() if name.lower() != "user-agent"}
        self._request = (url, content.encode(), kept | {"content-type": "application/json; charset=utf-8"})
        return self

    async def __aenter__(self) -> _Response:
        if self._request is None or self.answer is not None:
            raise RuntimeError("one request each")
        self.answer = await self._sender.post(*self._request)
        if isinstance(self.answer, Fault):
            raise ConnectionError(self.answer.reason)
        return _Response(self.answer)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None


class _Response:
    """As much of an aiohttp response as Slack's library uses."""

    content_type = "application/json"

    def __init__(self, answer: Answer) -> None:
        self.status, self.headers, self._body = answer.status, answer.headers, answer.body

    async def text(self) -> str:
        return self._body.decode("utf-8", "replace")

    async def json(self) -> Any:
        return json.loads(await self.text())


def dumps(value: Any) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
