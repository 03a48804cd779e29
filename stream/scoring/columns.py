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

from bisect import bisect_right
from itertools import accumulate
from math import ldexp

from stream.scoring.decay import Decay, Phase

SCALE = 64
_WIDEST = 512
"""Bits between the newest and the oldest half-life term before ended ones are dropped."""
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


class Column:
    """Points of one sign by time, summed under one decay."""

    __slots__ = ("_base", "_decay", "_halves", "_moments", "_phases", "_sums", "_terms", "points", "times")

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
        self._terms: list[tuple[int, int]] = []
        self._base = 0

    def insert(self, index: int, time: int, points: float) -> None:
        """Put one signal at its place in order of time."""
        self.times.insert(index, time)
        self.points.insert(index, points)
        if self._halves is not None:
            phase = self._decay.phases[-1]
            self._terms.insert(index, half_term(points, time + self._decay.grace, phase.span))
        if index == len(self.times) - 1:
            self._append(index)
        else:
            self._resum(index)

    def remove(self, index: int) -> None:
        """Take one signal out again."""
        del self.times[index], self.points[index]
        if self._halves is not None:
            del self._terms[index]
        self._resum(index)

    def value(self, now: int) -> float:
        """The decayed sum at ``now``."""
        total = 0.0
        times = self.times
        for phase, end in self._phases:
            stop = bisect_right(times, now - phase.start)
            first = 0 if end is None else bisect_right(times, now - end)
            if first >= stop:
                continue
            if phase.shape == "half":
                assert self._halves is not None
                total += half_value(self._halves[stop] - self._halves[first], self._base, now, phase.span)
            elif phase.shape == "line":
                assert self._moments is not None
                units = self._sums[stop] - self._sums[first]
                moment = self._moments[stop] - self._moments[first]
                total += (units * (phase.span + self._decay.grace - now) + moment) / (phase.span << SCALE)
            else:
                total += phase.keep * ((self._sums[stop] - self._sums[first]) / (1 << SCALE))
        return total

    def reach(self) -> float:
        """The value of greatest magnitude that all signals together could have."""
        return sum(self.points)

    def _append(self, index: int) -> None:
        units = to_units(self.points[index])
        self._sums.append(self._sums[-1] + units)
        if self._moments is not None:
            self._moments.append(self._moments[-1] + units * self.times[index])
        if self._halves is not None:
            mantissa, exponent = self._terms[index]
            if index == 0:
                self._base = exponent
            if not 0 <= exponent - self._base <= _WIDEST:
                self._rebase()
            else:
                self._halves.append(self._halves[-1] + (mantissa << (exponent - self._base)))

    def _resum(self, index: int) -> None:
        units = [to_units(points) for points in self.points[index:]]
        self._sums[index:] = accumulate(units, initial=self._sums[index])
        if self._moments is not None:
            moments = (u * t for u, t in zip(units, self.times[index:], strict=True))
            self._moments[index:] = accumulate(moments, initial=self._moments[index])
        if self._halves is not None:
            self._rebase()

    def _rebase(self) -> None:
        """Sum the half-life terms anew above the oldest that can still be worth something."""
        ends = self._decay.ends
        # A signal may lie ten minutes ahead of the clock; twice that is on the safe side.
        oldest = self.times[-1] - 1_200_000 - ends if self.times and ends is not None else 0
        live = bisect_right(self.times, oldest)
        self._base = min((exponent for _, exponent in self._terms[live:]), default=0)
        terms = [0] * live + [mantissa << (exponent - self._base) for mantissa, exponent in self._terms[live:]]
        self._halves = list(accumulate(terms, initial=0))


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
        self._remax(index)

    def remove(self, index: int) -> None:
        """Take one signal out again."""
        del self.times[index], self.points[index]
        self._remax(index)

    def value(self, now: int) -> float:
        """The value of greatest magnitude at ``now``, with its sign.

        Walks from the newest signal back and stops as soon as nothing older can be stronger; a share never rises with
        age, so where all points are equal that is at once.
        """
        best = 0.0
        index = bisect_right(self.times, now) - 1
        while index >= 0:
            share = self._decay.share(now - self.times[index])
            if self._highest[index + 1] * (share if self._falls else 1.0) <= abs(best):
                break
            value = self.points[index] * share
            if abs(value) > abs(best):
                best = value
            index -= 1
        return best

    def reach(self) -> float:
        """The value of greatest magnitude that any signal could have."""
        return max(self.points, key=abs, default=0.0)

    def _remax(self, index: int) -> None:
        magnitudes = (abs(points) for points in self.points[index:])
        self._highest[index:] = accumulate(magnitudes, max, initial=self._highest[index])
