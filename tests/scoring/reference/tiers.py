"""The tier machine: which tier a score gives an account that stands in another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .values import EPSILON, ScoreResult, milliseconds

DISQUALIFIED = "disqualified"

Tiers = Sequence[Mapping[str, Any]]
"""Highest first, as in a profile document."""


def enters(tier: Mapping[str, Any], score: float) -> bool:
    """Whether the score opens the tier; the last one, without a line, is open to all."""
    if tier.get("enter") is not None:
        return bool(score >= tier["enter"] - EPSILON)
    if tier.get("enter_above") is not None:
        return bool(score > tier["enter_above"] + EPSILON)
    return True


def falls(tier: Mapping[str, Any], score: float) -> bool:
    """Whether the score is below what keeps an account in the tier."""
    if tier.get("leave") is not None:
        return bool(score < tier["leave"] - EPSILON)
    return not enters(tier, score)


def lines(tiers: Tiers) -> list[float]:
    """The scores at which the answers of `enters` and `falls` change."""
    told = [tier[name] for tier in tiers for name in ("enter", "enter_above", "leave") if tier.get(name) is not None]
    return sorted({float(line) + shift for line in told for shift in (-EPSILON, EPSILON)})


def dwell_of(tiers: Tiers, name: str) -> int:
    """How long an account is held in the tier, in milliseconds."""
    return next((milliseconds(tier["dwell"]) for tier in tiers if tier["name"] == name and tier.get("dwell")), 0)


def next_tier(tiers: Tiers, current: str | None, since: int, result: ScoreResult, now: int) -> str:
    """The tier the account has now, having been in `current` since `since` (None: in none yet)."""
    score = result.score
    if result.disqualified:
        return DISQUALIFIED
    names = [tier["name"] for tier in tiers]
    highest = next(place for place, tier in enumerate(tiers) if enters(tier, score))
    if current is None or current not in names:
        return str(names[highest])
    place = names.index(current)
    if highest < place:
        return str(names[highest])
    if now < since + dwell_of(tiers, current):
        return current
    while falls(tiers[place], score):
        place += 1
    return str(names[place])


def direction(tiers: Tiers, current: str | None, target: str) -> str:
    """How a change is called. A tier that the profile no longer has counts as none."""
    names = [tier["name"] for tier in tiers]
    if target == DISQUALIFIED:
        return "disqualified"
    if current == DISQUALIFIED:
        return "requalified"
    if current not in names:
        return "enter"
    return "up" if names.index(target) < names.index(current) else "down"
