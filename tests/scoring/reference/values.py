"""What the reference takes and gives: plain values, times in whole milliseconds since the epoch (UTC)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

EPSILON = 1e-9
"""The tolerance of every comparison of numbers."""

DAY_MS = 86_400_000

UNITS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": DAY_MS, "w": 7 * DAY_MS}

Kind = Literal["signal", "tick", "profile_activated", "profile_retired", "import_opened", "import_closed"]

Identity = tuple[str, str]
"""(source, id)."""

Key = tuple[int, str, str]
"""(time, source, id): the order in which signals happened."""


class SignalLike(Protocol):
    """Anything with these attributes is a signal."""

    @property
    def account(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def id(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def time(self) -> int: ...
    @property
    def data(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class PlainSignal:
    """One signal; `type` without prefix and version, `time` is when it happened."""

    account: str
    source: str
    id: str
    type: str
    time: int
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One record of the log. `profile_retired` names its profile in `profile_doc["profile"]`."""

    kind: Kind
    record_time_ms: int
    account: str | None = None
    signal: SignalLike | None = None
    profile_doc: dict[str, Any] | None = None


@dataclass(frozen=True)
class ScoreResult:
    """The score of one account in one profile at one moment, and how it came about."""

    score: float
    groups: dict[str, float]
    contributions: dict[str, float]
    coverage: float
    disqualified: list[str]
    grade: str | None = None


@dataclass
class ProfileView:
    """Where an account stands in one profile at the end of a replay."""

    tier: str
    since: int
    sequence: int
    score: float
    coverage: float
    contributions: dict[str, float]
    reasons: list[str]


@dataclass
class AccountView:
    """One account at the end of a replay; `facts` are flat (`custom.plan`), unknown ones left out."""

    clock: int
    facts: dict[str, Any]
    profiles: dict[str, ProfileView]


@dataclass
class Outcome:
    """What a history came to. `rejected` and `duplicates` give positions in the history."""

    changes: list[dict[str, Any]] = field(default_factory=list)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    accounts: dict[str, AccountView] = field(default_factory=dict)


def milliseconds(duration: str) -> int:
    """A duration as profiles write it ("30d", "1.5h") in milliseconds."""
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d|w)\s*", duration)
    if found is None:
        raise ValueError(f"not a duration: {duration!r}")
    return round(float(found[1]) * UNITS_MS[found[2]])


def instant(value: object) -> int:
    """A moment given as milliseconds, as a datetime or as ISO 8601 text, in milliseconds (cut, not rounded)."""
    if isinstance(value, int):
        return value
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    if not isinstance(moment, datetime):
        raise TypeError(f"not a moment: {value!r}")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000 + since_epoch.microseconds // 1_000


def iso(time: int) -> str:
    """Milliseconds as ISO 8601 with Z; the fraction only where there is one."""
    moment = datetime.fromtimestamp(time // 1_000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{time % 1_000:03d}Z" if time % 1_000 else f"{moment}Z"


def key_of(signal: SignalLike) -> Key:
    """When it happened, ties by identity."""
    return (signal.time, signal.source, signal.id)


def identity_of(signal: SignalLike) -> Identity:
    """What makes a signal itself and no other."""
    return (signal.source, signal.id)
