"""What alerting remembers: of accounts, of recipients, of messages that wait, and of what is collected. Pure.

It lives in rows of bytes, as the changelog keeps them; `writes` gives those that changed. Rows of accounts are read
when they are asked for, everything else is small and kept decoded. A state is changed in place; whoever cannot make
the changes durable throws it away and reads the rows again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson

from stream.delivery.routes import Target

FORMAT = 1
HOUR = 3_600_000
CARRIED = 50
"""Changes that a message of several carries at most; the rest are only counted."""


class Rows(Protocol):
    """Stored rows, to be read."""

    def get(self, key: bytes, /) -> bytes | None:
        """The row of a key."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Every row."""


class StateTooNew(Exception):
    """The rows were written by a newer release."""


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

    def add(self, told: Told) -> None:
        """One more; beyond `CARRIED` those with the highest scores are kept, and the others counted."""
        self.count += 1
        self.told.append(told)
        if len(self.told) > CARRIED:
            self.told.remove(min(self.told, key=lambda one: one.change["data"]["score"]))


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


class State:
    """The state of all alerting over its stored rows."""

    def __init__(self, stored: Rows, since: int) -> None:
        """Read the rows; `since` (ms) is when alerting began, should they not say. Raises StateTooNew."""
        self._stored = stored
        self._accounts: dict[str, Account] = {}
        self._changed: set[tuple[str, str]] = set()
        self.since = since
        self.waiting: dict[str, Message] = {}
        self.parked: dict[str, Message] = {}
        self.collected: dict[str, Collected] = {}
        self.standings: dict[str, Standing] = {}
        self.lines: dict[str, Line] = {}
        self.flying: set[str] = set()
        """Keys of messages with an attempt under way in this process."""
        self._read()

    def _read(self) -> None:
        meta = self._stored.get(b"meta")
        if meta is None:
            self._changed.add(("meta", ""))
        else:
            row = orjson.loads(meta)
            if row["v"] > FORMAT:
                raise StateTooNew(
                    f"the stored state of the alerts has format {row['v']}, this release reads up to {FORMAT}. Run the "
                    "newer release again; nothing was changed"
                )
            self.since = row["since"]
        messages = []
        for key, value in self._stored.items():
            kind, _, name = key.decode().partition("/")
            match kind:
                case "m":
                    messages.append(_message(orjson.loads(value)))
                case "d":
                    row = orjson.loads(value)
                    self.collected[name] = Collected(**{**row, "told": [Told(**one) for one in row["told"]]})
                case "t":
                    self.standings[name] = Standing(**orjson.loads(value))
                case "c":
                    self.lines[name] = Line(**orjson.loads(value))
        for message in sorted(messages, key=lambda one: one.order):
            (self.waiting if message.parked is None else self.parked)[message.key] = message
        self._order = max((message.order for message in messages), default=0)

    # What is remembered

    def account(self, name: str) -> Account:
        """An account; whoever changes it says so by `touch_account`."""
        found = self._accounts.get(name)
        if found is None:
            raw = self._stored.get(f"a/{name}".encode())
            row = orjson.loads(raw) if raw else {}
            found = Account(
                {profile: (one[0], one[1]) for profile, one in row.get("seen", {}).items()},
                row.get("told", {}),
                row.get("snoozed", 0),
            )
            self._accounts[name] = found
        return found

    def touch_account(self, name: str) -> None:
        """An account was changed."""
        self._changed.add(("a", name))

    def standing(self, target: str) -> Standing:
        """A recipient; whoever changes it says so by `touch`."""
        return self.standings.setdefault(target, Standing())

    def line(self, channel: str) -> Line:
        """A channel; whoever changes it says so by `touch`."""
        return self.lines.setdefault(channel, Line())

    def touch(self, kind: str, name: str) -> None:
        """A row was changed: `m` message, `d` collected, `t` recipient, `c` channel."""
        self._changed.add((kind, name))

    def next_order(self) -> int:
        """The place of a new message in the order of all."""
        self._order += 1
        return self._order

    def used(self, target: str, now: int) -> int:
        """Places under the ceiling that are taken: messages that wait, and those of the last sixty minutes."""
        standing = self.standings.get(target)
        lately = sum(1 for at in standing.delivered if at > now - HOUR) if standing else 0
        return lately + sum(1 for one in self.waiting.values() if one.reserved and one.target.id == target)

    # Rows

    def writes(self) -> dict[bytes, bytes | None]:
        """Rows to store for what changed since the last call of `stored`; `None`: take it away."""
        rows: dict[bytes, bytes | None] = {}
        for kind, name in sorted(self._changed):
            key = (f"{kind}/{name}" if name else kind).encode()
            rows[key] = self._row(kind, name)
        return rows

    def _row(self, kind: str, name: str) -> bytes | None:
        found: Any
        match kind:
            case "meta":
                return orjson.dumps({"v": FORMAT, "since": self.since})
            case "a":
                found = self._accounts[name]
            case "m":
                found = self.waiting.get(name) or self.parked.get(name)
            case "d":
                found = self.collected.get(name)
            case "t":
                found = self.standings.get(name)
            case _:
                found = self.lines.get(name)
        return None if found is None else orjson.dumps(found)

    def stored(self) -> None:
        """What `writes` gave is durable."""
        self._changed.clear()
        self._accounts.clear()


def _message(row: dict[str, Any]) -> Message:
    return Message(**{**row, "told": [Told(**one) for one in row["told"]]})
