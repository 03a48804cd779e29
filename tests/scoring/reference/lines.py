"""The lines of a profile, ready to be asked for any moment: facts, signals that add up or refresh, surges.

Which signals a line counts does not depend on the moment asked for: an earlier signal decides about a later one,
never the other way round. So they are chosen once, and a moment only leaves out those that have not begun.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

from .conditions import Truth, holds, is_number, look_up, same
from .counting import matching
from .decay import Decay, decay_of
from .values import EPSILON, SignalLike, milliseconds


@dataclass(frozen=True)
class FactLine:
    """Points while a condition on facts holds."""

    points: float
    truth: Truth

    @property
    def decided(self) -> bool:
        """Whether the facts told so far decide it."""
        return self.truth is not None

    def value(self, _now: int) -> float:
        """The points; the moment does not matter."""
        return self.points if self.truth is True else 0.0

    def moments(self) -> list[int]:
        """Time alone never moves it."""
        return []


@dataclass(frozen=True)
class SurgeLine:
    """Points while signals come faster than they did; all spans in milliseconds."""

    points: float
    times: tuple[int, ...]
    recent: int
    baseline: int
    at_least: float
    min_count: int
    decided: bool = True

    def value(self, now: int) -> float:
        """The points, if the rate in (now - recent, now] is that many times the rate in the baseline before it."""
        fresh = sum(now - self.recent < time <= now for time in self.times)
        older = sum(now - self.recent - self.baseline < time <= now - self.recent for time in self.times)
        enough = fresh >= self.min_count
        faster = fresh * self.baseline / self.recent >= self.at_least * older - EPSILON
        return self.points if enough and faster else 0.0

    def moments(self) -> list[int]:
        """When a signal comes in, goes over to the baseline, and leaves it."""
        spans = (0, self.recent, self.recent + self.baseline)
        return [time + span for time in self.times for span in spans]


@dataclass(frozen=True)
class SignalLine:
    """Points of signals, each decayed: the strongest (`cap` None), the sum ("none"), or the bounded sum (a number)."""

    signals: tuple[tuple[int, float], ...]
    """(time, points when fresh)"""
    decay: Decay
    cap: float | str | None
    decided: bool = True

    def value(self, now: int) -> float:
        """The points now."""
        values = [points * self.decay.keep(now - time) for time, points in self.signals if time <= now]
        if self.cap is None:
            return strongest(values)
        return bounded(fsum(values), self.cap)

    def moments(self) -> list[int]:
        """When a signal begins, and when its decay jumps or takes another course."""
        return [time + age for time, _ in self.signals for age in self.decay.bends()]


Line = FactLine | SurgeLine | SignalLine


def strongest(values: Sequence[float]) -> float:
    """The one value of greatest magnitude; of a positive and a negative one equally great, the positive."""
    highest = max([*values, 0.0])
    lowest = min([*values, 0.0])
    return highest if highest >= -lowest - EPSILON else lowest


def bounded(total: float, cap: float | str) -> float:
    """The sum within its cap: above by a positive one, below by a negative one."""
    if isinstance(cap, str):
        return total
    return min(total, cap) if cap >= 0 else max(total, cap)


def line_of(criterion: Mapping[str, Any], counted: Sequence[SignalLike], facts: Mapping[str, Any]) -> Line:
    """A criterion with what it counts. `counted`: the account's events in order of time."""
    points = float(criterion.get("points", 0.0))
    if "when" in criterion:
        return FactLine(points, holds(criterion["when"], facts))
    chosen = matching(counted, criterion)
    surge = criterion.get("surge")
    if surge:
        return SurgeLine(
            points,
            tuple(one.time for one in chosen),
            milliseconds(surge["recent"]),
            milliseconds(surge["baseline"]),
            float(surge["at_least"]),
            int(surge.get("min_count", 1)),
        )
    cap = criterion.get("cap")
    return SignalLine(
        tuple((one.time, _fresh_points(criterion, one)) for one in chosen),
        decay_of(criterion),
        cap if cap is None or isinstance(cap, str) else float(cap),
    )


def _fresh_points(criterion: Mapping[str, Any], signal: SignalLike) -> float:
    points = float(criterion.get("points", 0.0))
    for member, listed in (criterion.get("points_by") or {}).items():
        value = look_up(member, signal.data)
        points = next((float(given) for wanted, given in listed.items() if same(wanted, value)), 0.0)
    if "multiply" in criterion:
        factor = look_up(criterion["multiply"], signal.data)
        points *= float(factor) if is_number(factor) else 0.0
    return points
