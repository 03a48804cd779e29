"""Which way a value goes over a span of time in which nothing begins, ends or changes its phase.

There every signal is constant, on a straight line, or halving, so the whole is a constant, one slope, and one term for
each half-life. Terms of one half-life are added up first, so that what cancels is gone.
"""

from __future__ import annotations

from math import log

_LN2 = log(2.0)


class Course:
    """How fast a value moves (points per millisecond), from the beginning of a span on."""

    __slots__ = ("_halves", "_least", "_most", "_slope")

    def __init__(self) -> None:
        self._slope = 0.0
        self._halves: dict[int, float] = {}
        """Half-life → points at the beginning."""
        self._least = self._most = 0.0
        """What else it may lose or gain a millisecond."""

    def line(self, slope: float) -> None:
        """Add something on a straight line."""
        self._slope += slope

    def half(self, span: int, points: float) -> None:
        """Add something that has these points at the beginning and halves in every ``span`` ms."""
        self._halves[span] = self._halves.get(span, 0.0) + points

    def add(self, other: Course, factor: float = 1.0) -> None:
        """Add so many times another value."""
        self._slope += factor * other._slope
        for span, points in other._halves.items():
            self.half(span, factor * points)
        self._least += factor * other._least
        self._most += factor * other._most

    def held(self, length: int) -> Course:
        """The same behind a bound that may hold it at times: it moves as before, or not at all."""
        least, most = self._range(length)
        course = Course()
        course._least, course._most = min(least, 0.0), max(most, 0.0)
        return course

    def one_way(self, length: int) -> bool:
        """Whether over so many milliseconds it only rises, only falls, or stays."""
        least, most = self._range(length)
        return least >= 0.0 or most <= 0.0

    def _range(self, length: int) -> tuple[float, float]:
        least, most = self._least + self._slope, self._most + self._slope
        for span, points in self._halves.items():
            first = -_LN2 / span * points
            last = first * 2.0 ** (-length / span)
            least += min(first, last)
            most += max(first, last)
        return least, most
