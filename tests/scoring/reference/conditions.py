"""Conditions in Kleene's three-valued logic: True, False, and None for unknown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import re2

from .values import EPSILON

Truth = bool | None


def holds(condition: Mapping[str, Any], members: Mapping[str, Any]) -> Truth:
    """Whether the condition holds of the members (a signal's data, or an account's facts)."""
    return every(_part(name, wanted, members) for name, wanted in condition.items())


def _part(name: str, wanted: Any, members: Mapping[str, Any]) -> Truth:
    if name == "all":
        return every(holds(each, members) for each in wanted)
    if name == "any":
        return negate(every(negate(holds(each, members)) for each in wanted))
    if name == "not":
        return negate(holds(wanted, members))
    value = look_up(name, members)
    return every(_test(operator, operand, value) for operator, operand in wanted.items())


def every(truths: Iterable[Truth]) -> Truth:
    """Kleene's and: false if one is false, else unknown if one is unknown, else true."""
    told = list(truths)
    if False in told:
        return False
    return None if None in told else True


def negate(truth: Truth) -> Truth:
    """Kleene's not: the unknown stays unknown."""
    return None if truth is None else not truth


def look_up(name: str, members: Mapping[str, Any]) -> Any:
    """The member of exactly this name, else along its dots into nested mappings; None when there is none."""
    if members.get(name) is not None:
        return members[name]
    parts = name.split(".")
    for cut in range(1, len(parts)):
        inner = members.get(".".join(parts[:cut]))
        if isinstance(inner, Mapping):
            found = look_up(".".join(parts[cut:]), inner)
            if found is not None:
                return found
    return None


def _test(operator: str, operand: Any, value: Any) -> Truth:
    if operator == "exists":
        return (value is not None) is operand
    if value is None:
        return None
    elements: Sequence[Any] = value if isinstance(value, list | tuple) else [value]
    is_list = isinstance(value, list | tuple)
    match operator:
        case "eq":
            return any(same(element, operand) for element in elements)
        case "ne":
            return not any(same(element, operand) for element in elements)
        case "in":
            return any(same(element, one) for element in elements for one in operand)
        case "not_in":
            return not any(same(element, one) for element in elements for one in operand)
        case "gt":
            return any(element > operand + EPSILON for element in elements if is_number(element))
        case "gte":
            return any(element >= operand - EPSILON for element in elements if is_number(element))
        case "lt":
            return any(element < operand - EPSILON for element in elements if is_number(element))
        case "lte":
            return any(element <= operand + EPSILON for element in elements if is_number(element))
        case "between":
            low, high = operand
            return any(low - EPSILON <= element <= high + EPSILON for element in elements if is_number(element))
        case "has":
            return is_list and any(same(element, operand) for element in elements)
        case "has_any":
            return is_list and any(same(element, one) for element in elements for one in operand)
        case "has_all":
            return is_list and all(any(same(element, one) for element in elements) for one in operand)
        case "matches":
            return any(re2.search(operand, element) is not None for element in elements if isinstance(element, str))
    raise ValueError(f"no such operator: {operator}")


def is_number(value: object) -> bool:
    """A number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """Equal as profiles mean it: text without case, numbers within the tolerance, true only true."""
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    if is_number(one) and is_number(other):
        return bool(abs(one - other) <= EPSILON)
    return isinstance(one, bool) and isinstance(other, bool) and one is other
