"""What known facts say to the criteria and gates of a profile.

Most accounts have no facts or few, so what is said to them is the same: it is decided once and shared, which spares an
account a quarter of what it would weigh.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stream.scoring.conditions import Verdict
from stream.scoring.criteria import Criterion, Gate

SHARED = 1_000
"""Verdicts of a profile that are kept to be shared at most; facts can say more than anybody has room for."""


class Verdicts:
    """What facts say to one profile. Shared, and never changed."""

    __slots__ = ("coverage", "criteria", "gates", "shut", "values")

    def __init__(self, profile: Deciding, criteria: list[Verdict], gates: list[Verdict]) -> None:
        self.criteria = criteria
        """To each criterion that reads them; ``None`` where they do not say, false where it reads signals."""
        self.gates = gates
        self.values = [
            criterion.points if verdict is True else 0.0
            for criterion, verdict in zip(profile.criteria, criteria, strict=True)
        ]
        """The points that each criterion gives for facts."""
        self.shut = any(
            gate.when is not None and gate.shuts(verdict) for gate, verdict in zip(profile.gates, gates, strict=True)
        )
        """Whether some gate disqualifies for facts."""
        count = len(criteria)
        self.coverage = (count - criteria.count(None)) / count if count else 1.0
        """The share of all criteria that could be decided."""


class Deciding:
    """The criteria and gates of one profile, as facts decide them."""

    __slots__ = ("_known", "criteria", "gates", "nothing")

    def __init__(self, criteria: Sequence[Criterion], gates: Sequence[Gate]) -> None:
        self.criteria = criteria
        self.gates = gates
        self._known: dict[tuple[Verdict, ...], Verdicts] = {}
        self.nothing = self._decided({})
        """Where nothing is known."""

    def verdicts(self, facts: Mapping[str, Any]) -> Verdicts:
        """What these facts (known values by member) say."""
        return self._decided(facts) if facts else self.nothing

    def _decided(self, facts: Mapping[str, Any]) -> Verdicts:
        criteria = [criterion.when(facts) if criterion.when else False for criterion in self.criteria]
        gates = [gate.when(facts) if gate.when else None for gate in self.gates]
        key = (*criteria, *gates)
        found = self._known.get(key)
        if found is None:
            if len(self._known) == SHARED:
                self._known.clear()
            found = self._known[key] = Verdicts(self, criteria, gates)
        return found
