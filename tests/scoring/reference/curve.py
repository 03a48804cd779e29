"""The course of a value between two bends: a constant, a slope and halvings, and exactly where it is nothing.

Time in a curve is milliseconds since the start of its stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import log

LN2 = log(2.0)

Function = Callable[[float], float]


@dataclass(frozen=True)
class Curve:
    """constant + slope × t + the sum of coefficient × 2^(-t / half_life)."""

    constant: float = 0.0
    slope: float = 0.0
    halvings: Mapping[int, float] = field(default_factory=dict)
    """half-life in milliseconds -> coefficient"""

    def __call__(self, t: float) -> float:
        """The value at t."""
        return self.constant + self.slope * t + _sum([(1 / h, c) for h, c in self.halvings.items()], t)

    def scaled(self, factor: float) -> Curve:
        """The curve, so many times as high."""
        halvings = {half_life: factor * each for half_life, each in self.halvings.items()}
        return Curve(factor * self.constant, factor * self.slope, halvings)

    def raised(self, by: float) -> Curve:
        """The curve, so much higher."""
        return Curve(self.constant + by, self.slope, self.halvings)

    def turns(self, length: float) -> list[float]:
        """Where in (0, length) it stops rising or falling."""
        terms = [(1 / half_life, -LN2 / half_life * each) for half_life, each in self.halvings.items() if each]
        bends = _zeros_of_sum([(rate, -LN2 * rate * each) for rate, each in terms], length)
        return _sign_changes(lambda t: self.slope + _sum(terms, t), bends, length)

    def zeros(self, length: float) -> list[float]:
        """Where in (0, length) it changes its sign, or turns (at a turn it may touch)."""
        if not self.halvings:
            at = -self.constant / self.slope if self.slope else -1.0
            return [at] if 0 < at < length else []
        turns = self.turns(length)
        return sorted([*turns, *_sign_changes(self, turns, length)])


def total(curves: Iterable[Curve]) -> Curve:
    """The sum of curves."""
    constant = slope = 0.0
    halvings: dict[int, float] = {}
    for curve in curves:
        constant += curve.constant
        slope += curve.slope
        for half_life, each in curve.halvings.items():
            halvings[half_life] = halvings.get(half_life, 0.0) + each
    return Curve(constant, slope, halvings)


Terms = Sequence[tuple[float, float]]
"""(rate, coefficient): coefficient × 2^(-rate × t)"""


def _sum(terms: Terms, t: float) -> float:
    return float(sum(each * 2.0 ** (-rate * t) for rate, each in terms))


def _zeros_of_sum(terms: Terms, length: float) -> list[float]:
    """Where a sum of halvings is nothing.

    Divided by its slowest term it has the same zeros, and one term of the quotient is constant: the derivative has
    one term less. Between two zeros of the derivative the quotient only rises or only falls.
    """
    if len(terms) < 2:
        return []
    slowest = min(rate for rate, _ in terms)
    quotient = [(rate - slowest, each) for rate, each in terms]
    derivative = [(rate, -LN2 * rate * each) for rate, each in quotient if rate > 0]
    turns = _zeros_of_sum(derivative, length)
    return _sign_changes(lambda t: _sum(quotient, t), turns, length)


def _sign_changes(function: Function, turns: Sequence[float], length: float) -> list[float]:
    """The zeros in (0, length) of a function that only rises or only falls between the turns."""
    marks = [0.0, *turns, length]
    found: list[float] = []
    for low, high in pairwise(marks):
        if (function(low) < 0) != (function(high) < 0):
            found.append(_bisect(function, low, high))
    return found


def _bisect(function: Function, low: float, high: float) -> float:
    """Where between low and high the sign changes, within a tenth of a millisecond."""
    negative = function(low) < 0
    while high - low > 0.1:
        middle = (low + high) / 2
        if not low < middle < high:
            break
        if (function(middle) < 0) == negative:
            low = middle
        else:
            high = middle
    return (low + high) / 2
