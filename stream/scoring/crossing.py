"""When time alone moves an account: the first whole millisecond at which the tier machine gives another tier.

Solved, not polled. Between the starts of future-dated signals every positive contribution can only fall with time and
every negative one only fade towards zero. So over any span of time the score lies between two values computed at its
ends, and a span in which no value between them could move the account is skipped whole. What is left is halved until it
is one millisecond long, where the tier machine itself decides. Where contributions only fall this is plain bisection;
where they mix, spans are split until the bounds are tight.
"""

from __future__ import annotations

from collections.abc import Callable

from stream.scoring.place import Place
from stream.scoring.values import DISQUALIFIED, TOLERANCE

BUDGET = 20_000
"""Spans looked at before giving up on an exact answer; a healthy profile takes under a hundred."""

_SLACK = 1e-12
"""Room for the last bits: the bounds add the same terms in another order."""


def next_transition(place: Place, now: int) -> tuple[int | None, bool]:
    """The first moment after ``now`` at which the tier changes if nothing else happens.

    Returns ``(moment, True)``, ``(None, True)`` when there is none, or ``(moment, False)`` when the search ran out of
    budget: nothing happens before that moment, and the search goes on from there.
    """
    return _first(
        place,
        now,
        lambda first, last: _may_move(place, first, last),
        lambda moment: tier_at(place, moment) != place.tier,
    )


def next_drift(place: Place, now: int, by: float) -> int | None:
    """The first moment after ``now`` at which time alone has moved the score by ``by`` points; ``None``: never."""
    score, _ = place.profile.total(place.values(now))

    def may(first: int, last: int) -> bool:
        least, most = _score_bounds(place, first, last)
        return score - least >= by - _SLACK or most - score >= by - _SLACK

    def holds(moment: int) -> bool:
        return abs(place.profile.total(place.values(moment))[0] - score) >= by - TOLERANCE

    return _first(place, now, may, holds)[0]


def _first(
    place: Place, now: int, may: Callable[[int, int], bool], holds: Callable[[int], bool]
) -> tuple[int | None, bool]:
    """The least moment after ``now`` that ``holds``. ``may`` says whether a span could have one."""
    end = _last_moment(place, now)
    spent = 0
    first = now + 1
    for last in _stretches(place, now, end):
        if first > last:
            continue
        spans = [(first, last)]
        while spans:
            low, high = spans.pop()
            spent += 1
            if not may(low, high):
                continue
            if low == high:
                if holds(low):
                    return low, True
                continue
            if spent > BUDGET:
                return low, False
            middle = (low + high) // 2
            spans.append((middle + 1, high))
            spans.append((low, middle))
        first = last + 1
    return None, True


def tier_at(place: Place, now: int) -> str:
    """The tier the machine gives at ``now``."""
    score, _ = place.profile.total(place.values(now))
    return place.profile.ladder.next(place.tier, score, shut=place.shut(now), now=now, since=place.since)


def only_falls(place: Place, now: int) -> bool:
    """Whether time alone can only lower the score from ``now`` on."""
    return all(book.only_falls and (not book.times or book.times[-1] <= now) for book in place.books.values())


def _last_moment(place: Place, now: int) -> int:
    """From here on nothing changes any more."""
    at = place.profile.ladder.index.get(place.tier or "")
    dwell = place.since + place.profile.ladder.tiers[at].dwell if at is not None else 0
    return max([now + 1, dwell, *(book.ends for book in place.books.values())])


def _stretches(place: Place, now: int, end: int) -> list[int]:
    """Last moments of the stretches in which no signal begins, up to ``end``."""
    starts = {time - 1 for book in place.books.values() for time in book.starts_after(now) if now < time - 1 < end}
    return [*sorted(starts), end]


def _may_move(place: Place, first: int, last: int) -> bool:
    profile = place.profile
    shut = _shut_throughout(place, first, last)
    if shut is None:
        return True
    if shut:
        return place.tier != DISQUALIFIED
    if place.tier is None or place.tier == DISQUALIFIED:
        return True
    least, most = _score_bounds(place, first, last)
    return profile.ladder.may_move(
        place.tier, least - _SLACK, most + _SLACK, now=last, since=place.since
    )


def _score_bounds(place: Place, first: int, last: int) -> tuple[float, float]:
    """The least and the greatest score in a span in which no signal begins."""
    low, high = place.values(first), place.values(first)
    for number, book in place.books.items():
        if number < len(low):
            low[number], high[number] = book.bounds(first, last)
    return place.profile.total(low)[0], place.profile.total(high)[0]


def _shut_throughout(place: Place, first: int, last: int) -> bool | None:
    """Whether some gate disqualifies in all of ``[first, last]``; ``None`` when that may change within.

    Where no signal begins, an exclusion can only end and a requirement only fail: a gate that says the same at both
    ends says it all along.
    """
    before, after = place.shut(first), place.shut(last)
    if before is not after:
        return None
    if not before:
        return False
    return True if set(place.reasons(first)) & set(place.reasons(last)) else None
