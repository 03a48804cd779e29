"""The score of an account in a profile: a pure function, from scratch, of every accepted signal and a moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import fsum
from typing import Any

from .conditions import Truth, holds
from .counting import events, facts_of, matching
from .decay import decay_of
from .lines import Line, SignalLine, line_of
from .values import ScoreResult, SignalLike


@dataclass(frozen=True)
class GroupLines:
    """A group with its lines."""

    name: str
    lines: tuple[tuple[str, Line], ...]
    cap: float | None
    weight: float | None
    out_of: float

    def value(self, contributions: Mapping[str, float]) -> float:
        """The sum, bounded, then rescaled."""
        total = fsum(contributions[name] for name, _ in self.lines)
        if self.cap is not None:
            total = min(total, self.cap)
        if self.weight is not None:
            total = self.weight * min(1.0, max(0.0, total / self.out_of))
        return total


@dataclass(frozen=True)
class Gate:
    """An exclusion or a requirement: about facts (`truth`), or about signals still within their window (`line`)."""

    name: str
    excludes: bool
    truth: Truth
    line: SignalLine | None
    unknown_fails: bool

    def disqualifies(self, now: int) -> bool:
        """Whether it sends the account away at that moment."""
        truth = self.truth if self.line is None else self.line.value(now) > 0
        if self.excludes:
            return truth is True
        return truth is False or (truth is None and self.unknown_fails)


@dataclass(frozen=True)
class Prepared:
    """A profile over one account's signals: asked for a moment, it gives the score then."""

    groups: tuple[GroupLines, ...]
    gates: tuple[Gate, ...]
    lowest: float
    highest: float

    def at(self, now: int) -> ScoreResult:
        """The score at a moment, with everything that led to it."""
        lines = [(name, line) for group in self.groups for name, line in group.lines]
        contributions = {name: line.value(now) for name, line in lines}
        groups = {group.name: group.value(contributions) for group in self.groups}
        decided = sum(line.decided for _, line in lines)
        return ScoreResult(
            score=min(self.highest, max(self.lowest, fsum(groups.values()))),
            groups=groups,
            contributions=contributions,
            coverage=decided / len(lines) if lines else 1.0,
            disqualified=[gate.name for gate in self.gates if gate.disqualifies(now)],
        )

    @cached_property
    def moments(self) -> list[int]:
        """Every moment at which a line or a gate jumps or takes another course."""
        found = {moment for group in self.groups for _, line in group.lines for moment in line.moments()}
        found |= {moment for gate in self.gates if gate.line for moment in gate.line.moments()}
        return sorted(found)


def score(signals: Iterable[SignalLike], profile_doc: Mapping[str, Any], as_of: int) -> ScoreResult:
    """The score at `as_of` of an account of which these signals were accepted, in any order.

    A second delivery is not accepted, so each identity comes once. Facts hold whatever their time.
    """
    return prepare(list(signals), profile_doc).at(as_of)


def prepare(
    signals: Sequence[SignalLike], profile_doc: Mapping[str, Any], facts_only: Sequence[SignalLike] = ()
) -> Prepared:
    """Choose what each line of the profile counts. `facts_only` tell facts and count for no line."""
    counted = events(signals)
    facts = facts_of([*signals, *facts_only])
    groups = tuple(
        GroupLines(
            group["name"],
            tuple((criterion["id"], line_of(criterion, counted, facts)) for criterion in group["criteria"]),
            None if group.get("cap") is None else float(group["cap"]),
            None if group.get("weight") is None else float(group["weight"]),
            float(group.get("out_of", 100.0)),
        )
        for group in profile_doc["groups"]
    )
    gates = [_gate(rule, counted, facts, excludes=True) for rule in profile_doc.get("exclude") or []]
    gates += [_gate(rule, counted, facts, excludes=False) for rule in profile_doc.get("require") or []]
    bounds = profile_doc.get("score") or {}
    return Prepared(groups, tuple(gates), float(bounds.get("min", 0.0)), float(bounds.get("max", 100.0)))


def _gate(rule: Mapping[str, Any], counted: Sequence[SignalLike], facts: Mapping[str, Any], *, excludes: bool) -> Gate:
    unknown_fails = rule.get("unknown", "pass") == "fail"
    if "when" in rule:
        return Gate(rule["id"], excludes, holds(rule["when"], facts), None, unknown_fails)
    signals = tuple((one.time, 1.0) for one in matching(counted, rule))
    return Gate(rule["id"], excludes, None, SignalLine(signals, decay_of(rule), "none"), unknown_fails)
