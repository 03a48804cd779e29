"""How the worth of a signal fades with its age.

A decay is a list of phases over the age of a signal. In a phase the share that is left is constant, falls
on a straight line, or halves every half-life. Shares never rise with age, save where steps say so; ``falls`` tells, and
the crossing solver minds it. A half-life ends after 128 of its spans, where 3e-39 of the points would be left.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from stream.scoring.course import Course

UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
HALF_LIVES_KEPT = 128
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|w)")


def milliseconds(text: str) -> int:
    """``"30d"`` as milliseconds. Units: ms, s, m, h, d, w.

    Raises ValueError where the text is no duration.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no duration; write a number and a unit: 30d, 12h, 90m")
    return round(float(found[1]) * UNITS[found[2]])


@dataclass(frozen=True, slots=True)
class Phase:
    """From this age on (milliseconds), until the next phase."""

    start: int
    shape: Literal["flat", "line", "half"]
    keep: float = 1.0
    """The share left, where flat."""
    span: int = 0
    """Of a line, its length; of a half-life, the half-life (milliseconds)."""


@dataclass(frozen=True, slots=True)
class Decay:
    """Phases in order of age. ``grace`` has been worked into their starts."""

    phases: tuple[Phase, ...]
    starts: tuple[int, ...]
    grace: int
    ends: int | None
    """The age from which nothing is left; ``None`` when something always is."""
    settled: int
    """The age from which the course to the end of time is one plain phase, so that a signal may be forgotten."""
    bends: tuple[int, ...]
    """The ages at which one phase gives way to the next, or to nothing."""
    falls: bool
    """Whether the share never rises with age."""
    ranges: tuple[tuple[Phase, int | None], ...]
    """The phases, each with the age at which it is over."""
    has_line: bool
    has_half: bool

    def share(self, age: int) -> float:
        """What is left of one point at this age (milliseconds); nothing before it began."""
        if age < 0 or (self.ends is not None and age >= self.ends):
            return 0.0
        phase = self.phases[bisect_right(self.starts, age) - 1]
        if phase.shape == "flat":
            return phase.keep
        if phase.shape == "half":
            return float(2.0 ** -((age - self.grace) / phase.span))
        return 1.0 - (age - self.grace) / phase.span

    def steer(self, course: Course, age: int, points: float) -> None:
        """Add to a course how so many points of this age go on."""
        if age < 0 or (self.ends is not None and age >= self.ends):
            return
        phase = self.phases[bisect_right(self.starts, age) - 1]
        if phase.shape == "half":
            course.half(phase.span, points * self.share(age))
        elif phase.shape == "line":
            course.line(-points / phase.span)


def compile_decay(document: Mapping[str, Any] | str | None) -> Decay:
    """A validated ``decay`` member of a criterion as phases."""
    if document is None or document == "none" or isinstance(document, str):
        return _decay([Phase(0, "flat")], 0, None, 0)
    grace = milliseconds(document["grace"]) if document.get("grace") else 0
    lead = [Phase(0, "flat")] if grace else []
    if document.get("half_life"):
        span = milliseconds(document["half_life"])
        return _decay([*lead, Phase(grace, "half", span=span)], grace, grace + HALF_LIVES_KEPT * span, grace)
    if document.get("linear"):
        span = milliseconds(document["linear"])
        return _decay([*lead, Phase(grace, "line", span=span)], grace, grace + span, grace + span)
    if document.get("window"):
        end = grace + milliseconds(document["window"])
        return _decay([Phase(0, "flat")], grace, end, end)
    if document.get("steps"):
        steps = [Phase(grace + milliseconds(s["after"]), "flat", keep=float(s["keep"])) for s in document["steps"]]
        last = steps[-1]
        phases = steps if steps[0].start == 0 else [Phase(0, "flat"), *steps]
        return _decay(phases, grace, last.start if last.keep == 0 else None, last.start)
    return _decay([Phase(0, "flat")], grace, None, 0)


def _decay(phases: list[Phase], grace: int, ends: int | None, settled: int) -> Decay:
    starts = tuple(phase.start for phase in phases)
    bends = starts[1:] if ends is None else (*starts[1:], ends)
    falls = all(one.keep >= other.keep for one, other in pairwise(phases))
    ranges = tuple(zip(phases, (*starts[1:], ends), strict=True))
    shapes = {phase.shape for phase in phases}
    has_line, has_half = "line" in shapes, "half" in shapes
    return Decay(tuple(phases), starts, grace, ends, settled, bends, falls, ranges, has_line, has_half)
