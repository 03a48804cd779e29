"""The first moment at which something holds that goes on holding: bisection, led by where a curve meets a line.

A half-life is searched over years, to the millisecond: bisection looks forty times. Decayed scores are smooth, so a
straight line through the ends of what is left points close to the answer, and about ten looks will do. The curve only
guides: what is found is what plain bisection finds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil

_SOON = 128
"""Most is over in the first of so many parts: a half-life ends after 128 spans."""


def least(
    first: int, last: int, holds: Callable[[int], bool], curve: Callable[[int], float], lines: Sequence[float]
) -> int:
    """The least moment in ``(first, last]`` that ``holds``, as ``last`` does.

    ``curve`` is what it depends on, ``lines`` are the values at which it is to be expected.
    """
    step = (last - first) // _SOON
    while step > 1 and first + step < last:
        if holds(first + step):
            last = first + step
            break
        first, step = first + step, step * 4
    low, high = curve(first), curve(last)
    line = next((line for line in lines if min(low, high) <= line <= max(low, high)), None)
    if line is None:
        return _bisected(first, last, holds)
    return _led(first, last, holds, curve, line)


def _bisected(first: int, last: int, holds: Callable[[int], bool]) -> int:
    while last - first > 1:
        middle = (first + last) // 2
        if holds(middle):
            last = middle
        else:
            first = middle
    return last


def _led(first: int, last: int, holds: Callable[[int], bool], curve: Callable[[int], float], line: float) -> int:
    """Regula falsi after Anderson and Björck; where three looks do not halve the span, bisection does."""
    low, high = curve(first) - line, curve(last) - line
    width, looks, side = last - first, 0, 0
    while last - first > 1:
        looks += 1
        if looks % 4 == 0:
            guess = (first + last) // 2 if 2 * (last - first) > width else 0
            width = last - first
            if not guess:
                continue
        else:
            share = low / (low - high) if low != high else 0.5
            guess = min(max(first + ceil(share * (last - first)), first + 1), last - 1)
        height = curve(guess) - line
        if holds(guess):
            if side == 1:
                low *= _lessened(height, high)
            last, high, side = guess, height, 1
        else:
            if side == -1:
                high *= _lessened(height, low)
            first, low, side = guess, height, -1
    return last


def _lessened(height: float, replaced: float) -> float:
    """By how much the end that stays is drawn to the line, so that it does not stay for ever."""
    share = 1.0 - height / replaced if replaced else 0.0
    return share if share > 0.0 else 0.5
