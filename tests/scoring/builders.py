"""Small logs by hand: one account, one profile, days since the beginning of 2026."""

from __future__ import annotations

from typing import Any

from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.state import AccountState
from stream.scoring.values import Effects, Signal, TierChange

from .histories import START_MS

ACCOUNT = "acme.com"
DAY_MS = 86_400_000
HOT_COLD = [{"name": "hot", "enter": 20}, {"name": "cold"}]


def day(days: float) -> int:
    """So many days after the beginning of 2026."""
    return START_MS + round(days * DAY_MS)


def line(signal: str = "content_consumption", points: float = 1.0, **more: Any) -> dict[str, Any]:
    """A criterion; its id is the type's name unless one is given."""
    return {"id": signal, "signal": signal, "points": points, **more}


def profile(*lines: dict[str, Any], tiers: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    """A profile of one group; hot from 20 points."""
    return {
        "profile": "p",
        "version": 1,
        "groups": [{"name": "g", "criteria": list(lines)}],
        "tiers": tiers or HOT_COLD,
        **more,
    }


class Desk:
    """One account under one profile, told signals one by one."""

    def __init__(self, doc: dict[str, Any], limits: Limits | None = None, accounts: Memory | None = None) -> None:
        self.partition = Partition(Engine(limits), accounts or Memory())
        if hasattr(accounts, "partition"):
            accounts.partition = self.partition
        self.partition.activate(compile_profile(doc), day(0))
        self.changes: list[TierChange] = []
        self._count = 0

    def tell(
        self, at: float, kind: str = "content_consumption", *, id_: str = "", record: float | None = None, **data: Any
    ) -> Effects:
        """A signal of that day, recorded then or on another."""
        self._count += 1
        signal = Signal(ACCOUNT, "x", id_ or f"s{self._count:05d}", kind, day(at), data)
        effects = self.partition.signal(signal, day(at if record is None else record))
        self.changes += effects.changes
        return effects

    def take_back(self, at: float, id_: str, when: float) -> Effects:
        """A retraction of that day, of a signal that happened on another."""
        return self.tell(at, "retracted", signal_source="x", signal_id=id_, signal_time=day(when))

    def activate(self, at: float, doc: dict[str, Any]) -> None:
        """The next version of the profile."""
        self.partition.activate(compile_profile(doc), day(at))
        self.changes += self.partition.rescore()

    def wait(self, until: float) -> list[TierChange]:
        """Let time pass; what it changed."""
        changes = self.partition.advance(day(until))
        self.changes += changes
        return changes

    @property
    def state(self) -> AccountState:
        """The account."""
        state = self.partition.accounts.get(ACCOUNT)
        assert state is not None
        state.build()
        return state

    def score(self, at: float) -> float:
        """The score at a moment, as far as is known now."""
        place = self.state.places["p"]
        return place.profile.total(place.values(day(at)))[0]
