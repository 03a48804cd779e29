"""What alerting remembers, as values: accounts, recipients, channels, messages, what is collected. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stream.delivery.routes import Target

HOUR = 3_600_000
CARRIED = 50
"""Changes that a message of several carries at most; the rest are only counted."""


@dataclass(slots=True)
class Told:
    """A change that a message tells of, as kept until the message is delivered."""

    change: dict[str, Any]
    """The event as published."""
    facts: dict[str, Any]
    route: str
    marked: int | None = None
    """When this one began the account's cooldown (ms); None: it did not."""
    before: int | None = None
    """When the one before it had, to be put back should this one be superseded."""

    @property
    def id(self) -> str:
        """The id of the change."""
        return str(self.change["id"])

    @property
    def place(self) -> tuple[str, str]:
        """Account and profile: a newer change of both supersedes this one."""
        return self.change["data"]["account"], self.change["data"]["profile"]


@dataclass(slots=True)
class Message:
    """A message on its way: accepted for delivery, or parked."""

    key: str
    """The idempotency key."""
    kind: str
    """single, digest or overflow."""
    route: str
    channel: str
    recipient: str | None
    told: list[Told]
    count: int
    at: int
    """When it was accepted (ms)."""
    order: int
    due: int
    """No attempt sooner than this (ms)."""
    title: str | None = None
    attempts: int = 0
    reserved: bool = False
    """Whether it has its place under the recipient's ceiling."""
    stale: str | None = None
    """The id of a newer change that came while an attempt was under way: no further attempt."""
    parked: str | None = None
    """Why it was given up."""

    @property
    def target(self) -> Target:
        """Who gets it."""
        return Target(self.channel, self.recipient)

    @property
    def lane(self) -> tuple[str, str]:
        """Messages of one lane go out one after the other."""
        return self.target.id, self.told[0].place[0] if self.kind == "single" else ""


@dataclass(slots=True)
class Collected:
    """Changes that are held back for one message later."""

    key: str
    """The idempotency key that this message will have."""
    why: str
    """quiet_hours, profile_rollout, cooldown or ceiling."""
    route: str
    channel: str
    recipient: str | None
    due: int
    """When it is to be told (ms); for those over the ceiling, not before."""
    count: int = 0
    told: list[Told] = field(default_factory=list)

    @property
    def target(self) -> Target:
        """Who gets it."""
        return Target(self.channel, self.recipient)

    def add(self, told: Told) -> Told | None:
        """One more; beyond `CARRIED` those with the highest scores are kept, and the one that goes is given back."""
        self.count += 1
        self.told.append(told)
        if len(self.told) <= CARRIED:
            return None
        least = min(self.told, key=lambda one: float(one.change["data"]["score"]))
        self.told.remove(least)
        return least

    def row(self) -> dict[str, Any]:
        """What is stored of it beside its changes, which have rows of their own: it grows one by one."""
        return {
            "key": self.key, "why": self.why, "route": self.route, "channel": self.channel,
            "recipient": self.recipient, "due": self.due, "count": self.count,
        }  # fmt: skip


@dataclass(slots=True)
class Standing:
    """What a recipient got lately."""

    delivered: list[int] = field(default_factory=list)
    """When, within the last sixty minutes (ms)."""
    overflowed: int | None = None
    """When it was last told how many more there are."""


@dataclass(slots=True)
class Account:
    """What is remembered of an account."""

    seen: dict[str, tuple[str, int]] = field(default_factory=dict)
    """By profile: incarnation and sequence of the last change that was decided."""
    told: dict[str, int] = field(default_factory=dict)
    """By route and recipient: when it was last told of (ms)."""
    snoozed: int = 0
    """Until when (ms)."""


@dataclass(slots=True)
class Line:
    """A channel that is not to be used for now."""

    paused: int = 0
    """Until when (ms)."""
    off: str | None = None
    """Why, until an operator turns it on again."""
