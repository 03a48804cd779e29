"""A tier change as alerting sees it: what routes ask about, and the published document to tell from. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.times import parse_time

_RISES = frozenset({"enter", "up", "requalified"})


@dataclass(frozen=True, slots=True)
class Change:
    """One tier change. Moments are milliseconds since the epoch."""

    id: str
    account: str
    profile: str
    incarnation: str
    """Differs once the account was erased and came again: sequences then count from 1 anew."""
    sequence: int
    direction: str
    cause: str
    from_tier: str | None
    to_tier: str | None
    score: float
    importing: bool
    effective_at: int
    detected_at: int
    document: Mapping[str, Any]
    """The event as published."""

    @property
    def rises(self) -> bool:
        """Whether it is good news."""
        return self.direction in _RISES


def read_change(event: Mapping[str, Any]) -> Change:
    """The change that an event on `tier-changes` tells of. Raises ValueError, KeyError or TypeError for another."""
    data = event["data"]
    id_ = str(event["id"])
    _, incarnation, sequence = id_.rsplit("/", 2)
    return Change(
        id=id_,
        account=str(data["account"]),
        profile=str(data["profile"]),
        incarnation=incarnation,
        sequence=int(sequence),
        direction=str(data["direction"]),
        cause=str(data["cause"]),
        from_tier=data["from_tier"],
        to_tier=data["to_tier"],
        score=float(data["score"]),
        importing=bool(data["import"]),
        effective_at=parse_time(data["effective_at"]),
        detected_at=parse_time(data["detected_at"]),
        document=event,
    )
