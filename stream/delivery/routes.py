"""Routes as they are asked: does this one want that tier change, and to whom does it go. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from schemas import routes as contract
from schemas.durations import parse_duration
from schemas.hours import QuietHours, minutes
from stream.delivery.change import Change
from stream.delivery.hours import Hours
from stream.scoring.conditions import Condition, compile_condition, fold

CUSTOMERS = frozenset({"won", "expanded"})
"""What `last_outcome` says of a customer."""
OPEN_DEALS = frozenset({"open", "responded", "qualified"})
"""What it says of a deal that somebody works on."""


@dataclass(frozen=True, slots=True)
class Target:
    """A recipient: a channel, or somebody within it."""

    channel: str
    recipient: str | None = None

    @property
    def id(self) -> str:
        """By which it is known in keys and in the state."""
        return self.channel if self.recipient is None else f"{self.channel}/{self.recipient}"


@dataclass(frozen=True, slots=True)
class Destination:
    """A recipient of a route, and when it may be disturbed."""

    target: Target
    hours: Hours
    digest_at: int
    """Minutes since midnight at which what was collected is told."""


@dataclass(frozen=True, slots=True)
class Route:
    """One route. `None` in a selection means that it asks for nothing there."""

    name: str
    profiles: frozenset[str] | None
    tiers: frozenset[str] | None
    causes: frozenset[str] | None
    owners: frozenset[str] | None
    territories: frozenset[str] | None
    when: Condition | None
    direction: str
    customers: bool
    open_deals: bool
    default: bool
    cooldown: int
    """Milliseconds; 0 is none."""
    rollouts: str
    cooled: str
    destinations: tuple[Destination, ...]

    def wants(self, change: Change, facts: Mapping[str, Any]) -> bool:
        """Whether it is about this change at all; the direction is another question."""
        tier = change.to_tier if change.rises else change.from_tier
        return (
            (self.profiles is None or change.profile in self.profiles)
            and (self.tiers is None or tier in self.tiers)
            and (self.causes is None or change.cause in self.causes)
            and (self.owners is None or _text(facts, "owner") in self.owners)
            and (self.territories is None or _text(facts, "territory") in self.territories)
            and (self.when is None or self.when(facts) is True)
        )

    def looks_at(self, change: Change) -> bool:
        """Whether it wants this direction."""
        if change.direction == "merged":
            return False
        return self.direction in {"both", "up" if change.rises else "down"}

    def holds_back(self, facts: Mapping[str, Any]) -> bool:
        """Whether this is a customer, or has an open deal, and the route did not ask for such."""
        outcome = _text(facts, "last_outcome")
        return (outcome in CUSTOMERS and not self.customers) or (outcome in OPEN_DEALS and not self.open_deals)


@dataclass(frozen=True, slots=True)
class Routes:
    """All routes of a file."""

    routes: tuple[Route, ...]
    give_up_after: int
    """Milliseconds for which a message is tried again."""
    link: str | None = None
    ceilings: Mapping[str, int] = field(default_factory=dict)
    """Messages in any sixty minutes, by target id: the least that any route says."""
    hours: Mapping[tuple[str, str], Hours] = field(default_factory=dict)
    """By route and target id."""

    def matching(self, change: Change, facts: Mapping[str, Any]) -> set[str]:
        """The names of the routes that are about this change: default ones only where no other is."""
        found = {route.name for route in self.routes if not route.default and route.wants(change, facts)}
        return found or {route.name for route in self.routes if route.default and route.wants(change, facts)}

    def is_quiet(self, route: str, target: str, now: int) -> bool:
        """Whether a recipient of a route is not to be disturbed; one that is no longer in the routes always may be."""
        hours = self.hours.get((route, target))
        return hours is not None and hours.is_quiet(now)


def compile_routes(document: contract.Routes) -> Routes:
    """What a valid routes file says, ready to be asked."""
    defaults, ceilings = document.defaults, dict[str, int]()
    compiled = []
    for route in document.routes:
        destinations = []
        for entry in route.to:
            written = contract.Recipient(channel=entry) if isinstance(entry, str) else entry
            destination = _destination(written, defaults)
            destinations.append(destination)
            most, name = written.ceiling or defaults.ceiling, destination.target.id
            ceilings[name] = min(most, ceilings.get(name, most))
        compiled.append(_route(route, defaults, tuple(destinations)))
    hours = {(route.name, to.target.id): to.hours for route in compiled for to in route.destinations}
    return Routes(tuple(compiled), parse_duration(defaults.give_up_after), defaults.link, ceilings, hours)


def _route(route: contract.Route, defaults: contract.Defaults, destinations: tuple[Destination, ...]) -> Route:
    include, cooldown = route.include or [], route.cooldown or defaults.cooldown
    return Route(
        name=route.route,
        profiles=_set(route.profiles),
        tiers=_set(route.tiers),
        causes=_set(route.causes),
        owners=_set(route.owners, folded=True),
        territories=_set(route.territories, folded=True),
        when=None if route.when is None else compile_condition(route.when.root),
        direction=route.direction,
        customers="customers" in include,
        open_deals="open_deals" in include,
        default=route.default,
        cooldown=0 if cooldown == "none" else parse_duration(cooldown),
        rollouts=route.rollouts,
        cooled=route.cooled,
        destinations=destinations,
    )


def _destination(entry: contract.Recipient, defaults: contract.Defaults) -> Destination:
    quiet = entry.quiet_hours or defaults.quiet_hours
    zone = ZoneInfo(entry.timezone or defaults.timezone)
    if isinstance(quiet, QuietHours):
        bounds = (minutes(quiet.from_), minutes(quiet.until))
        hours = Hours(zone, bounds, quiet.weekends)
    else:
        hours = Hours(zone)
    digest_at = minutes(entry.digest_at or defaults.digest_at)
    return Destination(Target(entry.channel, entry.recipient), hours, digest_at)


def _text(facts: Mapping[str, Any], name: str) -> str | None:
    value = facts.get(name)
    return value.casefold() if isinstance(value, str) else None


def _set(names: list[Any] | None, *, folded: bool = False) -> frozenset[str] | None:
    return None if names is None else frozenset(fold(name) if folded else name for name in names)
