"""The tier machine: which tier a score deserves, given the tier the account is in and since when.

* Up to the highest tier whose entry holds; else, while below the current tier's ``leave``, down, past as many tiers
  as it takes, in one change.
* ``dwell`` of the tier left holds back a demotion, never a disqualification.
* Into ``disqualified`` and out of it at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

from stream.scoring.decay import milliseconds
from stream.scoring.values import DISQUALIFIED, TOLERANCE


@dataclass(frozen=True, slots=True)
class Tier:
    """One rung. Lines are in points; the last tier has none and always holds."""

    name: str
    enter: float | None
    above: bool
    """Whether the line itself is outside: ``enter_above``."""
    leave: float | None
    """Below it the account goes; ``None``: when the entry no longer holds."""
    dwell: int
    """No demotion sooner than this many ms after entering."""

    @property
    def entry(self) -> float:
        """The line at which the entry begins to hold; minus infinity where it always does."""
        if self.enter is None:
            return -inf
        return self.enter + TOLERANCE if self.above else self.enter - TOLERANCE

    @property
    def exit(self) -> float:
        """The line below which the account goes."""
        return self.entry if self.leave is None else self.leave - TOLERANCE

    def entered_at(self, score: float) -> bool:
        """Whether the entry holds."""
        if self.enter is None:
            return True
        return score > self.enter + TOLERANCE if self.above else score >= self.enter - TOLERANCE

    def left_at(self, score: float) -> bool:
        """Whether the score no longer holds the account here."""
        if self.leave is None:
            return not self.entered_at(score)
        return score < self.leave - TOLERANCE


class Ladder:
    """The tiers of a profile, highest first."""

    __slots__ = ("above", "index", "tiers")

    def __init__(self, tiers: Sequence[Tier]) -> None:
        self.tiers = tuple(tiers)
        self.index = {tier.name: place for place, tier in enumerate(self.tiers)}
        self.above: dict[str | None, float] = {DISQUALIFIED: inf}
        """Tier → the lowest line above it: a score below that moves nobody up."""
        lowest = inf
        for tier in self.tiers:
            self.above[tier.name] = lowest
            lowest = min(lowest, tier.entry)

    @property
    def lowest(self) -> str:
        """The tier without a line."""
        return self.tiers[-1].name

    def place(self, score: float) -> str:
        """The highest tier whose entry holds: for an account from nowhere, or back from ``disqualified``."""
        return next(tier.name for tier in self.tiers if tier.entered_at(score))

    def next(self, current: str | None, score: float, *, shut: bool, now: int, since: int) -> str:
        """The tier the machine gives. ``shut``: a gate disqualifies. ``since``: when the current tier was entered."""
        if shut:
            return DISQUALIFIED
        at = self.index.get(current) if current else None
        if at is None:
            return self.place(score)
        for tier in self.tiers[:at]:
            if tier.entered_at(score):
                return tier.name
        if now < since + self.tiers[at].dwell:
            return self.tiers[at].name
        while self.tiers[at].left_at(score):
            at += 1
        return self.tiers[at].name

    def may_move(self, current: str, low: float, high: float, *, now: int, since: int) -> bool:
        """Whether any score in ``[low, high]`` at any time up to ``now`` could give another tier (gates aside)."""
        at = self.index.get(current)
        if at is None:
            return True
        for tier in self.tiers[:at]:
            if tier.entered_at(high):
                return True
        return now >= since + self.tiers[at].dwell and self.tiers[at].left_at(low)


def compile_ladder(documents: Sequence[Mapping[str, Any]]) -> Ladder:
    """Validated ``tiers`` of a profile, compiled."""
    return Ladder([_tier(document) for document in documents])


def _tier(document: Mapping[str, Any]) -> Tier:
    above = document.get("enter_above") is not None
    enter = document.get("enter_above") if above else document.get("enter")
    leave = document.get("leave")
    dwell = document.get("dwell")
    return Tier(
        name=document["name"],
        enter=None if enter is None else float(enter),
        above=above,
        leave=None if leave is None else float(leave),
        dwell=milliseconds(dwell) if dwell else 0,
    )
