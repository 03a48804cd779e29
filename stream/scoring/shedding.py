"""Lists in order of time that are added to at the end and lose their oldest.

To close the gap after each one that goes would move all that come after it: thousands, for every signal. So those that
went stay where they were until they are many, or most.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

MANY = 64
"""So many may have gone from the front before the gap is closed."""


class Shedding:
    """Keeps such lists, as long as one another; nothing before ``gone`` is read."""

    __slots__ = ("gone",)

    def __init__(self) -> None:
        self.gone = 0

    def lists(self) -> list[list[Any]]:
        """The lists."""
        raise NotImplementedError

    def shed(self, length: int) -> None:
        """The oldest of lists of this length goes."""
        self.gone += 1
        if self.gone == MANY or 2 * self.gone >= length:
            self.close()

    def close(self) -> None:
        """Let go of those that went."""
        gone, self.gone = self.gone, 0
        for values in self.lists():
            del values[:gone]


def upto(times: list[int], moment: int, gone: int) -> int:
    """``bisect_right`` in what has not gone; the ends are looked at first, for most ask for everything or nothing."""
    if len(times) == gone or times[gone] > moment:
        return gone
    return len(times) if times[-1] <= moment else bisect_right(times, moment, gone)
