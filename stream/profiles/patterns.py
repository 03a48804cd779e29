"""Whether the `matches` patterns of a profile compile on the engine that will run them (RE2)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import re2

from schemas.conditions import conditions_in
from schemas.profiles import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.profiles.document import Path


_LOOKAROUND = ("(?=", "(?!", "(?<")
_MENDS = {
    "missing )": "close the group with ), or write \\( for the sign itself",
    "unexpected )": "open a group with ( before it, or write \\) for the sign itself",
    "missing ]": "close the set with ], or write \\[ for the sign itself",
    "no argument for repetition": r"put what is repeated before it, or write \* \+ \? for the sign itself",
    "bad repetition": "write one of * + ? {n,m} after what is repeated",
    "invalid repetition size": "repeat it 1,000 times at most, the smaller number first",
    "invalid repetition": "repeat it 1,000 times at most, the smaller number first",
    "invalid character class range": "write the lower end first, or a - of its own at the end of the set",
    "invalid character class": "write [a-z], or [[:alpha:]]",
    "trailing \\": r"write \\ for the sign itself",
    "invalid named capture": "write (?P<name>…), each name once",
    "duplicate capture": "give each group a name of its own",
    "pattern too large": "say it more briefly, or in several patterns joined by any",
}
"""By how RE2 says what is wrong."""


def _mend(why: str) -> str:
    """What to do about a pattern of which RE2 says `why`."""
    fault, _, there = why.partition(": ")
    if there.startswith(("[:", r"\p", r"\P")):
        return "RE2 knows no such class of characters: write [a-z], [[:alpha:]] or \\pL"
    if fault == "invalid perl operator" and there.startswith(_LOOKAROUND):
        return "RE2 has no lookaround: say what must not be there in a condition of its own, under not"
    if re.search(r"\\\d", there):
        return "RE2 has no backreferences: write out what is repeated"
    if "escape" in fault:
        return r"leave the backslash out, or write \\ for the sign itself; put the pattern in single quotes"
    if there.startswith("(?"):
        return "write (?i) to ignore case, (?:…) for a group"
    return next((mend for start, mend in _MENDS.items() if start in why), "write the pattern in single quotes")


def conditions_of(document: dict[str, Any]) -> Iterator[tuple[Path, dict[str, Any]]]:
    """(place of the line, line) of everything in a valid profile that can have `when` or `where`."""
    for at, group in enumerate(document["groups"]):
        for i, criterion in enumerate(group["criteria"]):
            yield ("groups", at, "criteria", i), criterion
    for part in ("exclude", "require"):
        for i, reason in enumerate(document.get(part) or []):
            yield (part, i), reason


def pattern_faults(document: dict[str, Any]) -> list[Fault]:
    """A fault for every pattern of a valid profile that RE2 does not take."""
    faults = []
    for place, line in conditions_of(document):
        for part in ("when", "where"):
            for path, _, operator, operand in conditions_in(line.get(part), (*place, part)):
                fault = pattern_fault(path, operand) if operator == "matches" else None
                if fault is not None:
                    faults.append(fault)
    return faults


def pattern_fault(path: Path, pattern: str) -> Fault | None:
    """What is wrong with the pattern at `path`; None where RE2 takes it."""
    options = re2.Options()
    options.log_errors = False  # it would print to standard error by itself
    try:
        re2.compile(pattern, options)
    except re2.error as error:
        told = error.args[0]
        why = told.decode("utf-8", "replace") if isinstance(told, bytes) else str(told)
        return Fault(path, f"{pattern[:60]!r} is not a pattern RE2 can run: {why}", _mend(why))
    return None
