"""Channels from their configuration: secrets found, addresses and templates checked, all faults told together."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

from schemas.channels import ChannelConfig, ChannelsInvalid, Email, Inbox, Secret, Slack, Teams, Template, Webhook
from schemas.channels import validate_channels as _validate
from schemas.durations import parse_duration
from schemas.profiles import Fault
from stream.delivery.channels.answers import Clock
from stream.delivery.channels.email import EmailChannel
from stream.delivery.channels.http import Sender
from stream.delivery.channels.inbox import InboxChannel
from stream.delivery.channels.secrets import Hidden, SecretMissing, read_secret
from stream.delivery.channels.slack import SlackChannel
from stream.delivery.channels.teams import TeamsChannel
from stream.delivery.channels.webhook import WebhookChannel
from stream.delivery.message import Channel
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.inbox import InboxLayout
from stream.delivery.rendering.render import Layout, Renderer
from stream.delivery.rendering.sample import samples
from stream.delivery.rendering.sandbox import TemplateFault
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout
from stream.delivery.rendering.webhook import WebhookLayout
from stream.delivery.safety import Forbidden, Outbound, check_url

_LAYOUTS: dict[str, type[Layout]] = {
    "slack": SlackLayout, "teams": TeamsLayout, "email": EmailLayout, "webhook": WebhookLayout, "inbox": InboxLayout,
}  # fmt: skip
MOST_TEMPLATE_BYTES = 65_536


def build_channels(
    config: object,
    environment: Mapping[str, str],
    outbound: Outbound | None = None,
    *,
    folder: Path = Path(),
    clock: Clock = time.time,
    tls: ssl.SSLContext | None = None,
) -> dict[str, Channel]:
    """Channel by name. Nothing is sent and nothing looked up.

    ``config``: the `channels` of a routes file. ``environment``: where secrets are. ``folder``: what files are named
    from, that of the routes file. ``tls``: whom to trust (default: as the system does).
    Raises ChannelsInvalid with every fault, its place below `channels`, and no secret in it.
    """
    context = tls or ssl.create_default_context()
    built: dict[str, Channel] = {}
    faults: list[Fault] = []
    for name, channel in _validate(config).items():
        limits = replace(outbound or Outbound(), deadline_ms=parse_duration(channel.timeout))
        maker = _Maker(name, channel, environment, limits, folder, clock, context, faults)
        before = len(faults)
        made = maker.make()
        if made is not None and len(faults) == before:
            built[name] = made
    if faults:
        raise ChannelsInvalid(faults)
    return built


@dataclass(slots=True)
class _Maker:
    name: str
    config: ChannelConfig
    environment: Mapping[str, str]
    outbound: Outbound
    folder: Path
    clock: Clock
    tls: ssl.SSLContext
    faults: list[Fault]

    def make(self) -> Channel | None:
        """The channel; None, with faults, where it cannot be."""
        config = self.config
        renderer = self._renderer()
        sender = Sender(self.outbound, self.tls)
        match config:
            case Slack():
                member = "webhook" if config.webhook else "token"
                secret = self._secret(member, config.webhook or config.token, url=config.webhook is not None)
                if config.token is not None:
                    self._check(config.api, "api")
                return (
                    SlackChannel(
                        self.name, renderer, sender, self.clock, secret,
                        bot=config.token is not None, to=config.to, api=config.api,
                    )
                    if renderer and secret
                    else None
                )  # fmt: skip
            case Teams():
                secret = self._secret("webhook", config.webhook, url=True)
                return TeamsChannel(self.name, renderer, sender, self.clock, secret) if renderer and secret else None
            case Webhook():
                return self._webhook(config, renderer, sender)
            case Email():
                return self._email(config, renderer)
            case Inbox():
                folder = self.folder / config.folder
                return InboxChannel(self.name, renderer, folder, self.clock) if renderer else None
            case _:
                assert_never(config)

    def _webhook(self, config: Webhook, renderer: Renderer | None, sender: Sender) -> Channel | None:
        if isinstance(config.url, str):
            self._check(config.url, "url")
            url: Hidden | None = Hidden(config.url, "the routes file")
        else:
            url = self._secret("url", config.url, url=True)
        keys = [self._secret("keys", key, at=number) for number, key in enumerate(config.keys)]
        known = [key for key in keys if key is not None]
        if renderer is None or url is None or len(known) < len(keys):
            return None
        try:
            return WebhookChannel(self.name, renderer, sender, self.clock, url, known)
        except ValueError as error:
            self._fault(("keys",), str(error), "")
            return None

    def _email(self, config: Email, renderer: Renderer | None) -> Channel | None:
        if config.security == "plain" and not self.outbound.http:
            mend = "write starttls or tls, or allow it in the settings"
            self._fault(("security",), "would send in the clear", mend)
            return None
        password = self._secret("password", config.password) if config.password else None
        if renderer is None or (config.password is not None and password is None):
            return None
        return EmailChannel(self.name, renderer, config, password, self.outbound, self.tls, self.clock)

    def _renderer(self) -> Renderer | None:
        templates: dict[str, str] = {}
        own = getattr(self.config, "templates", None)
        for part, value in own or ():
            if isinstance(value, Template):
                text = self._file(part, value.file)
                if text is None:
                    return None
                templates[part] = text
            elif value is not None:
                templates[part] = value
        try:
            renderer = Renderer(_LAYOUTS[self.config.kind](), templates, self.config.links)
            renderer.check(samples())
        except TemplateFault as error:
            self._fault(("templates",), str(error), "see docs/alert-channels.md for what templates know")
            return None
        return renderer

    def _file(self, part: str, name: str) -> str | None:
        path = self.folder / name
        try:
            with path.open("rb") as opened:
                return opened.read(MOST_TEMPLATE_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            self._fault(("templates", part), f"{path} cannot be read: {why}", "check path and rights")
            return None

    def _secret(self, member: str, secret: Secret | None, *, url: bool = False, at: int | None = None) -> Hidden | None:
        if secret is None:
            return None
        try:
            found = read_secret(secret, self.environment, self.folder)
        except SecretMissing as error:
            message, _, mend = str(error).partition("; ")
            self._fault((member,) if at is None else (member, at), message, mend)
            return None
        if url:
            self._check(found.reveal(), member)
        return found

    def _check(self, url: str, member: str) -> None:
        try:
            check_url(url, self.outbound)
        except Forbidden as error:
            self._fault((member,), str(error), "")

    def _fault(self, path: tuple[str | int, ...], message: str, mend: str) -> None:
        self.faults.append(Fault((self.name, *path), message, mend))
