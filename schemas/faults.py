"""What is wrong with a record, as a value a person can act on.

A contract is broken in one of four ways, each with the reason it is rejected under (SPEC 3.5). The message names
the member and says how to mend it, since it is all the sender of the record gets to see.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic_core import ErrorDetails

SHOWN = 3  # so many broken members are told of at once; the rest are counted
_VALUE_CHARACTERS = 60  # a value is quoted up to here: a message must stay readable


class ContractError(ValueError):
    """A record that does not keep its contract. `reason` is a member of `schemas.rejected.REASONS`."""

    reason = "unexpected"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadEnvelope(ContractError):
    """The CloudEvents envelope lacks an attribute or has a bad one."""

    reason = "bad_envelope"


class UnknownType(ContractError):
    """The type, or this version of it, is not one of SPEC 3.2."""

    reason = "unknown_type"


class BadMember(ContractError):
    """A member of `data` is missing or bad."""

    reason = "bad_member"


def quote(value: object) -> str:
    """The value as a reader would recognise it, cut to a readable length."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    # repr of an int of many thousand digits is refused by Python itself
    if isinstance(value, int) and abs(value) > 10**60:
        return "an enormous number"
    text = repr(value[: _VALUE_CHARACTERS + 1] if isinstance(value, str) else value)
    return text if len(text) <= _VALUE_CHARACTERS else text[:_VALUE_CHARACTERS] + "…'"


def path_text(path: Iterable[int | str]) -> str:
    """A place in a document with dots: `data.technologies.2`."""
    return ".".join(str(part) for part in path)


def describe(error: ErrorDetails) -> tuple[str, str]:
    """(what is wrong, how to mend it) of one pydantic error; the mend may be empty where the fault says it."""
    kind, context, value = error["type"], error.get("ctx") or {}, error.get("input")
    if "says" in context:  # our own rules bring their own words
        says = str(context["says"])
        return (says if context.get("bare") else f"{quote(value)} {says}"), str(context.get("mend", ""))
    if kind == "string_pattern_mismatch" and context.get("pattern") == r"\S":
        return "is blank", "write text that says something"
    words = _WORDS.get(kind)
    if words is None:
        return f"{quote(value)}: {error['msg']}", ""
    says, mend = words
    filled = {name: _plain(part) for name, part in context.items()}
    prefix = "" if kind in _WITHOUT_VALUE else f"{quote(value)} "
    return prefix + says.format(**filled), mend.format(**filled)


def render(errors: Sequence[ErrorDetails], where: str, noun: str) -> str:
    """One message for all errors: `bad member data.series: 'zz' is not one of a, b; bad member …`."""
    parts = []
    for error in errors[:SHOWN]:
        says, mend = describe(error)
        place = path_text(((where,) if where else ()) + tuple(error["loc"]))
        parts.append(f"{noun} {place}: {says}" + (f" ({mend})" if mend else ""))
    if len(errors) > SHOWN:
        parts.append(f"and {len(errors) - SHOWN} more")
    return "; ".join(parts)


def _plain(part: Any) -> str:
    return f"{part:g}" if isinstance(part, float) else str(part)


_WITHOUT_VALUE = frozenset({"missing", "extra_forbidden", "too_short", "too_long", "string_too_long"})
_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("is missing", "it is required"),
    "extra_forbidden": ("is not known here", "check the spelling, or leave it out"),
    "string_type": ("is not text", "write it in quotes"),
    "string_too_short": ("is empty", "write at least {min_length} character"),
    "string_too_long": ("is too long", "at most {max_length} characters"),
    "string_pattern_mismatch": ("does not have the form asked for", "it must match {pattern}"),
    "int_type": ("is not a whole number", "write it without quotes"),
    "int_from_float": ("is not a whole number", "write it without a fraction"),
    "float_type": ("is not a number", "write it without quotes"),
    "finite_number": ("is not a finite number", ""),
    "bool_type": ("is neither true nor false", ""),
    "list_type": ("is not a list", "write [ … ]"),
    "dict_type": ("is not an object", "write {{ … }}"),
    "model_type": ("is not an object", "write {{ … }}"),
    "model_attributes_type": ("is not an object", "write {{ … }}"),
    "dict_attributes_type": ("is not an object", "write {{ … }}"),
    "too_short": ("has too few entries", "at least {min_length}"),
    "too_long": ("has too many entries", "at most {max_length}"),
    "greater_than": ("is too small", "write more than {gt}"),
    "greater_than_equal": ("is too small", "write {ge} or more"),
    "less_than": ("is too large", "write less than {lt}"),
    "less_than_equal": ("is too large", "write {le} or less"),
    "literal_error": ("is not one of {expected}", ""),
}
