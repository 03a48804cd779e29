"""The signals that one criterion counts for one account, and what they are worth at any moment.

A book is derived from the ledger and never stored. What left the ledger goes on counting through its ``Folded``
remainder, which is stored.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from dataclasses import dataclass
from math import inf
from operator import attrgetter

from stream.scoring.columns import SCALE, Column, Peak, half_term, half_value, to_units
from stream.scoring.criteria import SignalRule
from stream.scoring.ledger import Entry
from stream.scoring.values import TOLERANCE

_by_key = attrgetter("key")
_FOLDED_BITS = 1_024


@dataclass(slots=True)
class Folded:
    """What forgotten signals still give under one rule: bounded, exact for flat tails and half-lives."""

    flat: int = 0
    """Sum in units of 2**-64 (rules that sum)."""
    half: int = 0
    base: int = 0
    """Half-life sum above this exponent."""
    up: tuple[int, float] | None = None
    down: tuple[int, float] | None = None
    """Time and points of the strongest of each sign (rules that take the strongest)."""
    last: int | None = None
    """Time of the newest forgotten signal (gates)."""
    window: int | None = None
    used: int = 0
    """The newest limit window that forgotten signals lie in, and how many of them it counted."""

    def add(self, rule: SignalRule, entry: Entry) -> None:
        """Take over a signal that leaves the ledger."""
        self.last = entry.time if self.last is None else max(self.last, entry.time)
        if rule.limit is not None:
            window = entry.time // rule.limit.per
            self.window, self.used = window, self.spent(window) + 1
        decay, points = rule.decay, rule.worth(entry.data)
        tail = decay.phases[-1]
        if points == 0 or rule.surge or (decay.ends is not None and tail.shape != "half"):  # over by now
            return
        if rule.cap is None:
            side = self.up if points > 0 else self.down
            strongest = (entry.time, points) if side is None else self._stronger(rule, side, (entry.time, points))
            if points > 0:
                self.up = strongest
            else:
                self.down = strongest
        elif tail.shape == "half":
            mantissa, exponent = half_term(points, entry.time + decay.grace, tail.span)
            if self.half == 0 or exponent - self.base > _FOLDED_BITS:
                shift = exponent - 2 * SCALE - self.base
                self.half, self.base = (self.half >> shift if shift > 0 else 0), exponent - 2 * SCALE
            lift = exponent - self.base
            self.half += mantissa << lift if lift >= 0 else mantissa >> -lift
        else:
            self.flat += to_units(points)

    def spent(self, window: int) -> int:
        """How many signals of a limit window were counted and forgotten."""
        return self.used if window == self.window else 0

    def value(self, rule: SignalRule, now: int) -> float:
        """What the forgotten signals of a summing rule are worth ``now``."""
        tail = rule.decay.phases[-1]
        total = tail.keep * (self.flat / (1 << SCALE)) if self.flat else 0.0
        if self.half:
            total += half_value(self.half, self.base, now, tail.span)
        return total

    def peak(self, rule: SignalRule, side: tuple[int, float] | None, now: int) -> float:
        """What the strongest forgotten signal of one sign is worth ``now``."""
        return side[1] * rule.decay.share(now - side[0]) if side else 0.0

    @staticmethod
    def _stronger(rule: SignalRule, one: tuple[int, float], other: tuple[int, float]) -> tuple[int, float]:
        older, newer = sorted((one, other))
        moment = newer[0] + rule.decay.settled
        share = rule.decay.share
        return newer if abs(newer[1]) * share(moment - newer[0]) >= abs(older[1]) * share(moment - older[0]) else older


class Book:
    """The counted signals of one rule in order of ``(time, source, id)``."""

    __slots__ = ("_down", "_falls", "_matched", "_up", "counted", "folded", "recounted", "rule", "times")

    def __init__(self, rule: SignalRule, folded: Folded | None = None) -> None:
        self.rule = rule
        self.folded = folded
        self.recounted = False
        """Whether the last signal, late under a limit, may have displaced others."""
        self._falls = rule.decay.falls
        self.counted: list[Entry] = []
        self.times: list[int] = []
        self._matched: list[Entry] = [] if rule.limit else self.counted
        self._up: Column | Peak | None = None
        self._down: Column | Peak | None = None

    def add(self, entry: Entry) -> bool:
        """Count one more signal, if ``where`` and ``limit`` let it; tell whether the signal matched."""
        if not self.rule.matches(entry.data):
            return False
        limit = self.rule.limit
        self.recounted = False
        if limit is None:
            self._insert(entry)
        elif not self._matched or self._matched[-1].key < entry.key:
            self._matched.append(entry)
            window = entry.time // limit.per
            left = limit.count - (self.folded.spent(window) if self.folded else 0)
            if left > 0 and (len(self.counted) < left or self.counted[-left].time // limit.per != window):
                self._insert(entry)
        else:
            insort(self._matched, entry, key=_by_key)
            self._recount()
            self.recounted = True
        return True

    def remove(self, entry: Entry) -> None:
        """Count a signal no longer."""
        if self.rule.limit is None:
            self._delete(entry)
        elif entry in self._matched:
            self._matched.remove(entry)
            self._recount()

    def fold(self, entry: Entry) -> None:
        """The ledger forgets this signal: keep what it goes on giving."""
        if self._place(entry) is not None:
            self.folded = self.folded or Folded()
            self.folded.add(self.rule, entry)
        self.drop(entry)

    def drop(self, entry: Entry) -> None:
        """Let go of a signal that was folded: unlike ``remove``, nothing takes its place within a limit."""
        self._delete(entry)
        if self.rule.limit and entry in self._matched:
            self._matched.remove(entry)

    def value(self, now: int) -> float:
        """What the criterion gives at ``now``, bounded by its cap."""
        rule = self.rule
        if rule.surge is not None:
            return rule.points if self._surges(now) else 0.0
        up, down = self._parts(now)
        if rule.cap is None:
            return up if up >= -down - TOLERANCE else down
        return _bounded(up + down, rule.cap)

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        """The least and the greatest value in ``[first, last]``, where no signal begins in ``(first, last]``."""
        rule = self.rule
        if rule.surge is not None:
            if not self._moves(first, last, (0, rule.surge.recent, rule.surge.recent + rule.surge.baseline)):
                value = self.value(first)
                return value, value
            return min(0.0, rule.points), max(0.0, rule.points)
        if not self._falls:
            if not self._moves(first, last, rule.decay.starts):
                value = self.value(first)
                return value, value
            up, down = (side.reach() if side else 0.0 for side in (self._up, self._down))
            more, less = self._remainder(first)
            cap = inf if rule.cap is None else rule.cap
            return _bounded(down + less, cap), _bounded(up + more, cap)
        up_first, down_first = self._parts(first)
        up_last, down_last = self._parts(last)
        if rule.cap is not None:
            return _bounded(up_last + down_first, rule.cap), _bounded(up_first + down_last, rule.cap)
        if up_last >= -down_first - TOLERANCE:
            return up_last, up_first
        if up_first < -down_last - TOLERANCE:
            return down_first, down_last
        return down_first, up_first

    def open(self, now: int) -> bool:
        """For a gate: whether a signal counts at ``now``."""
        index = bisect_right(self.times, now) - 1
        newest = self.times[index] if index >= 0 else self.folded.last if self.folded else None
        if newest is None:
            return False
        ends = self.rule.decay.ends
        return ends is None or now - newest < ends

    def starts_after(self, now: int) -> list[int]:
        """The moments after ``now`` at which future-dated signals begin to count."""
        return self.times[bisect_right(self.times, now) :]

    @property
    def ends(self) -> int:
        """The moment after which the value stays as it is."""
        newest = self.times[-1] if self.times else None
        if self.folded is not None and self.folded.last is not None:
            newest = self.folded.last if newest is None else max(newest, self.folded.last)
        if newest is None:
            return 0
        rule = self.rule
        if rule.surge is not None:
            return newest + rule.surge.recent + rule.surge.baseline + 1
        return newest + (rule.decay.settled if rule.decay.ends is None else rule.decay.ends) + 1

    @property
    def only_falls(self) -> bool:
        """Whether time alone can only lessen the value, once all its signals have begun."""
        if self.rule.surge is not None or self._down is not None or not self._falls:
            return False
        return self.folded is None or (self.folded.down is None and self.folded.half >= 0)

    def _parts(self, now: int) -> tuple[float, float]:
        up = self._up.value(now) if self._up else 0.0
        down = self._down.value(now) if self._down else 0.0
        if self.folded is None:
            return up, down
        more, less = self._remainder(now)
        if self.rule.cap is None:
            return max(up, more), min(down, less)
        return up + more, down + less

    def _remainder(self, now: int) -> tuple[float, float]:
        """What forgotten signals give: the part above zero and the part below."""
        if self.folded is None:
            return 0.0, 0.0
        if self.rule.cap is None:
            return self.folded.peak(self.rule, self.folded.up, now), self.folded.peak(self.rule, self.folded.down, now)
        value = self.folded.value(self.rule, now)
        return max(value, 0.0), min(value, 0.0)

    def _surges(self, now: int) -> bool:
        surge = self.rule.surge
        assert surge is not None
        border = bisect_right(self.times, now - surge.recent)
        recent = bisect_right(self.times, now) - border
        before = border - bisect_right(self.times, now - surge.recent - surge.baseline)
        expected = surge.at_least * before * surge.recent / surge.baseline
        return recent >= surge.min_count and recent >= expected - TOLERANCE

    def _moves(self, first: int, last: int, ages: tuple[int, ...]) -> bool:
        """Whether a signal passes one of these ages in ``(first, last]``."""
        return any(bisect_right(self.times, first - age) != bisect_right(self.times, last - age) for age in ages)

    def _place(self, entry: Entry) -> int | None:
        index = bisect_left(self.counted, entry.key, key=_by_key)
        return index if index < len(self.counted) and self.counted[index] is entry else None

    def _insert(self, entry: Entry) -> None:
        if not self.counted or self.counted[-1].key < entry.key:
            index = len(self.counted)
        else:
            index = bisect_left(self.counted, entry.key, key=_by_key)
        self.counted.insert(index, entry)
        self.times.insert(index, entry.time)
        points = self.rule.worth(entry.data)
        if self.rule.surge is not None or points == 0:
            return
        side = self._side(points)
        side.insert(bisect_right(side.times, entry.time), entry.time, points)

    def _delete(self, entry: Entry) -> None:
        index = self._place(entry)
        if index is None:
            return
        points = self.rule.worth(entry.data)
        if self.rule.surge is None and points != 0:
            side = self._side(points)
            at = bisect_left(side.times, entry.time)
            while side.points[at] != points:
                at += 1
            side.remove(at)
        del self.counted[index], self.times[index]

    def _side(self, points: float) -> Column | Peak:
        make = Peak if self.rule.cap is None else Column
        if points > 0:
            self._up = self._up or make(self.rule.decay)
            return self._up
        self._down = self._down or make(self.rule.decay)
        return self._down

    def _recount(self) -> None:
        limit = self.rule.limit
        assert limit is not None
        matched, self.counted, self.times, self._up, self._down = self._matched, [], [], None, None
        window, used = None, 0
        for entry in matched:
            if entry.time // limit.per != window:
                window = entry.time // limit.per
                used = self.folded.spent(window) if self.folded else 0
            if used < limit.count:
                used += 1
                self._insert(entry)


def _bounded(total: float, cap: float) -> float:
    if cap == inf:
        return total
    return min(total, cap) if cap >= 0 else max(total, cap)

