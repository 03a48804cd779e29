"""When time alone moves an account: the first whole millisecond at which the tier machine gives another tier.

Solved, not polled. Between the starts of future-dated signals every positive contribution can only fall with time and
every negative one only fade towards zero. So over any span of time the score lies between two values computed at its
ends, and a span in which no value between them could move the account is skipped whole. Of what is left:

* where the score only rises or only falls, the ends of the span decide, and bisection finds the moment;
* else the span is split, at the moment where some signal changes its phase or else in the middle, until it is one
  millisecond long, where the tier machine itself decides.

Whether the score goes one way is seen at once where all contributions have one sign. Where they mix, their slopes and
half-lives are added up (``course``), so that what cancels is not searched millisecond by millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import fsum, log

from stream.scoring.book import Book
from stream.scoring.course import Course
from stream.scoring.least import least
from stream.scoring.place import PLAIN, Place
from stream.scoring.profile import Group
from stream.scoring.values import DISQUALIFIED, TOLERANCE

BUDGET = 20_000
"""Books looked at before giving up on an exact answer; a healthy profile takes under a hundred."""

LATEST = 253_402_300_799_999
"""The end of the year 9999, and of calendars: what would come later never does."""

_May = Callable[[int, int, "_Search"], bool | None]


def next_transition(place: Place, now: int, values: list[float] | None = None) -> tuple[int | None, bool]:
    """The first moment after ``now`` at which the tier changes if nothing else happens.

    ``values``: the place's values ``now``, where they are known.

    Returns ``(moment, True)``, ``(None, True)`` when there is none, or ``(moment, False)`` when the search ran out of
    budget: nothing happens before that moment, and the search goes on from there.
    """
    ladder = place.profile.ladder
    if place.tier == ladder.lowest and place.steady(now):
        return None, True  # what can only fall has nowhere to go
    if values is None:
        values = place.values(now)
    if place.stuck(now, values):
        return None, True
    search = _Search(place, now, values)
    at = ladder.index.get(place.tier or "")
    lines = () if at is None else (ladder.tiers[at].exit, ladder.above[place.tier])
    may = None if at is not None and place.steady(now) else _may_move
    return search.first(now, may, lambda moment: tier_at(place, moment, search) != place.tier, lines)


def still(place: Place, now: int, values: list[float]) -> bool:
    """Whether ``place.due``, found earlier, bounds the next transition as it did: nothing can happen before it.

    ``values``: the place's values ``now``.
    """
    if (place.due is not None and place.due - 1 <= now) or place.stuck(now, values):
        return True
    if place.steady(now) and place.tier != DISQUALIFIED:
        return tier_at(place, LATEST if place.due is None else place.due - 1) == place.tier
    search = _Search(place, now, values)
    last = search.end if place.due is None else place.due - 1
    if last <= now:
        return True
    return not any(mark <= last for mark in search.starts) and _may_move(now, last, search) is False


def next_drift(
    place: Place,
    now: int,
    by: float,
    values: list[float] | None = None,
    total: tuple[float, list[float]] | None = None,
) -> int | None:
    """The first moment after ``now`` at which time alone has moved the score by ``by`` points; ``None``: never.

    ``values`` and ``total``: the place's values ``now`` and what they add up to, where they are known.
    """
    if values is None:
        values = place.values(now)
    score, groups = total or place.profile.total(values)
    steady = place.steady(now)
    if steady and (
        _falls_less(place, values, groups, by) or score - place.profile.total(place.values(LATEST))[0] < by - TOLERANCE
    ):
        return None  # what can only fall does not fall so far, ever
    search = _Search(place, now, values, score)

    def may(first: int, last: int, search: _Search) -> bool:
        least, most = search.bounds(first, last)
        return score - least >= by - TOLERANCE or most - score >= by - TOLERANCE

    def holds(moment: int) -> bool:
        return abs(search.score(moment) - score) >= by - TOLERANCE

    lines = (score - by + TOLERANCE, score + by - TOLERANCE)
    # what falls so far in all has done so at the end
    return search.least(now, search.end, holds, lines) if steady else search.first(now, may, holds, lines)[0]


def _falls_less(place: Place, values: Sequence[float], groups: Sequence[float], by: float) -> bool:
    """Whether the score plainly falls by less than ``by``, in a steady place: most signals give less altogether."""
    scales, most = place.profile.scales, 0.0
    for number, book in place.books.items():
        if book.folded is not None:
            return False  # what it falls to may be below zero
        most += values[number] * scales[number]
    return most < by - 1e-6 and all(-PLAIN < points < PLAIN for points in groups)


def tier_at(place: Place, now: int, search: _Search | None = None) -> str:
    """The tier the machine gives at ``now``; ``search``: one that began no later."""
    score = place.profile.total(place.values(now))[0] if search is None else search.score(now)
    return place.profile.ladder.next(place.tier, score, shut=place.shut(now), now=now, since=place.since)


class _Search:
    """What moves in one place from a moment on. A span is ``(first, last]``: ``first`` has been looked at before."""

    def __init__(self, place: Place, now: int, values: list[float], score: float | None = None) -> None:
        """``values``: the place's ``now``; ``score``: what they add up to, where that is known."""
        self.place = place
        self._values = values.copy()
        self._low: list[float] = []
        self._high: list[float] = []
        """The values at the least and at the greatest of ``bounds``."""
        self._scores: dict[int, float] = {} if score is None else {now: score}
        """The scores that were asked for: does it hold then, how far is it from a line, what is it at an end."""
        self._moving: list[tuple[int, Book]] = []
        at = place.profile.ladder.index.get(place.tier or "")
        dwell = place.since + place.profile.ladder.tiers[at].dwell if at is not None else 0
        end, size = max(now, dwell), len(values)
        for number, book in place.books.items():
            ends = book.ends
            end = max(end, ends)
            if ends > now and number < size:
                self._moving.append((number, book))
        self.end = min(end, LATEST)
        """From here on nothing changes any more."""
        self.starts: set[int] = set()
        self._falling, self._rising = True, False
        if not place.steady(now):
            self.starts = {time for book in place.books.values() for time in book.starts_after(now)}
            self._falling = all(book.only_falls for _, book in self._moving)
            self._rising = all(book.only_rises for _, book in self._moving)
        self._marks = sorted(mark for mark in {*self.starts, dwell, self.end} if now < mark <= self.end)
        """Moments at which the score or the machine may jump up."""

    def score(self, moment: int) -> float:
        """The score at a moment that is not before the search began."""
        score = self._scores.get(moment)
        if score is None:
            for number, book in self._moving:
                self._values[number] = book.value(moment)
            score = self._scores[moment] = self.place.profile.total(self._values)[0]
        return score

    def first(
        self, now: int, may: _May | None, holds: Callable[[int], bool], lines: Sequence[float]
    ) -> tuple[int | None, bool]:
        """The least moment after ``now`` that ``holds``.

        ``may`` says whether a span could have one: no (false), yes by the score alone (true), yes for some other
        reason (``None``). Without ``may``, of a place that is steady, the ends of a span decide. ``lines``: the scores
        at which it is to be expected; they guide, ``holds`` decides.
        """
        spent = 0
        for mark in self._marks:
            spans = [(mark - 1, mark), (now, mark - 1)]
            while spans:
                first, last = spans.pop()
                if first >= last:
                    continue
                if may is not None and last - first > 1:
                    if spent > BUDGET:
                        return first + 1, False
                    spent += 1 + len(self._moving)
                    could = may(first, last, self)
                    if could is False:
                        continue
                    if not (could and self._one_way(first, last)):
                        spans += self._split(first, last)
                        continue
                if holds(last):
                    return self.least(first, last, holds, lines), True
            now = mark
        return None, True

    def least(self, first: int, last: int, holds: Callable[[int], bool], lines: Sequence[float]) -> int:
        """The least moment in ``(first, last]`` that ``holds``, of a score that goes one way there."""
        if not self._falling or not any(book.rule.decay.has_half for _, book in self._moving):
            return least(first, last, holds, self.score, lines)
        # of what is left to lose a half-life leaves a straight line: its logarithm
        floor = self.score(self.end)

        def left(score: float) -> float:
            return log(max(score - floor, TOLERANCE))

        return least(first, last, holds, lambda moment: left(self.score(moment)), [left(line) for line in lines])

    def bounds(self, first: int, last: int) -> tuple[float, float]:
        """The least and the greatest score in a span in which no signal begins."""
        if not self._low:
            self._low, self._high = self._values.copy(), self._values.copy()
        for number, book in self._moving:
            self._low[number], self._high[number] = book.bounds(first, last)
        return self.place.profile.total(self._low)[0], self.place.profile.total(self._high)[0]

    def _one_way(self, first: int, last: int) -> bool:
        """Whether the score only rises or only falls in a span of which the bounds were just taken."""
        if self._falling or self._rising:
            return True
        total = Course()
        for group in self.place.profile.groups:
            course = Course()
            for number, book in self._moving:
                if number in group.members:
                    part = book.course(first, last)
                    if part is None:
                        return False
                    course.add(part)
            self._pass_group(group, course, total, last - first)
        return total.one_way(last - first)

    def _pass_group(self, group: Group, course: Course, total: Course, length: int) -> None:
        """Add to ``total`` what the group lets through of its criteria's course."""
        members = slice(group.members.start, group.members.stop)
        least, most = fsum(self._low[members]), fsum(self._high[members])
        bound = False
        if group.cap is not None:
            if least >= group.cap:
                return
            bound = most > group.cap
            most = min(most, group.cap)
        factor = 1.0
        if group.weight is not None:
            if most <= 0 or least >= group.out_of:
                return
            bound = bound or least < 0 or most > group.out_of
            factor = group.weight / group.out_of
        total.add(course.held(length) if bound else course, factor)

    def _split(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of a span, the earliest at the end."""
        for _, book in self._moving:
            bend = None if self._falling or self._rising else book.bend(first, last)
            if bend is not None:
                return [(bend, last), (bend - 1, bend), (first, bend - 1)]
        middle = (first + last) // 2
        return [(middle, last), (first, middle)]


def _may_move(first: int, last: int, search: _Search) -> bool | None:
    place = search.place
    shut = _shut_throughout(place, first, last)
    if shut is None:
        return None
    if shut:
        return None if place.tier != DISQUALIFIED else False
    if place.tier is None or place.tier == DISQUALIFIED:
        return None
    least, most = search.bounds(first, last)
    return place.profile.ladder.may_move(place.tier, least, most, now=last, since=place.since)


def _shut_throughout(place: Place, first: int, last: int) -> bool | None:
    """Whether some gate disqualifies in all of ``[first, last]``; ``None`` when that may change within.

    Where no signal begins, an exclusion can only end and a requirement only fail: a gate that says the same at both
    ends says it all along.
    """
    if not place.profile.gates:
        return False
    before, after = place.shut(first), place.shut(last)
    if before is not after:
        return None
    if not before:
        return False
    return True if set(place.reasons(first)) & set(place.reasons(last)) else None
