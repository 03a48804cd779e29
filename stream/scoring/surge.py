"""Whether signals come faster than they did: the recent window against the baseline before it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from stream.scoring.criteria import Surge
from stream.scoring.values import TOLERANCE


def holds(surge: Surge, times: Sequence[int], now: int) -> bool:
    """Whether these signals (times in order) surge at ``now``."""
    border = bisect_right(times, now - surge.recent)
    recent = bisect_right(times, now) - border
    before = border - bisect_right(times, now - surge.recent - surge.baseline)
    expected = surge.at_least * before * surge.recent / surge.baseline
    return recent >= surge.min_count and recent >= expected - TOLERANCE


def throughout(surge: Surge, times: Sequence[int], first: int, last: int) -> bool | None:
    """Whether they surge in all of ``[first, last]`` (true), in none of it (false), or may do both.

    Each window is counted at its fullest and at its emptiest.
    """
    begin = [bisect_right(times, moment - surge.recent - surge.baseline) for moment in (first, last)]
    border = [bisect_right(times, moment - surge.recent) for moment in (first, last)]
    least, most = bisect_right(times, first) - border[1], bisect_right(times, last) - border[0]
    fewest, plenty = max(border[0] - begin[1], 0), border[1] - begin[0]
    share = surge.at_least * surge.recent / surge.baseline
    if most < surge.min_count or most < share * fewest - 2 * TOLERANCE:
        return False
    if least >= surge.min_count and least >= share * plenty:
        return True
    return holds(surge, times, first) if first == last else None
