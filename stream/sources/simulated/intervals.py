"""Small arithmetic on intervals of time, [start, end) in epoch milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Interval = tuple[int, int]


def clipped(spans: Sequence[Interval], start: int, end: int) -> list[Interval]:
    """What of `spans` lies in [start, end): in order, without overlaps and without empty ones."""
    joined: list[Interval] = []
    for span in sorted(spans):
        a, b = max(span[0], start), min(span[1], end)
        if a >= b:
            continue
        if joined and a <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], b))
        else:
            joined.append((a, b))
    return joined


def length(spans: Sequence[Interval]) -> int:
    """The time that `spans`, none overlapping another, hold together."""
    return sum(b - a for a, b in spans)


def shared(one: Sequence[Interval], other: Sequence[Interval]) -> int:
    """The time in both; neither overlaps itself."""
    return sum(max(0, min(b, d) - max(a, c)) for a, b in one for c, d in other)


def lead(hot: Sequence[Interval], window: Interval) -> int | None:
    """From getting hot, at the window's opening at the soonest, to its end; None where it was never hot in it."""
    starts = [max(a, window[0]) for a, b in hot if a < window[1] and b > window[0]]
    return window[1] - min(starts) if starts else None


class Chance:
    """What the hot times of all the other accounts would have done for one account's window."""

    SAMPLE = 400  # accounts with hot times that are tried; in a bigger market every so-and-so-many'th of them

    def __init__(self, hot: dict[str, list[Interval]]) -> None:
        """`hot`: the hot times of every account, clipped; most are empty."""
        self._accounts = len(hot)
        ever = [account for account in sorted(hot) if hot[account]]
        self._stride = max(1, -(-len(ever) // self.SAMPLE))
        self._tried = {account: hot[account] for account in ever[:: self._stride]}

    def of(self, account: str, window: Interval) -> tuple[float, float]:
        """The share of other accounts whose hot times meet `window`, their mean lead in milliseconds (none is 0)."""
        met = total = 0
        for other, spans in self._tried.items():
            if other != account and (found := lead(spans, window)) is not None:
                met += 1
                total += found
        others = max(1, self._accounts - 1)
        return min(1.0, met * self._stride / others), total * self._stride / others
