"""What is left of a signal at an age, and at which ages that changes its course."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .values import milliseconds


@dataclass(frozen=True)
class Decay:
    """A decay with its durations in milliseconds; `kind` is none, half_life, linear, window or steps."""

    kind: str = "none"
    span: int = 0
    grace: int = 0
    steps: tuple[tuple[int, float], ...] = ()

    def keep(self, age: int) -> float:
        """The share that is left at an age; nothing before the signal's time."""
        if age < 0:
            return 0.0
        aged = max(0, age - self.grace)
        if self.kind == "half_life":
            return float(2.0 ** (-aged / self.span))
        if self.kind == "linear":
            return max(0.0, 1.0 - aged / self.span)
        if self.kind == "window":
            return 1.0 if aged < self.span else 0.0
        left = 1.0
        for after, share in self.steps:
            if aged >= after:
                left = share
        return left

    def bends(self) -> list[int]:
        """The ages at which the share jumps or takes another course; age 0 is one."""
        ages = {0, self.grace} | {self.grace + after for after, _ in self.steps}
        if self.kind in ("linear", "window"):
            ages.add(self.grace + self.span)
        return sorted(ages)


def decay_of(rule: Mapping[str, Any]) -> Decay:
    """The decay of a criterion or an exclusion as its document gives it."""
    told = rule.get("decay")
    if not isinstance(told, Mapping):
        return Decay()
    grace = milliseconds(told["grace"]) if told.get("grace") else 0
    for kind in ("half_life", "linear", "window"):
        if kind in told:
            return Decay(kind, milliseconds(told[kind]), grace)
    steps = sorted((milliseconds(step["after"]), float(step["keep"])) for step in told.get("steps", []))
    return Decay("steps" if steps else "none", 0, grace, tuple(steps))
