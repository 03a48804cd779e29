"""One line of a profile, compiled: what it reads, what a signal is worth under it, how that fades.

The order of SPEC section 3.4 is kept by construction: a book sees only signals that were not taken back and are no
repeats (the ledger), of those the ones that ``where`` holds of, of those the ones within ``limit``, and bounds by
``cap`` last.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

from stream.scoring.conditions import Condition, Verdict, compile_condition, is_number, look_up, members_read
from stream.scoring.decay import Decay, compile_decay, milliseconds

MOST_POINTS = 1e15
"""One signal gives at most so many points, whatever a member that multiplies them says."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most ``count`` signals in each tumbling window of ``per`` milliseconds, aligned to the epoch."""

    count: int
    per: int


@dataclass(frozen=True, slots=True)
class Surge:
    """The rate of the last ``recent`` ms is at least ``at_least`` times that of the ``baseline`` ms before it."""

    recent: int
    baseline: int
    at_least: float
    min_count: int


@dataclass(frozen=True, slots=True)
class SignalRule:
    """What counts for a criterion or a gate that reads signals of one type."""

    type: str
    where: Condition | None
    points: float
    multiply: str | None
    points_by: tuple[str, Mapping[str, float]] | None
    decay: Decay
    cap: float | None
    """``None``: the strongest single signal; infinity: the sum; else the bounded sum."""
    limit: Limit | None
    surge: Surge | None
    reads: frozenset[str]
    """The members of ``data`` that have to be remembered."""
    fingerprint: str
    """Equal for rules that count alike: what was forgotten under one stays with the other."""

    def matches(self, data: Mapping[str, Any]) -> bool:
        """Whether ``where`` holds; unknown does not."""
        return self.where is None or self.where(data) is True

    def worth(self, data: Mapping[str, Any]) -> float:
        """The points of one signal before decay."""
        if self.points_by is not None:
            member, table = self.points_by
            value = look_up(data, member)
            points = table.get(_label(value), 0.0)
        else:
            points = self.points
        if self.multiply is not None:
            factor = look_up(data, self.multiply)
            points = points * float(factor) if is_number(factor) else 0.0
        return min(max(float(points), -MOST_POINTS), MOST_POINTS)

    @property
    def horizon(self) -> int:
        """The age (ms) from which a signal's course is plain: it may be forgotten without a trace in the score."""
        return self.surge.recent + self.surge.baseline if self.surge else self.decay.settled


@dataclass(frozen=True, slots=True)
class Criterion:
    """One line of a group: on a fact (``when``) or on signals (``signals``)."""

    id: str
    group: str
    points: float
    when: Condition | None
    reads: frozenset[str]
    signals: SignalRule | None
    most: float | None
    """The most it can give; ``None`` when it has no bound."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A line of ``exclude`` or ``require``: it says who is disqualified, whatever the score."""

    id: str
    excludes: bool
    when: Condition | None
    reads: frozenset[str]
    signals: SignalRule | None
    unknown_fails: bool

    @property
    def reason(self) -> str:
        """The reason in words, as ``reasons`` carries it."""
        return f"excluded by {self.id}" if self.excludes else f"required {self.id} not met"

    def shuts(self, verdict: Verdict) -> bool:
        """Whether the gate sends the account away, given its condition's verdict."""
        if self.excludes:
            return verdict is True
        return self.unknown_fails if verdict is None else not verdict


def compile_criterion(document: Mapping[str, Any], group: str) -> Criterion:
    """A validated criterion document, compiled."""
    if document.get("signal"):
        rule = compile_rule(document)
        return Criterion(document["id"], group, rule.points, None, frozenset(), rule, _most(rule))
    when = document["when"]
    points = float(document["points"])
    reads = frozenset(members_read(when))
    return Criterion(document["id"], group, points, compile_condition(when), reads, None, points)


def compile_gate(document: Mapping[str, Any], *, excludes: bool) -> Gate:
    """A validated line of ``exclude`` or ``require``, compiled."""
    fails = document.get("unknown", "pass") == "fail"
    if document.get("signal"):
        return Gate(document["id"], excludes, None, frozenset(), compile_rule(document), fails)
    when = document["when"]
    return Gate(document["id"], excludes, compile_condition(when), frozenset(members_read(when)), None, fails)


def compile_rule(document: Mapping[str, Any]) -> SignalRule:
    """The signal part of a criterion or gate, compiled."""
    where = document.get("where")
    points_by = document.get("points_by")
    multiply = document.get("multiply")
    limit, surge = document.get("limit"), document.get("surge")
    reads = set(members_read(where))
    table: tuple[str, Mapping[str, float]] | None = None
    if points_by:
        ((member, values),) = points_by.items()
        table = (member, {_label(value): float(points) for value, points in values.items()})
        reads.add(member)
    if multiply:
        reads.add(multiply)
    return SignalRule(
        type=document["signal"],
        where=compile_condition(where) if where else None,
        points=float(document.get("points") or 0.0),
        multiply=multiply,
        points_by=table,
        decay=compile_decay(document.get("decay")),
        cap=_cap(document.get("cap")),
        limit=Limit(int(limit["count"]), milliseconds(limit["per"])) if limit else None,
        surge=_surge(surge) if surge else None,
        reads=frozenset(name.split(".")[0] for name in reads) | frozenset(reads),
        fingerprint=_fingerprint(document),
    )


def _surge(document: Mapping[str, Any]) -> Surge:
    return Surge(
        milliseconds(document["recent"]),
        milliseconds(document["baseline"]),
        float(document["at_least"]),
        int(document.get("min_count") or 1),
    )


def _cap(cap: Any) -> float | None:
    if cap is None:
        return None
    return inf if cap == "none" else float(cap)


def _most(rule: SignalRule) -> float | None:
    """What ``Criterion.most`` says; of one that only takes points without a bound, 0: it gives nothing."""
    if rule.surge is not None:
        return rule.points
    best = rule.points if rule.points_by is None else max((0.0, *rule.points_by[1].values()))
    if rule.multiply is None:
        if rule.cap is None:
            return best
        if best <= 0:  # what is summed only takes: a cap below zero bounds it, and one above is never come to
            return min(rule.cap, 0.0)
    return rule.cap if rule.cap is not None and 0 <= rule.cap < inf else None


def _label(value: Any) -> str:
    """How a member's value is looked up in ``points_by``: without case; whole numbers without a point."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().casefold()


def _fingerprint(document: Mapping[str, Any]) -> str:
    counting = ("signal", "where", "points", "points_by", "multiply", "decay", "limit")
    parts = {name: document.get(name) for name in counting}
    parts["summed"] = document.get("cap") is not None
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
