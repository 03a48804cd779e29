"""Exact sums and peaks over decaying signals, readable at any moment.

A column holds the points of the signals that a criterion counts, in order of time, with prefix sums in whole
numbers (points scaled by 2**64). Because every signal of a criterion fades by the same decay, those in one phase are
a contiguous range, and their sum at any moment comes from two bisections and a subtraction:

* flat: sum(p) x keep
* line: sum(p x (1 - age / span)) = (sum(p) x (span + grace - now) + sum(p x time)) / span
* half: sum(p x 2**(time / span)) x 2**(-now / span), where the powers are split into a shift and a fraction

Whole numbers make the sums independent of the order of arrival and exactly reversible: an incremental state can
never drift from one rebuilt from the ledger, not in the last bit.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import accumulate
from math import inf, ldexp

from stream.scoring.course import Course
from stream.scoring.decay import Decay, Phase

SCALE = 64
_WIDEST = 512
"""Bits between the first and the last half-life term of a block: several times as many as a half-life is kept for."""
_NO_BASE = -(1 << 62)
_KEPT_BITS = 128


def to_units(points: float) -> int:
    """Points as a whole number of 2**-64."""
    return int(ldexp(points, SCALE))


def half_term(points: float, since: int, span: int) -> tuple[int, int]:
    """``points x 2**(since / span)`` as ``(mantissa, exponent)``: mantissa x 2**(exponent - 64)."""
    whole, rest = divmod(since, span)
    return int(ldexp(points * 2.0 ** (rest / span), SCALE)), whole


def half_value(total: int, base: int, now: int, span: int) -> float:
    """What a sum of half-life terms above ``base`` is worth ``now``."""
    extra = total.bit_length() - _KEPT_BITS
    if extra > 0:
        total >>= extra
        base += extra
    whole, rest = divmod(now, span)
    return ldexp(float(total), base - whole - SCALE) * float(2.0 ** -(rest / span))


def bounded(total: float, cap: float) -> float:
    """A sum within its cap: a negative one bounds below."""
    if cap == inf:
        return total
    return min(total, cap) if cap >= 0 else max(total, cap)


class Column:
    """Points of one sign by time, summed under one decay."""

    __slots__ = ("_bases", "_decay", "_halves", "_moments", "_phases", "_sums", "_terms", "points", "times")

    def __init__(self, decay: Decay) -> None:
        self._decay = decay
        ends = [phase.start for phase in decay.phases[1:]]
        self._phases: list[tuple[Phase, int | None]] = list(zip(decay.phases, [*ends, decay.ends], strict=True))
        shapes = {phase.shape for phase in decay.phases}
        self.times: list[int] = []
        self.points: list[float] = []
        self._sums: list[int] = [0]
        self._moments: list[int] | None = [0] if "line" in shapes else None
        self._halves: list[int] | None = [0] if "half" in shapes else None
        """Sums of half-life terms within a block of neighbours; ``_bases`` has the exponents they stand above."""
        self._bases: list[int] = [_NO_BASE]
        self._terms: list[tuple[int, int]] = []

    def insert(self, index: int, time: int, points: float) -> None:
        """Put one signal at its place in order of time."""
        self.times.insert(index, time)
        self.points.insert(index, points)
        if self._halves is not None:
            phase = self._decay.phases[-1]
            self._terms.insert(index, half_term(points, time + self._decay.grace, phase.span))
        self._resum(index)

    def remove(self, index: int) -> None:
        """Take one signal out again."""
        del self.times[index], self.points[index]
        if self._halves is not None:
            del self._terms[index]
        if index:
            self._resum(index)
            return
        for sums in (self._sums, self._moments, self._halves, self._halves and self._bases):
            if sums:
                del sums[0]  # only differences are ever read

    def value(self, now: int) -> float:
        """The decayed sum at ``now``."""
        total = 0.0
        for phase, first, stop in self._ranges(now):
            if phase.shape == "half":
                total += self._half_value(first, stop, now, phase.span)
            elif phase.shape == "line":
                assert self._moments is not None
                units = self._sums[stop] - self._sums[first]
                moment = self._moments[stop] - self._moments[first]
                total += (units * (phase.span + self._decay.grace - now) + moment) / (phase.span << SCALE)
            else:
                total += phase.keep * ((self._sums[stop] - self._sums[first]) / (1 << SCALE))
        return total

    def steer(self, course: Course, now: int) -> None:
        """Add to a course how the sum goes on from ``now``."""
        for phase, first, stop in self._ranges(now):
            if phase.shape == "half":
                course.half(phase.span, self._half_value(first, stop, now, phase.span))
            elif phase.shape == "line":
                course.line(-(self._sums[stop] - self._sums[first]) / (phase.span << SCALE))

    def reach(self) -> float:
        """The value of greatest magnitude that all signals together could have."""
        return sum(self.points)

    def _ranges(self, now: int) -> list[tuple[Phase, int, int]]:
        """Which signals are in which phase at ``now``."""
        found = []
        for phase, end in self._phases:
            stop = bisect_right(self.times, now - phase.start)
            first = 0 if end is None else bisect_right(self.times, now - end)
            if first < stop:
                found.append((phase, first, stop))
        return found

    def _half_value(self, first: int, stop: int, now: int, span: int) -> float:
        halves, bases = self._halves, self._bases
        assert halves is not None
        total, base = halves[stop], bases[stop]
        if bases[first] == base:
            total -= halves[first]
        elif (old := bases[first + 1]) != base:  # the range begins in the block before; it reaches no further back
            last = bisect_left(bases, base) - 1
            older = halves[last] - (halves[first] if bases[first] == old else 0)
            total, base = (total << (base - old)) + older, old
        return half_value(total, base, now, span)

    def _resum(self, index: int) -> None:
        units = [to_units(points) for points in self.points[index:]]
        self._sums[index:] = accumulate(units, initial=self._sums[index])
        if self._moments is not None:
            moments = (u * t for u, t in zip(units, self.times[index:], strict=True))
            self._moments[index:] = accumulate(moments, initial=self._moments[index])
        if self._halves is None:
            return
        if index == 0:
            self._halves[0], self._bases[0] = 0, _NO_BASE
        del self._halves[index + 1 :], self._bases[index + 1 :]
        total, base = self._halves[index], self._bases[index]
        for mantissa, exponent in self._terms[index:]:
            if exponent - base > _WIDEST:
                total, base = 0, exponent
            total += mantissa << (exponent - base)
            self._halves.append(total)
            self._bases.append(base)


class Peak:
    """The strongest single signal of one sign: points by time with running maxima of their magnitude."""

    __slots__ = ("_decay", "_falls", "_highest", "points", "times")

    def __init__(self, decay: Decay) -> None:
        self._decay = decay
        self._falls = decay.falls
        self.times: list[int] = []
        self.points: list[float] = []
        self._highest: list[float] = [0.0]

    def insert(self, index: int, time: int, points: float) -> None:
        """Put one signal at its place in order of time."""
        self.times.insert(index, time)
        self.points.insert(index, points)
        self._highest.insert(index + 1, 0.0)
        self._remax(index)

    def remove(self, index: int) -> None:
        """Take one signal out again."""
        del self.times[index], self.points[index], self._highest[index + 1]
        self._remax(index)

    def value(self, now: int) -> float:
        """The value of greatest magnitude at ``now``, with its sign.

        Walks from the newest signal back and stops as soon as nothing older can be stronger; a share never rises with
        age, so where all points are equal that is at once.
        """
        return self.strongest(now)[0]

    def strongest(self, now: int) -> tuple[float, tuple[int, float] | None]:
        """That value, and time and points of the signal that gives it."""
        best, found = 0.0, None
        index = bisect_right(self.times, now) - 1
        while index >= 0:
            share = self._decay.share(now - self.times[index])
            if self._highest[index + 1] * (share if self._falls else 1.0) <= abs(best):
                break
            value = self.points[index] * share
            if abs(value) > abs(best):
                best, found = value, (self.times[index], self.points[index])
            index -= 1
        return best, found

    def reach(self) -> float:
        """The value of greatest magnitude that any signal could have."""
        return max(self.points, key=abs, default=0.0)

    def _remax(self, index: int) -> None:
        top, highest = self._highest[index], self._highest
        for place in range(index, len(self.points)):
            top = max(top, abs(self.points[place]))
            if highest[place + 1] == top:
                return  # from here on it is as it was
            highest[place + 1] = top
