"""The values that flow through the core: a signal in, changes of tier out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, get_args

TOLERANCE = 1e-9
"""Two numbers closer than this are the same number (SPEC section 4)."""

DISQUALIFIED = "disqualified"
"""The tier outside the ladder: excluded, or without what is required."""

FACT_TYPES = frozenset({"account_update", "opportunity_outcome"})
"""Signal types that change facts: never too late, never retractable."""

NOT_RETRACTABLE = FACT_TYPES | {"account_alias", "retracted"}

NOTHING: Final[dict[Any, Any]] = {}
"""Stands where most accounts have nothing, as an empty dict of each one's own took memory; never written to."""

Direction = Literal["enter", "up", "down", "disqualified", "requalified", "merged"]
Cause = Literal["signal", "fact", "retraction", "decay", "profile", "merge"]
Why = Literal["unknown", "not met", "no signal", "faded", "below the cap"]
WHYS: tuple[Why, ...] = get_args(Why)
Outcome = Literal["counted", "repeat", "duplicate", "kept", "fact", "retraction"]
"""What became of an accepted signal.

``counted``: some profile counts it. ``repeat``: the same event told again. ``duplicate``: the same identity
again, nothing changed. ``kept``: remembered, no profile counts its type.
"""


class Signal:
    """One normalised signal about an account. Its identity is ``(source, id)``."""

    # made for every record: compiled, a dataclass takes eight times as long to make
    __slots__ = ("account", "data", "id", "source", "time", "type")

    def __init__(self, account: str, source: str, id: str, type: str, time: int, data: dict[str, Any]) -> None:  # noqa: A002
        self.account = account
        """Canonical domain."""
        self.source = source
        self.id = id
        self.type = type
        """The suffix after ``tierline.signal.``, without a version."""
        self.time = time
        """``occurred_at``: when it happened in the world, epoch milliseconds."""
        self.data = data
        """Validated members; enumerations lower case, defaults filled, unknown members kept."""


class Refused(Exception):
    """A well-formed signal that cannot be used. ``reason`` is one of the closed list in ``schemas/rejected.py``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


# what follows is made for every published score: an ``__init__`` of its own is compiled, that of a dataclass is not


@dataclass(slots=True, init=False)
class Contribution:
    """What one criterion gives now, before its group's cap and weight."""

    criterion: str
    group: str
    points: float
    of: float | None
    """The most it can give; ``None`` when it has no bound."""
    change: float
    """Against the same clock just before the record; where time alone acted, against the last published change."""
    evidence: list[str]
    """``source/id`` of what it stands on, oldest first; the newest ten."""

    def __init__(
        self, criterion: str, group: str, points: float, of: float | None, change: float, evidence: list[str]
    ) -> None:
        self.criterion, self.group = criterion, group
        self.points, self.of, self.change = points, of, change
        self.evidence = evidence


@dataclass(slots=True, init=False)
class Gap:
    """What is missing to the most a criterion can give."""

    criterion: str
    group: str
    points: float
    of: float
    why: Why
    written: Any = field(compare=False, repr=False)
    """Its form where it is published, kept by whoever writes it: most gaps are a profile's own, and shared."""

    def __init__(self, criterion: str, group: str, points: float, of: float, why: Why) -> None:
        self.criterion, self.group = criterion, group
        self.points, self.of, self.why = points, of, why
        self.written = None


@dataclass(slots=True)  # frozen takes three times as long to make
class Trigger:
    """The signal that moved the account."""

    id: str
    source: str
    type: str
    time: int
    summary: str


@dataclass(slots=True, init=False)
class Standing:
    """An account in one profile at one moment, as ``account-scores`` publishes it."""

    profile: str
    profile_version: int
    score: float
    tier: str
    grade: str | None
    coverage: float
    since: int
    sequence: int
    contributions: list[Contribution]
    gaps: list[Gap]
    reasons: list[str]
    next_transition_at: int | None
    next_tier: str | None

    def __init__(
        self,
        *,
        profile: str,
        profile_version: int,
        score: float,
        tier: str,
        grade: str | None,
        coverage: float,
        since: int,
        sequence: int,
        contributions: list[Contribution],
        gaps: list[Gap],
        reasons: list[str],
        next_transition_at: int | None,
        next_tier: str | None,
    ) -> None:
        self.profile, self.profile_version = profile, profile_version
        self.score, self.tier, self.grade, self.coverage = score, tier, grade, coverage
        self.since, self.sequence = since, sequence
        self.contributions, self.gaps, self.reasons = contributions, gaps, reasons
        self.next_transition_at, self.next_tier = next_transition_at, next_tier


@dataclass(slots=True)  # frozen takes three times as long to make
class TierChange:
    """An account crossed a line (SPEC section 7); ``effective_at`` is the account's clock at that moment."""

    account: str
    born: int
    """The account's first record time: its incarnation."""
    sequence: int
    from_tier: str | None
    direction: Direction
    cause: Cause
    previous_score: float
    effective_at: int
    trigger: Trigger | None
    standing: Standing
    summary: str

    @property
    def to_tier(self) -> str | None:
        """The tier it is in now; ``None`` where it ended in a merger."""
        return None if self.direction == "merged" else self.standing.tier


class Effects:
    """What applying one record brought about."""

    __slots__ = ("changes", "outcome", "refused")

    def __init__(self) -> None:
        self.changes: list[TierChange] = []
        self.outcome: Outcome | None = None
        self.refused: Refused | None = None
