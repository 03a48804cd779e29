"""Routes of alerts as a contract: who is told of which tier changes, when, and how often at most.

`validate_routes(document)` says whether a document is a routes file. The document stays a plain mapping everywhere
else; the models here are also what the JSON Schema for editors is made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    model_validator,
)
from pydantic_core import core_schema

from schemas.channels import ChannelConfig, ChannelsInvalid, Email, Inbox, Slack, is_address, validate_channels
from schemas.conditions import Condition
from schemas.criteria import Description, Duration, Name, Strict, members_meant
from schemas.faults import describe
from schemas.hours import MEMBERS, TEXT, Clock, Pause, Quiet, QuietHours, TextOr, Zone
from schemas.profiles import Fault, ProfileInvalid
from schemas.tiers import Cause
from schemas.trouble import Troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from schemas.trouble import Path

_MOST_CEILING = 1_000

Words = Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Field(min_length=1, max_length=1_000)]
Names = Annotated[list[Name], Field(min_length=1, max_length=100)]
Ceiling = Annotated[int, Field(ge=1, le=_MOST_CEILING)]
Link = Annotated[str, Field(max_length=2_000, pattern=r"^https?://\S+$")]


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


class AsChannel:
    """A channel, which `schemas.channels` looks at by itself, since it must quote no secret."""

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return handler(TypeAdapter(Annotated[ChannelConfig, Field(discriminator="kind")]).core_schema)


class Routes(Strict):
    """A routes file."""

    channels: Annotated[dict[Name, Annotated[Any, AsChannel()]], Field(min_length=1, max_length=100)]
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
    faults: list[Fault] = []
    channels: dict[str, ChannelConfig] = {}
    try:
        channels = validate_channels(document.get("channels") if isinstance(document, dict) else None)
    except ChannelsInvalid as error:
        faults += [Fault(("channels", *fault.path), fault.message, fault.mend) for fault in error.faults]
    try:
        routes = Routes.model_validate(document)
    except ValidationError as error:
        found = [fault for fault in _faults(error) if fault.path[:1] != ("channels",)]
        raise RoutesInvalid(list(dict.fromkeys(faults + found))) from None
    if not faults:
        faults = list(_addresses(routes, channels))
    if faults:
        raise RoutesInvalid(faults)
    return routes


def _addresses(routes: Routes, channels: dict[str, ChannelConfig]) -> Iterator[Fault]:
    """Recipients that their channel does not know how to reach."""
    for at, route in enumerate(routes.routes):
        for number, entry in enumerate(route.to):
            name, recipient = (entry, None) if isinstance(entry, str) else (entry.channel, entry.recipient)
            said = _unreachable(channels[name], recipient)
            if said is not None:
                path: Path = ("routes", at, "to", number)
                yield Fault(path if recipient is None else (*path, "recipient"), *said)


def _unreachable(channel: ChannelConfig, recipient: str | None) -> tuple[str, str] | None:
    own = getattr(channel, "to", None)
    if isinstance(channel, Inbox):
        return None
    if isinstance(channel, Email) or (isinstance(channel, Slack) and channel.token is not None):
        if recipient is None:
            missing = "has no recipient, and neither has its channel", "write {channel: …, recipient: …}"
            return None if own else missing
        if isinstance(channel, Email) and not is_address(recipient):
            return "is not an e-mail address", "write it without a name, as ann@example.com"
        return None
    if recipient is not None:
        return f"is not for a channel of kind {channel.kind}, which has one recipient only", "leave it out"
    return None


def _faults(error: ValidationError) -> Iterator[Fault]:
    for detail in error.errors(include_url=False):
        path = tuple(part for part in detail["loc"] if part not in {TEXT, MEMBERS})
        says, mend = describe(detail)
        if detail["type"] == "extra_forbidden":
            mend = members_meant(_PARTS, path)
        yield Fault(path, says, mend)
