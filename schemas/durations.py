"""Spans of time as a profile writes them: `30d`, `12h`, `1.5h`, `500ms`."""

from __future__ import annotations

import re
from fractions import Fraction

_FORM = re.compile(r"(\d{1,15}(?:\.\d{1,6})?)(ms|s|m|h|d|w)", re.ASCII)
PATTERN = r"^\d{1,15}(\.\d{1,6})?(ms|s|m|h|d|w)$"
_MILLISECONDS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
LONGEST = 100 * 366 * _MILLISECONDS["d"]  # a hundred years: sums with any moment stay inside what a date can be
MEND = "write a number and a unit of ms, s, m, h, d or w, as 30d"


def parse_duration(text: object) -> int:
    """Whole positive milliseconds of `<number><ms|s|m|h|d|w>`; ValueError, with the mend, for anything else."""
    shape = _FORM.fullmatch(text) if isinstance(text, str) else None
    if shape is None:
        raise ValueError(f"is not a duration ({MEND})")
    milliseconds = Fraction(shape[1]) * _MILLISECONDS[shape[2]]
    if milliseconds.denominator != 1:
        raise ValueError("is no whole number of milliseconds (round it)")
    if not 0 < milliseconds <= LONGEST:
        raise ValueError("is not between 1ms and a hundred years (write a positive duration, as 30d)")
    return int(milliseconds)
