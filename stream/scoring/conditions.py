"""Conditions on facts and on members of a signal, in Kleene's three-valued logic.

A condition maps members to operators: ``{employees: {gte: 50}, country: {in: [US, CA]}}``; several are
joined by *and*. ``all``, ``any`` and ``not`` may stand beside members. The rules:

* a member that is absent or null is *unknown* (``None``), and unknown stays unknown through ``not``;
* text compares without case, numbers with a tolerance of 1e-9, a bool equals only a bool;
* a list matches element by element; a value of the wrong kind is false;
* ``matches`` runs on RE2, in linear time, and minds case unless told ``(?i)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import re2

from stream.scoring.values import TOLERANCE

Members = Mapping[str, Any]
Verdict = bool | None
Condition = Callable[[Members], Verdict]
Test = Callable[[Any], bool]

LOGIC = ("all", "any", "not")
SHORT = 200
"""Characters of a text for which the answer of a pattern is kept."""


def compile_condition(document: Mapping[str, Any]) -> Condition:
    """Turn a validated condition into a function of the members that says true, false or unknown (``None``)."""
    parts: list[Condition] = []
    for member, spec in document.items():
        if member == "all":
            parts.append(_all([compile_condition(part) for part in spec]))
        elif member == "any":
            parts.append(_any([compile_condition(part) for part in spec]))
        elif member == "not":
            parts.append(_not(compile_condition(spec)))
        else:
            parts.extend(_member(member, operator, operand) for operator, operand in spec.items())
    return parts[0] if len(parts) == 1 else _all(parts)


def members_read(document: Mapping[str, Any] | None) -> set[str]:
    """Which top-level members a condition looks at: what has to be remembered of a signal."""
    found: set[str] = set()
    for member, spec in (document or {}).items():
        if member in ("all", "any"):
            for part in spec:
                found |= members_read(part)
        elif member == "not":
            found |= members_read(spec)
        else:
            found.add(member)
    return found


def look_up(members: Members, name: str) -> Any:
    """The value under ``name``: the exact key, else a dotted path into nested mappings, else ``None``."""
    value = members.get(name)
    if value is not None or "." not in name:
        return value
    value = members
    for step in name.split("."):
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def _member(name: str, operator: str, operand: Any) -> Condition:
    if operator == "exists":
        wanted = bool(operand)
        return lambda members: (look_up(members, name) is not None) is wanted
    test = OPERATORS[operator](operand)

    def condition(members: Members) -> Verdict:
        value = look_up(members, name)
        return None if value is None else test(value)

    return condition


def _all(parts: Iterable[Condition]) -> Condition:
    conditions = tuple(parts)

    def condition(members: Members) -> Verdict:
        verdict: Verdict = True
        for part in conditions:
            answer = part(members)
            if answer is False:
                return False
            if answer is None:
                verdict = None
        return verdict

    return condition


def _any(parts: Iterable[Condition]) -> Condition:
    conditions = tuple(parts)

    def condition(members: Members) -> Verdict:
        verdict: Verdict = False
        for part in conditions:
            answer = part(members)
            if answer is True:
                return True
            if answer is None:
                verdict = None
        return verdict

    return condition


def _not(part: Condition) -> Condition:
    def condition(members: Members) -> Verdict:
        answer = part(members)
        return None if answer is None else not answer

    return condition


def is_number(value: Any) -> bool:
    """A number that can be compared or multiplied; a bool is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def fold(value: Any) -> Any:
    """Text without case; everything else as it is."""
    return value.casefold() if isinstance(value, str) else value


def same(value: Any, wanted: Any) -> bool:
    """Equality as profiles mean it; ``wanted`` is folded already."""
    if isinstance(value, str):
        return isinstance(wanted, str) and value.casefold() == wanted
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if is_number(value):
        return is_number(wanted) and abs(value - wanted) <= TOLERANCE
    return bool(value == wanted)


def _each(test: Test) -> Test:
    """``test`` of a value, or of any element where the value is a list."""
    return lambda value: any(test(element) for element in value) if isinstance(value, list) else test(value)


def _eq(operand: Any) -> Test:
    wanted = fold(operand)
    return _each(lambda value: same(value, wanted))


def _in(operand: Iterable[Any]) -> Test:
    wanted = [fold(item) for item in operand]
    return _each(lambda value: any(same(value, item) for item in wanted))


def _negated(build: Callable[[Any], Test]) -> Callable[[Any], Test]:
    def negated(operand: Any) -> Test:
        test = build(operand)
        return lambda value: not test(value)

    return negated


def _number(holds: Callable[[float, float], bool]) -> Callable[[Any], Test]:
    return lambda operand: _each(lambda value: is_number(value) and holds(value, operand))


def _between(operand: Any) -> Test:
    low, high = operand
    return _each(lambda value: is_number(value) and low - TOLERANCE <= value <= high + TOLERANCE)


def _contains(quantifier: Callable[[Iterable[bool]], bool]) -> Callable[[Any], Test]:
    def build(operand: Any) -> Test:
        wanted = [fold(item) for item in (operand if isinstance(operand, list) else [operand])]
        return lambda value: isinstance(value, list) and quantifier(
            any(same(element, item) for element in value) for item in wanted
        )

    return build


def _matches(operand: str) -> Test:
    known, search = _searches(operand)

    def found(value: Any) -> bool:
        return isinstance(value, str) and (known if len(value) <= SHORT else search)(value)

    return _each(found)


@lru_cache(maxsize=256)
def _searches(operand: str) -> tuple[Callable[[str], bool], Callable[[str], bool]]:
    """A pattern's search with a memory, and without: one for all that are compiled of the same profile.

    Titles and names come again and again, and to look one up costs a tenth of a search.
    """
    pattern = re2.compile(operand)

    def search(text: str) -> bool:
        return pattern.search(text) is not None

    return lru_cache(maxsize=1_024)(search), search


OPERATORS: dict[str, Callable[[Any], Test]] = {
    "eq": _eq,
    "ne": _negated(_eq),
    "in": _in,
    "not_in": _negated(_in),
    "gt": _number(lambda value, line: value > line + TOLERANCE),
    "gte": _number(lambda value, line: value >= line - TOLERANCE),
    "lt": _number(lambda value, line: value < line - TOLERANCE),
    "lte": _number(lambda value, line: value <= line + TOLERANCE),
    "between": _between,
    "has": _contains(any),
    "has_any": _contains(any),
    "has_all": _contains(all),
    "matches": _matches,
}
"""Every operator but ``exists``, which alone looks at absence."""
