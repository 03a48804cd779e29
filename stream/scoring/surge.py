"""Whether signals come faster than they did: the recent window against the baseline before it."""

from __future__ import annotations

from stream.scoring.criteria import Surge
from stream.scoring.entries import Queue
from stream.scoring.values import TOLERANCE


def holds(surge: Surge, signals: Queue, now: int) -> bool:
    """Whether these signals surge at ``now``."""
    border = signals.upto(now - surge.recent)
    recent = signals.upto(now) - border
    before = border - signals.upto(now - surge.recent - surge.baseline)
    expected = surge.at_least * before * surge.recent / surge.baseline
    return recent >= surge.min_count and recent >= expected - TOLERANCE


def throughout(surge: Surge, signals: Queue, first: int, last: int) -> bool | None:
    """Whether they surge in all of ``[first, last]`` (true), in none of it (false), or may do both.

    Each window is counted at its fullest and at its emptiest.
    """
    begin = [signals.upto(moment - surge.recent - surge.baseline) for moment in (first, last)]
    border = [signals.upto(moment - surge.recent) for moment in (first, last)]
    least, most = signals.upto(first) - border[1], signals.upto(last) - border[0]
    fewest, plenty = max(border[0] - begin[1], 0), border[1] - begin[0]
    share = surge.at_least * surge.recent / surge.baseline
    if most < surge.min_count or most < share * fewest - 2 * TOLERANCE:
        return False
    if least >= surge.min_count and least >= share * plenty:
        return True
    return holds(surge, signals, first) if first == last else None


def bend(surge: Surge, signals: Queue, first: int, last: int) -> int | None:
    """A moment in ``(first, last]``, in which no signal begins, at which a signal leaves one of the windows.

    Of many the one with which the surge ends if none leaves the baseline meanwhile; or with which too few are left for
    any; or one in the middle.
    """
    recent, whole = surge.recent, surge.recent + surge.baseline
    begin, border, end = signals.upto(first - whole), signals.upto(first - recent), signals.upto(last - recent)
    if border < end:
        begun, share = signals.upto(first), surge.at_least * recent / surge.baseline
        for place in (int((begun + share * begin) / (1 + share)), begun - surge.min_count, (border + end) // 2):
            if border <= place < end:
                return signals.at(place).time + recent
    stop = signals.upto(last - whole)
    return signals.at((begin + stop) // 2).time + whole if begin < stop else None
