"""Conditions that can never hold, told from the contracts of facts and signals: pure.

Only what is certain is said: a contradiction hidden behind `any` or a list of values is left alone.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from schemas.conditions import LISTS, NUMBERS, SCALARS, conditions_in
from schemas.facts import CUSTOM, OUTCOME_FACTS, Facts
from schemas.members import Number, OneOf
from schemas.signals import DATA_MODELS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.profiles.document import Path

Finding = tuple["Path", str, str]

ASKED = {*NUMBERS, "between", "eq", "in", "ne", "not_in"}
"""Operators that can contradict one another."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What values a member can have: `number`, `text` or `list`, with bounds or a closed list of words."""

    name: str
    words: tuple[str, ...] = ()
    ge: float | None = None
    le: float | None = None


def _kind_of(field: Any) -> Kind:
    described = list(field.metadata)
    annotation = field.annotation
    # an optional member keeps its rules one level down
    for part in (annotation, *getattr(annotation, "__args__", ())):
        described += list(getattr(part, "__metadata__", ()))
    for rule in described:
        if isinstance(rule, Number):
            return Kind("number", ge=rule.ge, le=rule.le)
        if isinstance(rule, OneOf):
            return Kind("text", words=rule.words)
    return Kind("list" if "list[" in str(annotation) else "text")


@cache
def _kinds(suffix: str) -> dict[str, Kind]:
    return {name: _kind_of(field) for name, field in DATA_MODELS[suffix, 1].model_fields.items()}


@cache
def _fact_kinds() -> dict[str, Kind]:
    known = {name: _kind_of(field) for name, field in Facts.model_fields.items() if name != "custom"}
    stage = _kinds("opportunity_outcome")["stage"]
    return known | {name: (stage if name == "last_outcome" else Kind("text")) for name in OUTCOME_FACTS}


def cannot_match(line: dict[str, Any]) -> Iterator[Finding]:
    """(place in the line, why, what to do) for what can never hold in a criterion, exclusion or requirement."""
    if "when" in line:
        yield from _facts(line["when"])
        yield from _contradictions(line["when"], ("when",), _fact_kinds())
        return
    kinds = _kinds(line["signal"])
    if line.get("where"):
        for path, member, operator, operand in conditions_in(line["where"], ("where",)):
            if member in kinds:
                yield from _impossible(path, member, kinds[member], operator, operand)
            else:
                yield from _misspelt(path, member, kinds, f"{line['signal']} has no {member}")
        yield from _contradictions(line["where"], ("where",), kinds)
    multiply = line.get("multiply")
    if multiply in kinds and kinds[multiply].name != "number":
        yield ("multiply",), f"{multiply} is not a number, so every signal gives 0", "multiply by a number"
    elif multiply and multiply not in kinds:
        yield from _misspelt(("multiply",), multiply, kinds, f"{line['signal']} has no {multiply}")
    for member, table in (line.get("points_by") or {}).items():
        words = kinds[member].words if member in kinds else ()
        for value in table:
            if words and value.casefold() not in words:
                yield ("points_by", member, value), f"{member} is never {value}", f"write one of {', '.join(words)}"
        if member not in kinds:
            yield from _misspelt(("points_by", member), member, kinds, f"{line['signal']} has no {member}")


def _facts(condition: Any) -> Iterator[Finding]:
    kinds = _fact_kinds()
    for path, member, operator, operand in conditions_in(condition, ("when",)):
        if member in kinds:
            yield from _impossible(path, member, kinds[member], operator, operand)
        elif not member.startswith(CUSTOM):
            close = difflib.get_close_matches(member, kinds, n=1)
            hint = f"did you mean {close[0]}?" if close else f"facts of your own are written custom.{member}"
            yield path, f"nobody can tell the fact {member}", hint


def _misspelt(path: Path, member: str, kinds: dict[str, Kind], why: str) -> Iterator[Finding]:
    """A member the contract lacks may be a feed's own: only one that looks like a slip is worth a word."""
    close = difflib.get_close_matches(member, kinds, n=1, cutoff=0.75)
    if close:
        yield path, why, f"did you mean {close[0]}?"


def _impossible(path: Path, member: str, kind: Kind, operator: str, operand: Any) -> Iterator[Finding]:
    if operator in {"has", "has_any", "has_all"} and kind.name != "list":
        yield path, f"{member} is {_a(kind.name)}, and {operator} asks for a list", "write eq or in"
    elif operator in NUMBERS or operator == "between":
        if kind.name != "number":
            yield path, f"{member} is {_a(kind.name)}, never a number", "write eq, in or matches"
        else:
            yield from _out_of_bounds(path, member, kind, operator, operand)
    elif operator == "matches" and kind.name == "number":
        yield path, f"{member} is a number, and matches is for text", "write gt, lt or between"
    elif operator in {"eq", "in", *LISTS, *SCALARS} - {"ne", "not_in"}:
        yield from _never_equal(path, member, kind, operand if isinstance(operand, list) else [operand])


def _never_equal(path: Path, member: str, kind: Kind, values: list[Any]) -> Iterator[Finding]:
    if kind.name == "number" and not any(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        yield path, f"{member} is a number, and is compared with none", "write the number without quotes"
    elif kind.name == "number" and not any(_within(kind, value) for value in values):
        yield path, f"{member} is never {values[0]}", f"write a number {_range(kind)}"
    elif kind.name != "number" and not any(isinstance(v, str) for v in values):
        yield path, f"{member} is text, and is compared with none", "write the value in quotes"
    elif kind.words and not any(isinstance(v, str) and v.casefold() in kind.words for v in values):
        yield path, f"{member} is never {values[0]}", f"write one of {', '.join(kind.words)}"


def _within(kind: Kind, value: Any) -> bool:
    if isinstance(value, bool | str):
        return False
    return (kind.ge is None or value >= kind.ge) and (kind.le is None or value <= kind.le)


def _range(kind: Kind) -> str:
    if kind.le is None:
        return f"of {kind.ge:g} or more"
    return f"of {kind.le:g} or less" if kind.ge is None else f"between {kind.ge:g} and {kind.le:g}"


def _out_of_bounds(path: Path, member: str, kind: Kind, operator: str, operand: Any) -> Iterator[Finding]:
    low, high = operand if operator == "between" else (operand, operand)
    above = kind.le is not None and (low > kind.le or (operator == "gt" and low >= kind.le))
    below = kind.ge is not None and (high < kind.ge or (operator == "lt" and high <= kind.ge))
    if (operator in {"gt", "gte", "between"} and above) or (operator in {"lt", "lte", "between"} and below):
        yield path, f"{member} is always between {kind.ge:g} and {kind.le:g}", "write a number in there"


def _contradictions(condition: Any, path: Path, kinds: dict[str, Kind]) -> Iterator[Finding]:
    """Members of which more is asked at once than any value can be."""
    asked: dict[str, list[tuple[str, Any]]] = {}
    for member, operator, operand in _conjoined(condition):
        asked.setdefault(member, []).append((operator, operand))
    for member, rules in asked.items():
        low = max(_low(o, v) for o, v in rules)
        high = min(_high(o, v) for o, v in rules)
        # (number, whether the bound itself is out) below; (number, whether it is in) above
        if low[0] > high[0] or (low[0] == high[0] and (low[1] or not high[1])):
            yield (*path, member), f"no number is all that is asked of {member}", "widen the bounds, or use any"
        elif member in kinds and kinds[member].name != "list" and _left(rules, low[0], high[0]) == set():
            yield (*path, member), f"no value is all that is asked of {member}", "take a part of it away, or use any"


def _left(rules: list[tuple[str, Any]], low: float, high: float) -> set[Any] | None:
    """The values that are asked for and not ruled out; None where any other would do, too."""
    wanted = [_values(operand) for operator, operand in rules if operator in {"eq", "in"}]
    if not wanted:
        return None
    out = set[Any]().union(*(_values(operand) for operator, operand in rules if operator in {"ne", "not_in"}))
    left = set.intersection(*wanted) - out
    return {value for value in left if not isinstance(value, int | float) or low <= value <= high}


def _values(operand: Any) -> set[Any]:
    """As they are compared: text without case."""
    values = operand if isinstance(operand, list) else [operand]
    return {value.casefold() if isinstance(value, str) else value for value in values}


def _low(operator: str, operand: Any) -> tuple[float, bool]:
    if operator in {"gt", "gte"}:
        return float(operand), operator == "gt"
    return (float(operand[0]), False) if operator == "between" else (float("-inf"), False)


def _high(operator: str, operand: Any) -> tuple[float, bool]:
    if operator in {"lt", "lte"}:
        return float(operand), operator == "lte"
    return (float(operand[1]), True) if operator == "between" else (float("inf"), True)


def _conjoined(condition: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """(member, operator, operand) of all that must hold together."""
    for member, operand in condition.items():
        if member == "all":
            for part in operand:
                yield from _conjoined(part)
        elif member == "not":
            yield from _denied(operand)
        elif member != "any":
            for operator, value in operand.items():
                if operator in ASKED:
                    yield member, operator, value


def _denied(condition: dict[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """What a `not` rules out, where it is about one value or some of one member."""
    for member, operand in condition.items():
        if len(condition) == 1 and member not in {"all", "any", "not"} and len(operand) == 1:
            for operator, value in operand.items():
                if operator in {"eq", "in"}:
                    yield member, "not_in", value


def _a(kind: str) -> str:
    return "text" if kind == "text" else f"a {kind}"
