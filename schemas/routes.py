"""Routes of alerts as a contract: who is told of which tier changes, when, and how often at most.

`validate_routes(document)` says whether a document is a routes file. The document stays a plain mapping everywhere
else; the models here are also what the JSON Schema for editors is made from.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError, core_schema

from schemas.conditions import Condition
from schemas.criteria import Description, Duration, Name, Strict, members_meant
from schemas.durations import MEND, PATTERN, parse_duration
from schemas.faults import describe
from schemas.profiles import Fault, ProfileInvalid
from schemas.tiers import Cause
from schemas.trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.trouble import Path

_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_MOST_CEILING = 1_000
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
        self.forms, self.says, self.mend = {_TEXT: text, _MEMBERS: members}, says, mend

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.tagged_union_schema(
            {name: handler.generate_schema(form) for name, form in self.forms.items()},
            discriminator=lambda value: _TEXT if isinstance(value, str) else _MEMBERS if _members(value) else None,
            custom_error_type="form",
            custom_error_message="form",
            custom_error_context={"says": self.says, "mend": self.mend},
        )


_TEXT, _MEMBERS = "as text", "as members"


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
Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1, max_length=1_000)]
Pause = Annotated[
    str,
    AfterValidator(_pause),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": PATTERN}, {"const": "none"}], "description": MEND}),
]
Names = Annotated[list[Name], Field(min_length=1, max_length=100)]
Ceiling = Annotated[int, Field(ge=1, le=_MOST_CEILING)]
Link = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$")]


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


class Recipient(Strict):
    """Where a message goes: a channel, perhaps a recipient within it, and when it may be disturbed."""

    channel: Name
    recipient: Annotated[str, Field(min_length=1, max_length=320)] | None = None
    timezone: Zone | None = None
    quiet_hours: Quiet | None = None
    digest_at: Clock | None = None
    ceiling: Ceiling | None = None


To = Annotated[Any, TextOr(Name, Recipient, "is no recipient", "write a channel's name, or {channel: …}")]


class Defaults(Strict):
    """What holds where a route or a recipient says nothing else."""

    timezone: Zone = "UTC"
    quiet_hours: Quiet = "none"
    digest_at: Clock = "09:00"
    ceiling: Annotated[Ceiling, Field(description="messages a recipient gets in any sixty minutes at most")] = 20
    cooldown: Pause = "1d"
    give_up_after: Annotated[Duration, Field(description="how long a message is tried again before it is parked")] = (
        "1d"
    )
    link: Annotated[Link, Field(description="where a person reads more; {account} stands for the account")] | None = (
        None
    )


class Route(Strict):
    """Which tier changes are told to whom. Every member that is there must hold."""

    route: Name
    description: Description | None = None
    profiles: Names | None = None
    tiers: Annotated[Names, Field(description="entered on the way up, or left on the way down")] | None = None
    direction: Literal["up", "down", "both"] = "up"
    causes: Annotated[list[Cause], Field(min_length=1)] | None = None
    owners: Words | None = None
    territories: Words | None = None
    when: Annotated[Condition, Field(description="a condition on facts, as in a profile")] | None = None
    include: (
        Annotated[
            list[Literal["customers", "open_deals"]],
            Field(min_length=1, description="who is held back unless named here"),
        ]
        | None
    ) = None
    default: Annotated[bool, Field(description="only what no other route matches")] = False
    cooldown: Pause | None = None
    rollouts: Annotated[
        Literal["digest", "each", "drop"], Field(description="changes that a new profile version made")
    ] = "digest"
    cooled: Annotated[Literal["drop", "digest"], Field(description="changes that the cooldown held back")] = "drop"
    to: Annotated[list[To], Field(min_length=1, max_length=50)]


class Routes(Strict):
    """A routes file."""

    channels: Annotated[dict[Name, dict[str, Any]], Field(min_length=1, max_length=100)]
    defaults: Defaults = Defaults()
    routes: Annotated[list[Route], Field(min_length=1, max_length=500)]

    @model_validator(mode="after")
    def _whole(self) -> Routes:
        troubles = Troubles()
        seen: set[str] = set()
        for at, route in enumerate(self.routes):
            if route.route in seen:
                troubles.add(("routes", at, "route"), f"{route.route} is the name of another route", "rename one")
            seen.add(route.route)
            _check_recipients(self, at, route, troubles)
        troubles.settle()
        return self


def _check_recipients(routes: Routes, at: int, route: Route, troubles: Troubles) -> None:
    told: set[tuple[str, str | None]] = set()
    for number, entry in enumerate(route.to):
        channel, recipient = (entry, None) if isinstance(entry, str) else (entry.channel, entry.recipient)
        if channel not in routes.channels:
            known = ", ".join(sorted(routes.channels)[:10])
            place: Path = ("routes", at, "to", number)
            troubles.add(place, f"{channel} is not a channel", f"write one of {known}, or add it under channels")
        if (channel, recipient) in told:
            troubles.add(("routes", at, "to", number), "is told of already in this route", "leave one out")
        told.add((channel, recipient))


_PARTS: dict[str, tuple[type[Strict], ...]] = {
    "": (Routes,), "defaults": (Defaults,), "routes": (Route,), "to": (Recipient,), "quiet_hours": (QuietHours,),
}  # fmt: skip


class RoutesInvalid(ProfileInvalid):
    """A document that is no routes file, with every fault found."""


def validate_routes(document: object) -> Routes:
    """The document as Routes; raises RoutesInvalid. The document is neither changed nor kept."""
    try:
        return Routes.model_validate(document)
    except ValidationError as error:
        faults = list(_faults(error))
        raise RoutesInvalid(list(dict.fromkeys(faults))) from None


def _faults(error: ValidationError) -> Iterator[Fault]:
    for detail in error.errors(include_url=False):
        path = tuple(part for part in detail["loc"] if part not in {_TEXT, _MEMBERS})
        says, mend = describe(detail)
        if detail["type"] == "extra_forbidden":
            mend = members_meant(_PARTS, path)
        yield Fault(path, says, mend)
