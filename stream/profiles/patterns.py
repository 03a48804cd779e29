"""Whether the `matches` patterns of a profile compile on the engine that will run them (RE2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import re2

from schemas.conditions import conditions_in
from schemas.profiles import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.profiles.document import Path


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
    options = re2.Options()
    options.log_errors = False  # it would print to standard error by itself
    faults = []
    for place, line in conditions_of(document):
        for part in ("when", "where"):
            for path, _, operator, operand in conditions_in(line.get(part), (*place, part)):
                if operator != "matches":
                    continue
                try:
                    re2.compile(operand, options)
                except re2.error as error:
                    why = (
                        error.args[0].decode("utf-8", "replace") if isinstance(error.args[0], bytes) else error.args[0]
                    )
                    faults.append(
                        Fault(
                            path,
                            f"{operand[:60]!r} is not a pattern RE2 can run: {why}",
                            "write it without lookaround and backreferences, in single quotes",
                        )
                    )
    return faults
