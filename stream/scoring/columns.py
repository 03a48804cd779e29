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
from math import inf, ldexp
from typing import Any

from stream.scoring.course import Course
from stream.scoring.decay import Decay, Phase
from stream.scoring.shedding import Shedding, upto

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
    whole = since // span
    return int(ldexp(points * 2.0 ** ((since - whole * span) / span), SCALE)), whole


def half_value(total: int, base: int, now: int, span: int) -> float:
    """What a sum of half-life terms above ``base`` is worth ``now``."""
    extra = total.bit_length() - _KEPT_BITS
    if extra > 0:
        total >>= extra
        base += extra
    whole = now // span
    return ldexp(float(total), base - whole - SCALE) * float(2.0 ** -((now - whole * span) / span))


def bounded(total: float, cap: float) -> float:
    """A sum within its cap: a negative one bounds below."""
    if cap == inf:
        return total
    return min(total, cap) if cap >= 0 else max(total, cap)


class Column(Shedding):
    """Points of one sign by time, summed under one decay. A signal that is alone, as most are, needs no sums."""

    __slots__ = ("_bases", "_decay", "_halves", "_moments", "_points", "_sums", "_times")

    def __init__(self, decay: Decay) -> None:
        super().__init__()
        self._decay = decay
        self._times: list[int] = []
        self._points: list[float] = []
        self._sums: list[int] | None = None
        self._moments: list[int] | None = None
        self._halves: list[int] | None = None
        """Sums of half-life terms within a block of neighbours; …"""
        self._bases: list[int] | None = None
        """… the exponents they stand above."""

    @property
    def empty(self) -> bool:
        """Whether there is no signal."""
        return len(self._times) == self.gone

    def insert(self, time: int, points: float) -> None:
        """Put one signal at its place in order of time."""
        index = len(self._times)
        if index and self._times[-1] > time:
            self.close()
            index = bisect_right(self._times, time)
        self._times.insert(index, time)
        self._points.insert(index, points)
        if self._sums is not None:
            self._resum(index)
        elif len(self._times) > 1:
            self._begin()
            self._resum(0)

    def remove(self, time: int, points: float) -> None:
        """Take one signal of this time and these points out again."""
        index = self.gone
        if self._times[index] != time:  # not the oldest, as where too many are remembered
            index = bisect_left(self._times, time, index)
        while self._points[index] != points:
            index += 1
        if index == self.gone:
            self.shed(len(self._times))
            return
        del self._times[index], self._points[index]
        self._resum(index)

    def value(self, now: int) -> float:
        """The decayed sum at ``now``."""
        total = 0.0
        for phase, first, stop in self._ranges(now):
            if phase.shape == "half":
                total += self._half_value(first, stop, now, phase.span)
            elif phase.shape == "line":
                units, moment = self._units(first, stop), self._moment(first, stop)
                total += (units * (phase.span + self._decay.grace - now) + moment) / (phase.span << SCALE)
            else:
                total += phase.keep * (self._units(first, stop) / (1 << SCALE))
        return total

    def steer(self, course: Course, now: int) -> None:
        """Add to a course how the sum goes on from ``now``."""
        for phase, first, stop in self._ranges(now):
            if phase.shape == "half":
                course.half(phase.span, self._half_value(first, stop, now, phase.span))
            elif phase.shape == "line":
                course.line(-self._units(first, stop) / (phase.span << SCALE))

    def reach(self) -> float:
        """The value of greatest magnitude that all signals together could have."""
        return sum(self._points[self.gone :])

    def _ranges(self, now: int) -> list[tuple[Phase, int, int]]:
        """Which signals are in which phase at ``now``."""
        found = []
        for phase, end in self._decay.ranges:
            stop = upto(self._times, now - phase.start, self.gone)
            first = self.gone if end is None else upto(self._times, now - end, self.gone)
            if first < stop:
                found.append((phase, first, stop))
        return found

    def _units(self, first: int, stop: int) -> int:
        sums = self._sums
        return to_units(self._points[first]) if sums is None else sums[stop] - sums[first]

    def _moment(self, first: int, stop: int) -> int:
        moments = self._moments
        if moments is None:
            return to_units(self._points[first]) * self._times[first]
        return moments[stop] - moments[first]

    def _half_value(self, first: int, stop: int, now: int, span: int) -> float:
        halves, bases = self._halves, self._bases
        if halves is None or bases is None:
            return half_value(*half_term(self._points[first], self._times[first] + self._decay.grace, span), now, span)
        total, base = halves[stop], bases[stop]
        if bases[first] == base:
            total -= halves[first]
        elif (old := bases[first + 1]) != base:  # the range begins in the block before; it reaches no further back
            last = bisect_left(bases, base) - 1
            older = halves[last] - (halves[first] if bases[first] == old else 0)
            total, base = (total << (base - old)) + older, old
        return half_value(total, base, now, span)

    def _begin(self) -> None:
        self._sums = [0]
        if self._decay.has_line:
            self._moments = [0]
        if self._decay.has_half:
            self._halves, self._bases = [0], [_NO_BASE]

    def _resum(self, index: int) -> None:
        """Sum up from a place on."""
        times, sums, moments, halves, bases = self._times, self._sums, self._moments, self._halves, self._bases
        if sums is None:
            return  # the one that was alone went
        grace, span = self._decay.grace, self._decay.phases[-1].span
        del sums[index + 1 :]
        if moments is not None:
            del moments[index + 1 :]
        if halves is not None and bases is not None:
            if index == 0:
                halves[0], bases[0] = 0, _NO_BASE
            del halves[index + 1 :], bases[index + 1 :]
        for at in range(index, len(times)):  # mostly one, the newest
            units = to_units(self._points[at])
            sums.append(sums[at] + units)
            if moments is not None:
                moments.append(moments[at] + units * times[at])
            if halves is not None and bases is not None:
                mantissa, exponent = half_term(self._points[at], times[at] + grace, span)
                total, base = halves[at], bases[at]
                if exponent - base > _WIDEST:
                    total, base = 0, exponent
                halves.append(total + (mantissa << (exponent - base)))
                bases.append(base)

    def lists(self) -> list[list[Any]]:
        """See ``Shedding``; of sums only differences are ever read."""
        sums = (self._sums, self._moments, self._halves, self._bases)
        return [self._times, self._points, *(values for values in sums if values is not None)]


class Peak(Shedding):
    """The strongest single signal of one sign: points by time with running maxima of their magnitude."""

    __slots__ = ("_decay", "_falls", "_highest", "_points", "_times")

    def __init__(self, decay: Decay) -> None:
        super().__init__()
        self._decay = decay
        self._falls = decay.falls
        self._times: list[int] = []
        self._points: list[float] = []
        self._highest: list[float] = [0.0]

    @property
    def empty(self) -> bool:
        """Whether there is no signal."""
        return len(self._times) == self.gone

    def insert(self, time: int, points: float) -> None:
        """Put one signal at its place in order of time."""
        index = len(self._times)
        if index and self._times[-1] > time:
            self.close()
            index = bisect_right(self._times, time)
        self._times.insert(index, time)
        self._points.insert(index, points)
        self._highest.insert(index + 1, 0.0)
        self._remax(index)

    def remove(self, time: int, points: float) -> None:
        """Take one signal of this time and these points out again."""
        index = self.gone
        if self._times[index] != time:
            index = bisect_left(self._times, time, index)
        while self._points[index] != points:
            index += 1
        if index == self.gone:
            self._highest[index + 1] = 0.0
            self.shed(len(self._times))
            self._remax(self.gone)
            return
        del self._times[index], self._points[index], self._highest[index + 1]
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
        index = upto(self._times, now, self.gone) - 1
        while index >= self.gone:
            share = self._decay.share(now - self._times[index])
            if self._highest[index + 1] * (share if self._falls else 1.0) <= abs(best):
                break
            value = self._points[index] * share
            if abs(value) > abs(best):
                best, found = value, (self._times[index], self._points[index])
            index -= 1
        return best, found

    def reach(self) -> float:
        """The value of greatest magnitude that any signal could have."""
        return max(self._points[self.gone :], key=abs, default=0.0)

    def lists(self) -> list[list[Any]]:
        """See ``Shedding``."""
        return [self._times, self._points, self._highest]

    def _remax(self, index: int) -> None:
        top, highest = self._highest[index], self._highest
        for place in range(index, len(self._points)):
            top = max(top, abs(self._points[place]))
            if highest[place + 1] == top:
                return  # from here on it is as it was
            highest[place + 1] = top
