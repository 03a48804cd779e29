"""The next transition: the least whole millisecond at which time alone gives an account another tier."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from math import ceil, floor
from typing import Any

from .pieces import crossings
from .scoring import Prepared
from .tiers import dwell_of, lines, next_tier
from .values import EPSILON


def next_transition(
    prepared: Prepared, profile_doc: Mapping[str, Any], standing: tuple[str, int], clock: int, until: int
) -> tuple[int, str] | None:
    """The first millisecond in (clock, until] with another tier, and that tier; None if there is none.

    `standing`: the tier the account is in, and since when. Between two neighbouring marks nothing can change twice, so
    looking at each mark and between them misses nothing; where a look finds another tier, the millisecond is found by
    halving the way back to the look before.
    """
    tiers = profile_doc["tiers"]
    tier, since = standing

    def tier_at(now: int) -> str:
        return next_tier(tiers, tier, since, prepared.at(now), now)

    before = clock
    for look in _looks(prepared, lines(tiers), since + dwell_of(tiers, tier), clock, until):
        if look > before:
            if tier_at(look) != tier:
                first = _first(lambda now: tier_at(now) != tier, before, look)
                return first, tier_at(first)
            before = look
    return None


def _looks(prepared: Prepared, scores: list[float], dwell_end: int, clock: int, until: int) -> Iterator[int]:
    """The milliseconds to look at, in order: at and just before each bend, around and between crossings."""
    moments = sorted({*prepared.moments, dwell_end, until})
    start = clock
    for end in moments[bisect_right(moments, clock) : bisect_right(moments, until)]:
        marks = [start + t for t in (0.0, *crossings(prepared, scores, start, end))]
        for mark, following in zip(marks, [*marks[1:], end], strict=True):
            yield from (one for one in (floor(mark), ceil(mark), floor((mark + following) / 2)) if one < end)
        yield from (end - 1, end)
        start = end


def _first(other: Callable[[int], bool], before: int, after: int) -> int:
    """The first millisecond in (before, after] of which `other` holds; it does not hold of `before`."""
    return before + 1 + bisect_left(range(before + 1, after + 1), True, key=other)


def leeway_ms(prepared: Prepared, moment: int) -> float:
    """How far from `moment` another correct implementation may place a crossing, in milliseconds.

    Two, or where the score moves so slowly that the tolerance of comparisons takes longer: twice that.
    """
    bends = prepared.moments
    place = bisect_left(bends, moment)
    if place < len(bends) and bends[place] == moment:
        return 2.0
    start = bends[place - 1] if place else moment - 1
    back = min(3_600_000, moment - start)
    speed = abs(prepared.at(moment).score - prepared.at(moment - back).score) / back
    return max(2.0, 2 * EPSILON / speed) if speed > 0 else float("inf")
