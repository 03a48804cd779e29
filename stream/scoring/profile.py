"""A profile compiled for scoring, and the set of profiles in force."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import fsum, inf
from typing import Any

from stream.scoring.criteria import Criterion, Gate, SignalRule, compile_criterion, compile_gate
from stream.scoring.ledger import SameEvent
from stream.scoring.tiers import Ladder, compile_ladder
from stream.scoring.values import WHYS, Gap, Why
from stream.scoring.verdicts import Deciding

DAY = 86_400_000

SAME_EVENT: Mapping[str, SameEvent] = {
    "funding_round": SameEvent(("series",), 45 * DAY),
    "executive_hire": SameEvent(("person", "title"), 60 * DAY, needs=("person",)),
    "executive_departure": SameEvent(("person", "title"), 60 * DAY, needs=("person",)),
    "job_posting": SameEvent(("posting_id", "state"), None),
}
"""The default same-event rules (SPEC section 3.4)."""

_SPOKEN = frozenset({"title", "person", "series", "amount_usd", "topic", "technology", "change", "competitor", "kind"})
"""Members that the sentence about a change speaks of."""


@dataclass(frozen=True, slots=True)
class Group:
    """Criteria that are summed together: ``members`` are their places in ``Profile.criteria``."""

    name: str
    members: range
    cap: float | None
    weight: float | None
    out_of: float

    @property
    def scale(self) -> float:
        """What one point of a criterion moves the score by, at most."""
        return 1.0 if self.weight is None else self.weight / self.out_of


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of the grid: the groups it sums, their most, and descending lines in percent of it."""

    groups: tuple[int, ...]
    most: float
    lines: tuple[float, ...]

    def step(self, totals: Sequence[float]) -> int:
        """0 for the best step."""
        total = 0.0
        for group in self.groups:
            total += totals[group]
        share = 100.0 * total / self.most if self.most else 0.0
        for place, line in enumerate(self.lines):
            if share >= line - 1e-9:
                return place
        return len(self.lines)


@dataclass(frozen=True, slots=True)
class Profile:
    """An ICP, compiled. Rules are numbered: criteria first, in order of the document, then gates."""

    name: str
    version: int
    document: Mapping[str, Any]
    groups: tuple[Group, ...]
    criteria: tuple[Criterion, ...]
    gates: tuple[Gate, ...]
    ladder: Ladder
    low: float
    high: float
    grid: tuple[Axis, Axis] | None
    rules: tuple[SignalRule | None, ...]
    by_type: Mapping[str, tuple[int, ...]]
    """Signal type → the numbers of the rules that read it."""
    spans: tuple[tuple[int, int, float | None, float | None, float], ...]
    """The groups once more, as ``total`` reads them: first and last place, cap, weight, ``out_of``."""
    scales: tuple[float, ...]
    """Of each criterion: what one point of it moves the score by, at most."""
    facts: frozenset[str]
    """The facts that criteria and gates read."""
    timed_gates: tuple[int, ...]
    """The gates that read signals, by number."""
    missing: tuple[Mapping[Why, Gap], ...]
    """Of each criterion: that all of it is missing, by the reason why. Most gaps that are published are such."""
    deciding: Deciding = field(compare=False, repr=False)
    """Its criteria and gates, as facts decide them."""

    @property
    def identity(self) -> tuple[str, int]:
        """Name and version."""
        return self.name, self.version

    def total(self, values: Sequence[float]) -> tuple[float, list[float]]:
        """The score of these criterion values, and what each group gave. Exact sums move as their terms do."""
        values = values if isinstance(values, list) else list(values)
        groups = []
        for first, stop, cap, weight, out_of in self.spans:  # read for every signal: no calls, no attributes
            total = _sum(values, first, stop)
            if cap is not None and total > cap:
                total = cap
            if weight is not None:
                total = weight * min(max(total / out_of, 0.0), 1.0)
            groups.append(total)
        return min(max(fsum(groups), self.low), self.high), groups

    def grade(self, groups: Sequence[float]) -> str | None:
        """Such as ``A1``, where the profile has a grid."""
        if self.grid is None:
            return None
        rows, columns = self.grid
        return f"{chr(ord('A') + rows.step(groups))}{1 + columns.step(groups)}"


def _sum(values: list[float], first: int, stop: int) -> float:
    """The sum of a range, rounded once. Mostly two at most are not zero: then plain addition does that."""
    total, some = 0.0, 0
    for number in range(first, stop):
        value = values[number]
        if value != 0.0:
            total += value
            some += 1
    return total if some <= 2 else fsum(values[first:stop])


class Profiles:
    """The profiles in force, in order of name, with what the ledger must know of them together."""

    __slots__ = ("_by_name", "_kept", "fingerprints", "horizons", "reads", "rules")

    def __init__(self, profiles: Iterable[Profile] = (), rules: Mapping[str, SameEvent] = SAME_EVENT) -> None:
        self._by_name = {profile.name: profile for profile in sorted(profiles, key=lambda profile: profile.name)}
        self.rules = rules
        self.reads: dict[str, frozenset[str]] = {}
        """Signal type → members of ``data`` worth remembering."""
        self.horizons: dict[str, int] = {}
        """Signal type → age (ms) below which its signals must be remembered, whatever the horizon."""
        self.fingerprints = {rule.fingerprint: rule for profile in self for rule in profile.rules if rule}
        """Fingerprint → rule: one for all that are alike."""
        for type_, same in rules.items():
            self.reads[type_] = frozenset((*same.members, *same.needs))
        for profile in self:
            for rule in profile.rules:
                if rule is not None:
                    self.reads[rule.type] = self.reads.get(rule.type, frozenset()) | rule.reads
                    self.horizons[rule.type] = max(self.horizons.get(rule.type, 0), rule.horizon)
        self._kept = {type_: reads | _SPOKEN for type_, reads in self.reads.items()}

    def __iter__(self) -> Iterator[Profile]:
        return iter(self._by_name.values())

    def __len__(self) -> int:
        return len(self._by_name)

    def get(self, name: str) -> Profile | None:
        """The version in force of a profile."""
        return self._by_name.get(name)

    def with_(self, profile: Profile) -> Profiles:
        """The set after a profile version was activated."""
        return Profiles([*(other for other in self if other.name != profile.name), profile], self.rules)

    def without(self, name: str) -> Profiles:
        """The set after a profile was retired."""
        return Profiles([other for other in self if other.name != name], self.rules)

    def remembered(self, type_: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The members of a signal that are worth remembering."""
        kept = self._kept.get(type_, _SPOKEN)
        return {member: value for member, value in data.items() if member in kept}


def compile_profile(document: Mapping[str, Any]) -> Profile:
    """A validated profile document, compiled.

    The document must have passed ``schemas.profiles``; what is wrong with one that has not surfaces as KeyError,
    TypeError or ValueError.
    """
    criteria: list[Criterion] = []
    groups: list[Group] = []
    for part in document["groups"]:
        start = len(criteria)
        criteria += [compile_criterion(line, part["name"]) for line in part["criteria"]]
        groups.append(
            Group(
                part["name"],
                range(start, len(criteria)),
                _number(part.get("cap")),
                _number(part.get("weight")),
                float(part.get("out_of") or 100.0),
            )
        )
    gates = [compile_gate(line, excludes=True) for line in document.get("exclude") or ()]
    gates += [compile_gate(line, excludes=False) for line in document.get("require") or ()]
    rules = (*(line.signals for line in criteria), *(gate.signals for gate in gates))
    by_type: dict[str, tuple[int, ...]] = {}
    for number, rule in enumerate(rules):
        if rule is not None:
            by_type[rule.type] = (*by_type.get(rule.type, ()), number)
    reads = frozenset[str]().union(*(line.reads for line in criteria), *(gate.reads for gate in gates))
    span = document.get("score") or {}
    return Profile(
        name=document["profile"],
        version=int(document["version"]),
        document=document,
        groups=tuple(groups),
        criteria=tuple(criteria),
        gates=tuple(gates),
        ladder=compile_ladder(document["tiers"]),
        low=float(span.get("min", 0)),
        high=float(span.get("max", 100)),
        grid=_grid(document.get("grid"), groups, criteria),
        rules=rules,
        by_type=by_type,
        spans=tuple((g.members.start, g.members.stop, g.cap, g.weight, g.out_of) for g in groups),
        scales=tuple(group.scale for group in groups for _ in group.members),
        facts=frozenset(part for name in reads for part in _path(name)),
        timed_gates=tuple(number for number, gate in enumerate(gates) if gate.signals is not None),
        missing=tuple({why: Gap(c.id, c.group, c.most or 0.0, c.most or 0.0, why) for why in WHYS} for c in criteria),
        deciding=Deciding(criteria, gates),
    )


def _path(name: str) -> list[str]:
    """A dotted name and what it may be inside of."""
    steps = name.split(".")
    return [".".join(steps[: end + 1]) for end in range(len(steps))]


def _grid(
    document: Mapping[str, Any] | None, groups: Sequence[Group], criteria: Sequence[Criterion]
) -> tuple[Axis, Axis] | None:
    if not document:
        return None
    names = {group.name: number for number, group in enumerate(groups)}

    def axis(side: str, lines: str) -> Axis:
        numbers = tuple(names[name] for name in document[side])
        most = sum(_most(groups[number], criteria) for number in numbers)
        return Axis(numbers, most, tuple(float(line) for line in document.get(lines) or (75, 50, 25)))

    return axis("rows", "row_lines"), axis("columns", "column_lines")


def _most(group: Group, criteria: Sequence[Criterion]) -> float:
    """The most a group can give; validation saw to it that a grid's groups are bounded."""
    if group.weight is not None:
        return group.weight
    each = [criteria[number].most for number in group.members]
    most = inf if None in each else sum(max(points, 0.0) for points in each if points is not None)
    return most if group.cap is None else min(most, group.cap)


def _number(value: Any) -> float | None:
    return None if value is None else float(value)
