"""What forgotten signals still give under one rule: a remainder of a few numbers, stored with the account."""

from __future__ import annotations

from dataclasses import dataclass

from stream.scoring.columns import SCALE, half_term, half_value, to_units
from stream.scoring.course import Course
from stream.scoring.criteria import SignalRule
from stream.scoring.entries import Entry

_FOLDED_BITS = 1_024


@dataclass(slots=True)
class Folded:
    """What forgotten signals still give under one rule.

    Exact for a signal whose decay has settled into its last phase (flat, or halving), as it has when it is forgotten
    for its age. One pushed out by number before that gives from then on what its last phase gives: nothing where a line
    or a window was to end, the last of its steps, no grace before a half-life. To a surge it is lost.
    """

    flat: int = 0
    """Sum in units of 2**-64 (rules that sum)."""
    half: int = 0
    base: int = 0
    """Half-life sum above this exponent."""
    up: tuple[int, float] | None = None
    down: tuple[int, float] | None = None
    """Time and points of the strongest of each sign (rules that take the strongest)."""
    last: int | None = None
    """Time of the newest forgotten signal (gates)."""
    window: int | None = None
    used: int = 0
    """The newest limit window that forgotten signals lie in, and how many of them it counted."""

    def add(self, rule: SignalRule, entry: Entry, now: int) -> None:
        """Take over a signal that leaves the ledger ``now``."""
        self.last = entry.time if self.last is None else max(self.last, entry.time)
        if rule.limit is not None:
            window = entry.time // rule.limit.per
            self.window, self.used = window, self.spent(window) + 1
        decay, points = rule.decay, rule.worth(entry.data)
        tail = decay.phases[-1]
        if points == 0 or rule.surge or (decay.ends is not None and tail.shape != "half"):  # over by now
            return
        if rule.cap is None:
            side = self.up if points > 0 else self.down
            strongest = (entry.time, points) if side is None else self._stronger(rule, side, (entry.time, points))
            if points > 0:
                self.up = strongest
            else:
                self.down = strongest
        elif tail.shape == "half":
            mantissa, exponent = half_term(points, min(entry.time + decay.grace, now), tail.span)
            if self.half == 0 or exponent - self.base > _FOLDED_BITS:
                shift = exponent - 2 * SCALE - self.base
                self.half, self.base = (self.half >> shift if shift > 0 else 0), exponent - 2 * SCALE
            lift = exponent - self.base
            self.half += mantissa << lift if lift >= 0 else mantissa >> -lift
        else:
            self.flat += to_units(points)

    def joined(self, rule: SignalRule, other: Folded) -> Folded:
        """What two accounts have forgotten, as one."""
        low, high = (self, other) if self.base <= other.base or not other.half else (other, self)
        if not self.half or not other.half:
            half, base = (self.half, self.base) if self.half else (other.half, other.base)
        elif high.base - low.base > _FOLDED_BITS:
            half, base = high.half + (low.half >> (high.base - low.base)), high.base
        else:
            half, base = low.half + (high.half << (high.base - low.base)), low.base
        newest = max((self.window, other.window), key=lambda window: -1 if window is None else window)
        return Folded(
            self.flat + other.flat,
            half,
            base,
            self._best(rule, self.up, other.up),
            self._best(rule, self.down, other.down),
            max((last for last in (self.last, other.last) if last is not None), default=None),
            newest,
            0 if newest is None else self.spent(newest) + other.spent(newest),
        )

    def spent(self, window: int) -> int:
        """How many signals of a limit window were counted and forgotten."""
        return self.used if window == self.window else 0

    def value(self, rule: SignalRule, now: int) -> float:
        """What the forgotten signals of a summing rule are worth ``now``."""
        tail = rule.decay.phases[-1]
        total = tail.keep * (self.flat / (1 << SCALE)) if self.flat else 0.0
        if self.half:
            total += half_value(self.half, self.base, now, tail.span)
        return total

    def steer(self, rule: SignalRule, course: Course, now: int) -> None:
        """Add to a course how the forgotten signals of a summing rule go on."""
        if self.half:
            span = rule.decay.phases[-1].span
            course.half(span, half_value(self.half, self.base, now, span))

    def peak(self, rule: SignalRule, side: tuple[int, float] | None, now: int) -> float:
        """What the strongest forgotten signal of one sign is worth ``now``."""
        return side[1] * rule.decay.share(now - side[0]) if side else 0.0

    def _best(
        self, rule: SignalRule, one: tuple[int, float] | None, other: tuple[int, float] | None
    ) -> tuple[int, float] | None:
        if one is None or other is None:
            return one or other
        return self._stronger(rule, one, other)

    @staticmethod
    def _stronger(rule: SignalRule, one: tuple[int, float], other: tuple[int, float]) -> tuple[int, float]:
        older, newer = sorted((one, other))
        moment = newer[0] + rule.decay.settled
        share = rule.decay.share
        return newer if abs(newer[1]) * share(moment - newer[0]) >= abs(older[1]) * share(moment - older[0]) else older
