"""What is to be told to whom, and what became of it: the types that deciding, rendering and delivering share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

Kind = Literal["single", "digest", "overflow"]
ChannelKind = Literal["slack", "teams", "email", "webhook", "inbox"]

Document = Mapping[str, Any]
"""A tier change as published on `tier-changes` (SPEC 7): the CloudEvent, or its `data` alone."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One message to one recipient. Nothing in it is trusted but `route`, `channel`, `recipient` and `link`."""

    key: str
    """The idempotency key: the same for every attempt and every repeat of this message (change, route, recipient)."""
    route: str
    channel: str
    """The name of the channel in the configuration."""
    changes: Sequence[Document]
    """The tier changes it tells of, most important first; exactly one where `kind` is single; may be a part of
    `count` in a digest, and may be empty in an overflow."""
    kind: Kind = "single"
    count: int = 1
    """Tier changes that this message stands for; more than `len(changes)` where only some are carried."""
    recipient: str | None = None
    """Within the channel, where its kind knows of any: an address (email), a channel or user id (slack with a bot
    token). From the routes file, never from a signal. None: the one that the channel's configuration names."""
    link: str | None = None
    """Where a person reads more; http(s) only, anything else is left out."""
    title: str | None = None
    """Of a digest or overflow, why it is one, such as ``held overnight``; None: the built-in words."""
    facts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By account: the facts known of it (as on `account-scores`); a name, a country and an owner are told if there."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """By ``profile`` and by ``profile/criterion``: how a person calls it (a profile's name, a criterion's description).
    What is not in it is told by its id."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message in the format of its channel, bounded and escaped, ready to be sent."""

    kind: ChannelKind
    body: Mapping[str, Any]
    """slack, teams, webhook: the JSON to post. email: subject, text, html. inbox: text."""
    text: str
    """The same as plain text: what a preview shows."""
    note: str | None = None
    """Set where the team's template could not be rendered and this is the built-in form: what to mend."""


@dataclass(frozen=True, slots=True)
class Delivered:
    """The far side has it."""

    status: str
    """What it answered, such as ``HTTP 200`` or ``250 OK``."""
    note: str | None = None
    """Something an operator should know all the same (`Rendered.note`)."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Not delivered, or not known to be: worth another attempt with the same key."""

    reason: str
    after_ms: int | None = None
    """No sooner than this (Retry-After); None: as the queue's backoff says."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Not delivered, and no attempt of this message will be: park it."""

    reason: str


@dataclass(frozen=True, slots=True)
class Disabled:
    """The far side wants nothing more at all (410 Gone): off until an operator turns the channel on again."""

    reason: str


Outcome = Delivered | TryAgain | Refused | Disabled
"""Of one attempt. No reason ever holds a secret, a token or the secret path of a webhook."""


class Channel(Protocol):
    """A way to reach people. Made by `stream.delivery.channels.build_channels`."""

    @property
    def name(self) -> str:
        """In the configuration."""

    @property
    def kind(self) -> ChannelKind:
        """The kind of channel."""

    def render(self, alert: Alert) -> Rendered:
        """The message as it would be sent: for previews; pure, and never raises for what an alert holds."""

    async def deliver(self, alert: Alert) -> Outcome:
        """One attempt, bounded in time and size; never raises for what the far side does or an alert holds."""

    async def close(self) -> None:
        """Let go of connections; may be called twice."""
