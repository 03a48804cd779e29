"""Whether to tell, and if not, why not: the decision on a tier change, as a row of small stages. Pure.

Every change gets exactly one decision for each route, or, once the route wants it, for each of its recipients. The
stages stand in the order in which they are asked: what is said first is the reason. A newer change of an account
supersedes one that still waits, or is held back to be told later: that one then gets a second decision, its last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from schemas.alerts import Reason
from stream.delivery.change import Change
from stream.delivery.decision import Decision
from stream.delivery.kept import HOUR
from stream.delivery.queue import accept, collect, withdraw
from stream.delivery.routes import Destination, Route, Routes
from stream.delivery.state import State


def decide(state: State, change: Change, facts: Mapping[str, Any], routes: Routes, now: int) -> list[Decision]:
    """What each route makes of a change, and what becomes of earlier ones of its account. The state is changed.

    `facts`: those known of the account. `now`: the wall clock, in milliseconds.
    """
    why = _not_news(state, change)
    if why is not None:
        return [Decision(change.document, why, route.name) for route in routes.routes]
    account = state.account(change.account)
    account.seen[change.profile] = (change.incarnation, change.sequence)
    state.touch_account(change.account)
    decisions = withdraw(state, change.account, change.profile, by=change.id)
    matching = routes.matching(change, facts)
    reached: set[str] = set()
    """Recipients that are told of this change by an earlier route."""
    ours: list[Decision] = []
    for route in routes.routes:
        held = _held_back(state, route, change, facts, now, matches=route.name in matching)
        if held is not None:
            ours.append(held)
        else:
            ours += [_recipient(state, route, to, change, facts, routes, now, reached) for to in route.destinations]
    _mark_stale(state, change, ours)
    return decisions + ours


def _not_news(state: State, change: Change) -> Reason | None:
    if change.importing:
        return "importing"
    seen = state.account(change.account).seen.get(change.profile)
    if seen is not None and seen[0] == change.incarnation and change.sequence <= seen[1]:
        return "already_sent"
    return "no_route" if change.detected_at < state.since else None


def _held_back(
    state: State, route: Route, change: Change, facts: Mapping[str, Any], now: int, *, matches: bool
) -> Decision | None:
    """What holds for all recipients of a route."""
    snoozed = state.account(change.account).snoozed
    if not matches:
        return Decision(change.document, "no_route", route.name)
    if not route.looks_at(change):
        return Decision(change.document, "wrong_direction", route.name)
    if route.holds_back(facts):
        return Decision(change.document, "customer", route.name)
    if snoozed > now:
        return Decision(change.document, "snoozed", route.name, until=snoozed)
    if change.cause == "profile" and route.rollouts == "drop":
        return Decision(change.document, "profile_rollout", route.name)
    return None


def _recipient(
    state: State,
    route: Route,
    to: Destination,
    change: Change,
    facts: Mapping[str, Any],
    routes: Routes,
    now: int,
    reached: set[str],
) -> Decision:
    """What is told to one recipient."""
    target, name = to.target.id, f"{route.name}|{to.target.id}"
    said = Decision(change.document, "sent", route.name, to.target)
    if target in reached:
        return replace(said, reason="already_sent")
    if change.cause == "profile" and route.rollouts == "digest":
        reached.add(target)
        due = to.hours.next_at(now, to.digest_at)
        key = collect(state, change, facts, route.name, to, "profile_rollout", due)
        return replace(said, reason="profile_rollout", alert=key, until=due)
    told = state.account(change.account).told.get(name)
    if told is not None and now < told + route.cooldown:
        kept = None
        if route.cooled == "digest":
            reached.add(target)
            due = to.hours.next_at(now, to.digest_at)
            kept = collect(state, change, facts, route.name, to, "cooldown", due)
        return replace(said, reason="cooldown", alert=kept, until=told + route.cooldown)
    reached.add(target)
    opens = to.hours.opens(now)
    if opens > now:
        key = collect(state, change, facts, route.name, to, "quiet_hours", opens, marked=now)
        return replace(said, reason="quiet_hours", alert=key, until=opens)
    if state.used(target, now) >= routes.ceilings[target]:
        due = max(now, (state.standing(target).overflowed or 0) + HOUR)
        return replace(said, reason="ceiling", alert=collect(state, change, facts, route.name, to, "ceiling", due))
    return replace(said, alert=accept(state, change, facts, route.name, to, now))


def _mark_stale(state: State, change: Change, decisions: list[Decision]) -> None:
    """A message under way on an earlier change is not tried again, but where the cooldown held back the newer one."""
    cooled = {(one.route, one.target) for one in decisions if one.reason == "cooldown"}
    place = (change.account, change.profile)
    for message in [state.waiting[key] for key in state.flying if key in state.waiting]:
        ours = message.kind == "single" and message.told[0].place == place
        if ours and (message.route, message.target) not in cooled:
            message.stale = change.id
            state.touch("m", message.key)
