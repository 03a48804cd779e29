"""Times of day, time zones, quiet hours and pauses, as a routes file writes them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError, core_schema

from schemas.criteria import Strict
from schemas.durations import MEND, PATTERN, parse_duration
from schemas.trouble import Troubles

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_LEAST_OPEN = 60
"""Minutes of a day that quiet hours must leave."""


def _clock(text: str) -> str:
    if _CLOCK.fullmatch(text) is None:
        raise PydanticCustomError("form", "form", {"says": "is not a time of day", "mend": "write hh:mm, as '08:30'"})
    return text


def _zone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        context = {"says": "is not a time zone", "mend": "write a name of the IANA list, as Europe/Berlin, or UTC"}
        raise PydanticCustomError("form", "form", context) from None
    return text


def _pause(text: str) -> str:
    if text == "none":
        return text
    try:
        parse_duration(text)
    except ValueError as error:
        raise PydanticCustomError("form", "form", {"says": f"{error}, or none"}) from None
    return text


class TextOr:
    """Text of one form, or an object of another: told apart by what was written, so that one fault is one message."""

    def __init__(self, text: Any, members: Any, says: str, mend: str) -> None:
        self.forms, self.says, self.mend = {TEXT: text, MEMBERS: members}, says, mend

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.tagged_union_schema(
            {name: handler.generate_schema(form) for name, form in self.forms.items()},
            discriminator=lambda value: TEXT if isinstance(value, str) else MEMBERS if _members(value) else None,
            custom_error_type="form",
            custom_error_message="form",
            custom_error_context={"says": self.says, "mend": self.mend},
        )


TEXT, MEMBERS = "as text", "as members"


def _members(value: Any) -> bool:
    return isinstance(value, dict | Strict)


def minutes(clock: str) -> int:
    """Minutes since midnight of ``hh:mm``."""
    return int(clock[:2]) * 60 + int(clock[3:])


Clock = Annotated[
    str, AfterValidator(_clock), WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"})
]
Zone = Annotated[
    str, AfterValidator(_zone), WithJsonSchema({"type": "string", "description": "a name of the IANA time zone list"})
]
Pause = Annotated[
    str,
    AfterValidator(_pause),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PATTERN}, {"const": "none"}], "description": MEND}),
]


class QuietHours(Strict):
    """From `from` until `until`, in the recipient's time zone, nobody is disturbed; and on weekends if so said."""

    from_: Annotated[Clock, Field(alias="from")]
    until: Clock
    weekends: Annotated[bool, Field(description="whether Saturday and Sunday are quiet all day")] = False

    @model_validator(mode="after")
    def _leaves_a_day(self) -> QuietHours:
        troubles = Troubles()
        quiet = (minutes(self.until) - minutes(self.from_)) % 1_440
        if quiet == 0:
            troubles.add(("until",), "is the time at which they begin", "write when they end, as '08:00'")
        elif quiet > 1_440 - _LEAST_OPEN:
            troubles.add(("until",), "leaves less than an hour of the day", "write shorter quiet hours")
        troubles.settle()
        return self


Quiet = Annotated[
    Any,
    TextOr(Literal["none"], QuietHours, "is not quiet hours", "write {from: '19:00', until: '08:00'}, or none"),
]
