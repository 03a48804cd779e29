"""Conditions of a profile (SPEC 4): a mapping of member to operators, with `all`, `any` and `not` around them.

Several members of one mapping, and several operators of one member, must all hold. Whether a `matches` pattern
compiles is for stream.profiles to say: the contract does not depend on a regex engine.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from pydantic import GetJsonSchemaHandler, RootModel, model_validator

from schemas.trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import core_schema

    from schemas.trouble import Path

DEEPEST = 20
ITSELF = "x-reference"
MOST_OPERANDS = 10_000
LONGEST_PATTERN = 4_096
LARGEST_WHOLE = 2**63 - 1  # YAML has no bound; what carries the document as JSON has this one
SCALARS = frozenset({"eq", "ne", "has"})
LISTS = frozenset({"in", "not_in", "has_any", "has_all"})
NUMBERS = frozenset({"gt", "gte", "lt", "lte"})
OPERATORS = (*sorted(SCALARS), *sorted(LISTS), *sorted(NUMBERS), "between", "matches", "exists")
COMBINATORS = ("all", "any", "not")


def is_number(value: object) -> bool:
    """A number that JSON carries everywhere: finite, whole ones within 64 bits; a boolean is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= LARGEST_WHOLE


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | bool) or is_number(value)


def check_condition(condition: object, path: Path, troubles: Troubles, depth: int = 0) -> None:
    """Add every fault of a condition at `path` to `troubles`."""
    if not isinstance(condition, dict):
        troubles.add(path, "is not a condition", "write {member: {eq: value}}")
    elif not condition:
        troubles.add(path, "is empty", "write {member: {eq: value}}, or leave it out")
    elif depth > DEEPEST:
        troubles.add(path, f"is nested more than {DEEPEST} deep", "say it more flatly")
    else:
        for member, operand in condition.items():
            place = (*path, str(member))
            if not isinstance(member, str) or not member:
                troubles.add(place, "is not the name of a member", "write it in quotes")
            elif member in ("all", "any"):
                if not isinstance(operand, list) or not operand:
                    troubles.add(place, "is not a list of conditions", f"write {member}: [{{member: {{eq: value}}}}]")
                    continue
                for index, part in enumerate(operand):
                    check_condition(part, (*place, index), troubles, depth + 1)
            elif member == "not":
                check_condition(operand, place, troubles, depth + 1)
            elif member in OPERATORS and not isinstance(operand, dict):
                troubles.add(place, "is an operator where a member is expected", f"write {{member: {{{member}: …}}}}")
            else:
                _check_operators(member, operand, place, troubles)


def _check_operators(member: str, operators: object, path: Path, troubles: Troubles) -> None:
    if not isinstance(operators, dict):
        shown = "in: […]" if isinstance(operators, list) else "eq: …"
        troubles.add(path, "says no operator", f"write {member}: {{{shown}}}")
    elif not operators:
        troubles.add(path, "says no operator", f"write {member}: {{eq: …}}")
    else:
        for operator, operand in operators.items():
            fault = _operand_fault(operator, operand)
            if fault:
                troubles.add((*path, str(operator)), *fault)


def _operand_fault(operator: object, operand: Any) -> tuple[str, str] | None:
    if operator in SCALARS:
        if operand is None:
            return "compares with null, which is never known", "write exists: false for 'nobody has told yet'"
        return None if _is_scalar(operand) else ("needs one text, number or boolean", f"write {operator}: value")
    if operator in LISTS:
        if isinstance(operand, list) and 0 < len(operand) <= MOST_OPERANDS and all(map(_is_scalar, operand)):
            return None
        return "needs a list of texts, numbers or booleans", f"write {operator}: [a, b]"
    if operator in NUMBERS:
        return None if is_number(operand) else ("needs a number", f"write {operator}: 100, without quotes")
    if operator == "between":
        if not isinstance(operand, list) or len(operand) != 2 or not all(map(is_number, operand)):
            return "needs two numbers", "write between: [50, 500]"
        return None if operand[0] <= operand[1] else ("has its bounds the wrong way round", "write the lower one first")
    if operator == "matches":
        if isinstance(operand, str) and 0 < len(operand) <= LONGEST_PATTERN:
            return None
        return "needs a regular expression", "write matches: '(?i)chief .* officer', in single quotes"
    if operator == "exists":
        return None if isinstance(operand, bool) else ("is neither true nor false", "write exists: true")
    return "is not an operator", f"write one of {', '.join(OPERATORS)}"


def conditions_in(condition: object, path: Path = ()) -> Iterator[tuple[Path, str, str, Any]]:
    """Every (place, member, operator, operand) of a valid condition, in the order written."""
    if not isinstance(condition, dict):
        return
    for member, operand in condition.items():
        if member in ("all", "any"):
            for index, part in enumerate(operand):
                yield from conditions_in(part, (*path, member, index))
        elif member == "not":
            yield from conditions_in(operand, (*path, member))
        else:
            for operator, value in operand.items():
                yield (*path, member, operator), member, operator, value


class Condition(RootModel[dict[str, Any]]):
    """A condition, kept as the mapping that was written."""

    @model_validator(mode="before")
    @classmethod
    def _check(cls, value: object) -> object:
        troubles = Troubles()
        check_condition(value, (), troubles)
        troubles.settle()
        return value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        scalar = {"type": ["string", "number", "boolean"]}
        listed = {"type": "array", "items": scalar, "minItems": 1, "maxItems": MOST_OPERANDS}
        number = {"type": "number"}
        itself = {ITSELF: "Condition"}  # pydantic refuses a reference of our own; schemas.publish writes it
        operators: dict[str, Any] = dict.fromkeys(sorted(SCALARS), scalar)
        operators |= dict.fromkeys(sorted(LISTS), listed) | dict.fromkeys(sorted(NUMBERS), number)
        operators["between"] = {"type": "array", "items": number, "minItems": 2, "maxItems": 2}
        operators["matches"] = {"type": "string", "minLength": 1, "maxLength": LONGEST_PATTERN}
        operators["exists"] = {"type": "boolean"}
        return {
            "title": "Condition",
            "description": "Members of a fact or signal with what must hold of each; all, any and not around them.",
            "type": "object",
            "minProperties": 1,
            "properties": {
                "all": {"type": "array", "items": itself, "minItems": 1},
                "any": {"type": "array", "items": itself, "minItems": 1},
                "not": itself,
            },
            "additionalProperties": {
                "type": "object",
                "minProperties": 1,
                "properties": operators,
                "additionalProperties": False,
            },
        }
