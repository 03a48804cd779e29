"""An account's score over time: its own signals, replayed through the pure core under one profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import Signal

Point = tuple[int, float | None]
"""A moment (epoch ms) and the score then; ``None`` before anything was known of the account."""


def curve(
    signals: Sequence[tuple[int, Signal]],
    document: Mapping[str, Any],
    limits: Limits,
    *,
    start: int,
    end: int,
    samples: int,
) -> list[Point]:
    """The score at so many moments from ``start`` to ``end``, evenly spaced.

    ``signals``: of one account, (record time, signal) in the order of the log. The profile holds from the beginning.
    """
    profile = compile_profile(document)
    accounts = Memory()
    partition = Partition(Engine(limits), accounts)
    partition.activate(profile, 0)
    points: list[Point] = []
    at, clock = 0, 0
    for number in range(samples):
        moment = start + (end - start) * number // max(samples - 1, 1)
        while at < len(signals) and (clock := max(clock, signals[at][0])) <= moment:
            partition.signal(signals[at][1], clock)
            at += 1
        partition.advance(moment)
        state = next(iter(accounts.states.values()), None)
        points.append((moment, None if state is None else standing(state, state.places[profile.name], moment).score))
    return points
