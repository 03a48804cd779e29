"""What routes would have sent: tier changes of the past through the real decision, on a clock of their own. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from stream.delivery.change import Change
from stream.delivery.decide import decide
from stream.delivery.decision import Decision
from stream.delivery.kept import HOUR, Collected, Message
from stream.delivery.message import Delivered
from stream.delivery.queue import flush, ready, settle
from stream.delivery.routes import Routes
from stream.delivery.state import State

_DAY = 24 * HOUR


@dataclass(slots=True)
class Rehearsal:
    """What came of it."""

    messages: list[tuple[int, Message]] = field(default_factory=list)
    """When (ms), in order."""
    changes: int = 0
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often each route gave each reason, in its last word on a change."""

    def most_in(self, target: str, span: int) -> int:
        """The most messages that a recipient got in any span of so many milliseconds."""
        moments = [at for at, message in self.messages if message.target.id == target]
        most, first = 0, 0
        for last, at in enumerate(moments):
            while moments[first] <= at - span:
                first += 1
            most = max(most, last - first + 1)
        return most

    def targets(self) -> list[str]:
        """The recipients that got anything."""
        return sorted({message.target.id for _, message in self.messages})


def rehearse(
    changes: Iterable[tuple[int, Change, Mapping[str, Any]]], routes: Routes, *, until: int | None = None
) -> Rehearsal:
    """Play changes, each with its moment (ms, ascending) and the facts of its account; every delivery succeeds.

    `until`: when it ends; by default two days after the last change, so that what was collected is told.
    """
    found, state, now = Rehearsal(), State({}, 0), 0
    for at, change, facts in changes:
        now = _pass(state, routes, now, max(at, now), found)
        found.changes += 1
        _count(found, decide(state, change, facts, routes, now))
        _deliver(state, routes, now, found)
    _pass(state, routes, now, now + 2 * _DAY if until is None else max(until, now), found)
    return found


def _pass(state: State, routes: Routes, now: int, end: int, found: Rehearsal) -> int:
    """Let time pass up to `end`, with a stop wherever something may be due."""
    while (moment := _next(state, routes, now)) is not None and moment <= end:
        now = moment
        _deliver(state, routes, now, found)
    return end


def _deliver(state: State, routes: Routes, now: int, found: Rehearsal) -> None:
    flush(state, routes, now)
    for message in list(ready(state, routes, now, each=1_000_000)):
        settle(state, routes, message, Delivered("rehearsed"), now, 1.0)
        found.messages.append((now, message))


def _next(state: State, routes: Routes, now: int) -> int | None:
    """The next moment at which something that waits or is collected may go out."""
    moments = []
    pending: list[Message | Collected] = [*state.waiting.values(), *state.collected.values()]
    for one in pending:
        target = one.target.id
        standing = state.standing(target)
        moments += [one.due, (standing.overflowed or 0) + HOUR, *(at + HOUR for at in standing.delivered)]
        hours = routes.hours.get((one.route, target))
        if hours is not None:
            moments += [hours.opens(now), hours.opens(max(now, one.due))]
    return min((at for at in moments if at > now), default=None)


def _count(found: Rehearsal, decisions: list[Decision]) -> None:
    for one in decisions:
        found.reasons[one.route, one.reason] += 1
