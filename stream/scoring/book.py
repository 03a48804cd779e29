"""The signals that one criterion counts for one account, and what they are worth at any moment.

A book is derived from the ledger and never stored. What left the ledger goes on counting through its ``Folded``
remainder, which is stored.
"""

from __future__ import annotations

from math import inf

from stream.scoring import surge
from stream.scoring.columns import Column, Peak, bounded
from stream.scoring.course import Course
from stream.scoring.criteria import Limit, SignalRule
from stream.scoring.entries import Entry, Queue
from stream.scoring.folded import Folded
from stream.scoring.values import TOLERANCE


class Book:
    """The counted signals of one rule in order of ``(time, source, id)``."""

    __slots__ = ("_answer", "_asked", "_down", "_falls", "_matched", "_up", "counted", "folded", "rule")

    def __init__(self, rule: SignalRule, folded: Folded | None = None) -> None:
        self.rule = rule
        self.folded = folded
        self._falls = rule.decay.falls
        self.counted = Queue()
        self._matched = Queue() if rule.limit else self.counted
        self._up: Column | Peak | None = None
        self._down: Column | Peak | None = None
        self._asked: int | None = None
        self._answer = (0.0, 0.0)

    def add(self, entry: Entry) -> float | None:
        """Count one more signal, if ``where`` and ``limit`` let it; ``None`` where it does not match.

        Tells what it can raise the value by at most; infinite where it may also lower it, or let it rise with time.
        """
        self._asked = None
        if not self.rule.matches(entry.data):
            return None
        limit = self.rule.limit
        if limit is None:
            return self._insert(entry)
        self._matched.insert(entry)
        return self._within(limit, entry)

    def remove(self, entry: Entry) -> None:
        """Count a signal no longer."""
        self._asked = None
        if self.rule.limit is None:
            self._delete(entry)
        elif self._matched.remove(entry):
            self._recount()

    def fold(self, entry: Entry, now: int) -> None:
        """The ledger forgets this signal ``now``: keep what it goes on giving."""
        if self.drop(entry):
            self.folded = self.folded or Folded()
            self.folded.add(self.rule, entry, now)

    def drop(self, entry: Entry) -> bool:
        """Let go of a signal that is folded: unlike ``remove``, nothing takes its place within a limit.

        Tells whether it counted.
        """
        self._asked = None
        if self.rule.limit is not None:
            self._matched.remove(entry)
        return self._delete(entry)

    def value(self, now: int) -> float:
        """What the criterion gives at ``now``, bounded by its cap."""
        rule = self.rule
        if rule.surge is not None:
            return rule.points if surge.holds(rule.surge, self.counted, now) else 0.0
        up, down = self._parts(now)
        if rule.cap is None:
            return up if up >= -down - TOLERANCE else down
        return bounded(up + down, rule.cap)

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        """The least and the greatest value in ``[first, last]``, where no signal begins in ``(first, last]``."""
        rule = self.rule
        if rule.surge is not None:
            verdict = surge.throughout(rule.surge, self.counted, first, last)
            if verdict is None:
                return min(0.0, rule.points), max(0.0, rule.points)
            return (rule.points, rule.points) if verdict else (0.0, 0.0)
        if not self._falls:
            if self.bend(first, last) is None:
                value = self.value(first)
                return value, value
            up, down = (side.reach() if side else 0.0 for side in (self._up, self._down))
            more, less = self._remainder(first)
            cap = inf if rule.cap is None else rule.cap
            return bounded(down + less, cap), bounded(up + more, cap)
        up_first, down_first = self._parts(first)
        up_last, down_last = self._parts(last)
        if rule.cap is not None:
            return bounded(up_last + down_first, rule.cap), bounded(up_first + down_last, rule.cap)
        if up_last >= -down_first - TOLERANCE:
            return up_last, up_first
        if up_first < -down_last - TOLERANCE:
            return down_first, down_last
        return down_first, up_first

    def open(self, now: int) -> bool:
        """For a gate: whether a signal counts at ``now``."""
        begun = self.counted.upto(now)
        newest = self.counted.at(begun - 1).time if begun else self.folded.last if self.folded else None
        if newest is None:
            return False
        ends = self.rule.decay.ends
        return ends is None or now - newest < ends

    def at(self, moment: int) -> list[Entry]:
        """The signals of just this time."""
        return self.counted.between(self.counted.upto(moment - 1), self.counted.upto(moment))

    def starts_after(self, now: int) -> list[int]:
        """The moments after ``now`` at which future-dated signals begin to count."""
        return [entry.time for entry in self.counted.between(self.counted.upto(now), len(self.counted))]

    @property
    def asleep(self) -> bool:
        """Whether it waits for a surge that has too few signals altogether: time alone will not change that."""
        surge = self.rule.surge
        return surge is not None and len(self.counted) < surge.min_count

    @property
    def ends(self) -> int:
        """The moment from which the value stays as it is."""
        if self.asleep:
            return 0
        newest = self.counted.at(len(self.counted) - 1).time if len(self.counted) else None
        if self.folded is not None and self.folded.last is not None:
            newest = self.folded.last if newest is None else max(newest, self.folded.last)
        if newest is None:
            return 0
        rule = self.rule
        if rule.surge is not None:
            return newest + rule.surge.recent + rule.surge.baseline
        return newest + (rule.decay.settled if rule.decay.ends is None else rule.decay.ends)

    @property
    def only_falls(self) -> bool:
        """Whether time alone can only lessen the value, once all its signals have begun."""
        if self.rule.surge is not None or (self._down and not self._down.empty) or not self._falls:
            return self.asleep
        return self.folded is None or (self.folded.down is None and self.folded.half >= 0)

    @property
    def only_rises(self) -> bool:
        """Whether time alone can only raise the value, once all its signals have begun."""
        if self.rule.surge is not None or (self._up and not self._up.empty) or not self._falls:
            return self.asleep
        return self.folded is None or (self.folded.up is None and self.folded.half <= 0)

    def bend(self, first: int, last: int) -> int | None:
        """A moment in ``(first, last]`` at which a signal changes its phase; of many one in the middle."""
        rule = self.rule
        if rule.surge is not None:
            return surge.bend(rule.surge, self.counted, first, last)
        for age in rule.decay.bends:
            low, high = self.counted.upto(first - age), self.counted.upto(last - age)
            if low < high:
                return self.counted.at((low + high) // 2).time + age
            for side in (self.folded.up, self.folded.down) if self.folded else ():
                if side is not None and first < side[0] + age <= last:
                    return side[0] + age
        return None

    def course(self, first: int, last: int) -> Course | None:
        """How the value goes on over a span in which no signal begins; ``None`` where it takes a turn within."""
        rule, course = self.rule, Course()
        if rule.surge is not None:
            return None if surge.throughout(rule.surge, self.counted, first, last) is None else course
        if self.bend(first, last) is not None:
            return None
        if rule.cap is None:
            strongest = self.strongest(first)
            if strongest != self.strongest(last):
                return None
            if strongest is not None:
                rule.decay.steer(course, first - strongest[0], strongest[1])
            return course
        for side in (self._up, self._down):
            if isinstance(side, Column):
                side.steer(course, first)
        if self.folded is not None:
            self.folded.steer(rule, course, first)
        up_first, down_first = self._parts(first)
        up_last, down_last = self._parts(last)
        least, most = up_last + down_first, up_first + down_last
        if (least >= rule.cap) if rule.cap >= 0 else (most <= rule.cap):
            return Course()
        return course.held(last - first) if least < rule.cap < most else course

    def strongest(self, now: int) -> tuple[int, float] | None:
        """Time and points of the one signal that gives the value at ``now``."""
        found: list[tuple[float, tuple[int, float] | None]] = []
        forgotten = (self.folded.up, self.folded.down) if self.folded else (None, None)
        for peak, side in zip((self._up, self._down), forgotten, strict=True):
            best = peak.strongest(now) if isinstance(peak, Peak) else (0.0, None)
            if side is not None and abs(value := side[1] * self.rule.decay.share(now - side[0])) > abs(best[0]):
                best = value, side
            found.append(best)
        up, down = found
        return up[1] if up[0] >= -down[0] - TOLERANCE else down[1]

    def _parts(self, now: int) -> tuple[float, float]:
        """What gives points and what takes them; kept for the moment last asked for, which is asked for again."""
        if self._asked != now:
            self._answer, self._asked = self._sides(now), now
        return self._answer

    def _sides(self, now: int) -> tuple[float, float]:
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

    def _insert(self, entry: Entry) -> float:
        self.counted.insert(entry)
        points = self.rule.worth(entry.data)
        if self.rule.surge is not None:
            return inf
        if points != 0:
            self._side(points).insert(entry.time, points)
        return points if points >= 0 and self._falls else inf

    def _within(self, limit: Limit, entry: Entry) -> float:
        """Of each window the first signals count: one that comes late takes the place of the last that did."""
        window = entry.time // limit.per
        left = limit.count - (self.folded.spent(window) if self.folded else 0)
        if left <= 0:
            return 0.0
        stop = self.counted.upto((window + 1) * limit.per - 1)
        if stop < left or self.counted.at(stop - left).time // limit.per != window:
            return self._insert(entry)
        last = self.counted.at(stop - 1)
        if last.precedes(entry):
            return 0.0
        self._delete(last)
        self._insert(entry)
        return inf

    def _delete(self, entry: Entry) -> bool:
        """Tells whether it was there."""
        if not self.counted.remove(entry):
            return False
        points = self.rule.worth(entry.data)
        if self.rule.surge is None and points != 0:
            self._side(points).remove(entry.time, points)
        return True

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
        self.counted, self._up, self._down = Queue(), None, None
        window, used = None, 0
        for entry in self._matched:
            if entry.time // limit.per != window:
                window = entry.time // limit.per
                used = self.folded.spent(window) if self.folded else 0
            if used < limit.count:
                used += 1
                self._insert(entry)
