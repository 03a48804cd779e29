"""Where between two bends the score changes its course: caps reached, another signal the strongest, a line crossed.

Between two neighbouring bends every signal follows one `Curve`. The score does not yet: a cap may be reached, and a
criterion without one goes over from one signal to another. Cut there too, and the score is a `Curve` in each piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .curve import Curve, total
from .lines import Line, SignalLine
from .scoring import GroupLines, Prepared
from .values import EPSILON


@dataclass(frozen=True)
class Stretch:
    """A stretch of time without a bend inside: from `start`, `length` milliseconds long."""

    start: int
    length: int

    def zeros(self, curves: Iterable[Curve]) -> list[float]:
        """Where in it one of the curves changes its sign or turns."""
        return [t for curve in curves for t in curve.zeros(self.length)]


def crossings(prepared: Prepared, scores: Sequence[float], start: int, end: int) -> list[float]:
    """Every t in (0, end - start), in order, at which the score may cross one of `scores` or change its course."""
    stretch = Stretch(start, end - start)
    cuts: set[float] = set()
    for group in prepared.groups:
        for _, line in group.lines:
            if isinstance(line, SignalLine):
                cuts |= set(stretch.zeros(_switches(line, stretch)))
    cuts |= _cuts_of_groups(prepared.groups, stretch, cuts)
    found = set(cuts)
    for low, high in _pieces(cuts, stretch):
        course = total(_group_course(group, stretch, (low + high) / 2) for group in prepared.groups)
        if course.slope or any(course.halvings.values()):
            zeros = stretch.zeros(course.raised(-score) for score in scores)
            found |= {t for t in zeros if low <= t <= high}
    return sorted(found)


def _pieces(cuts: Iterable[float], stretch: Stretch) -> list[tuple[float, float]]:
    marks = [0.0, *sorted(cuts), float(stretch.length)]
    return list(pairwise(marks))


def _cuts_of_groups(groups: Sequence[GroupLines], stretch: Stretch, cuts: set[float]) -> set[float]:
    found: set[float] = set()
    for group in groups:
        bounds = [] if group.cap is None else [group.cap]
        bounds += [] if group.weight is None else [0.0, group.out_of]
        if not bounds:
            continue
        for low, high in _pieces(cuts, stretch):
            course = total(_line_course(line, stretch, (low + high) / 2) for _, line in group.lines)
            found |= {t for t in stretch.zeros(course.raised(-bound) for bound in bounds) if low <= t <= high}
    return found


def _group_course(group: GroupLines, stretch: Stretch, t: float) -> Curve:
    """The curve that the group follows around t."""
    course = total(_line_course(line, stretch, t) for _, line in group.lines)
    if group.cap is not None and course(t) > group.cap:
        course = Curve(group.cap)
    if group.weight is None:
        return course
    if not 0 < course(t) < group.out_of:
        return Curve(0.0 if course(t) <= 0 else group.weight)
    return course.scaled(group.weight / group.out_of)


def _line_course(line: Line, stretch: Stretch, t: float) -> Curve:
    """The curve that the line follows around t."""
    if not isinstance(line, SignalLine):
        return Curve(line.value(stretch.start))
    curves = _signal_curves(line, stretch)
    if line.cap is None:
        highest = max(curves, key=lambda curve: curve(t), default=Curve())
        lowest = min(curves, key=lambda curve: curve(t), default=Curve())
        high, low = max(0.0, highest(t)), min(0.0, lowest(t))
        return (highest if high else Curve()) if high >= -low - EPSILON else lowest
    course = total(curves)
    if isinstance(line.cap, str):
        return course
    beyond = course(t) > line.cap if line.cap >= 0 else course(t) < line.cap
    return Curve(line.cap) if beyond else course


def _switches(line: SignalLine, stretch: Stretch) -> list[Curve]:
    """Curves that are nothing wherever the line goes over to another course."""
    curves = _signal_curves(line, stretch)
    if line.cap is None:
        curves = _contenders(curves)
        pairs = [(one, other) for place, one in enumerate(curves) for other in curves[:place]]
        apart = [total([one, other.scaled(-1.0)]) for one, other in pairs]
        return apart + [total([one, other]).raised(sign * EPSILON) for one, other in pairs for sign in (-1, 1)]
    return [] if isinstance(line.cap, str) else [total(curves).raised(-line.cap)]


def _contenders(curves: Sequence[Curve]) -> list[Curve]:
    """Of curves that never cross (constants; halvings of one half-life) only the highest and the lowest."""
    kept = [curve for curve in curves if curve.slope]
    for family in ([c for c in curves if not c.slope and not c.halvings], [c for c in curves if c.halvings]):
        if family:
            kept += [max(family, key=lambda curve: curve(0.0)), min(family, key=lambda curve: curve(0.0))]
    return kept


def _signal_curves(line: SignalLine, stretch: Stretch) -> list[Curve]:
    """What each signal that has begun gives within the stretch."""
    curves: list[Curve] = []
    for time, points in line.signals:
        age = stretch.start - time
        now = points * line.decay.keep(age)
        if age < 0 or now == 0:
            continue
        if line.decay.kind == "half_life" and age >= line.decay.grace:
            curves.append(Curve(halvings={line.decay.span: now}))
        elif line.decay.kind == "linear" and age >= line.decay.grace:
            curves.append(Curve(now, -points / line.decay.span))
        else:
            curves.append(Curve(now))
    return curves
