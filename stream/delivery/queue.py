"""The waiting queue: what is accepted, collected for later, ready to be tried, settled, given up. Pure.

A recipient gets at most so many messages in any sixty minutes. That holds of deliveries, not of plans: a message that
waits keeps its place under the ceiling until it is delivered, and then for an hour; so what piles up while a sink is
down cannot come out all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stream.delivery.change import Change
from stream.delivery.decision import Decision, Fate
from stream.delivery.kept import HOUR, Collected, Message, Told
from stream.delivery.message import Delivered, Disabled, Outcome, TryAgain
from stream.delivery.routes import Destination, Routes, Target
from stream.delivery.state import State

FIRST_WAIT, LONGEST_WAIT = 5_000, 900_000
"""Milliseconds before a second attempt, doubled each time, and the most that becomes."""
KEPT_PARKED = 30 * 24 * HOUR
"""Milliseconds that a parked message is kept for an operator."""
_TITLES = {
    "quiet_hours": "Held in quiet hours",
    "profile_rollout": "Moved by a new version of the profile",
    "cooldown": "Changed again since you were told",
}


# Taking in


def accept(state: State, change: Change, facts: Mapping[str, Any], route: str, to: Destination, now: int) -> str:
    """Accept a message on one change; its idempotency key. The account's cooldown begins."""
    target = to.target
    message = Message(
        key=f"{change.id}/{route}/{target.id}", kind="single", route=route, channel=target.channel,
        recipient=target.recipient, told=[_told(state, change, facts, route, target, now)], count=1, at=now,
        order=state.next_order(), due=now, reserved=True,
    )  # fmt: skip
    _wait(state, message)
    return message.key


def collect(
    state: State,
    change: Change,
    facts: Mapping[str, Any],
    route: str,
    to: Destination,
    why: str,
    due: int,
    *,
    marked: int | None = None,
) -> str:
    """Keep a change for a message later: of this route and reason, or of all routes where the ceiling is reached.

    `marked`: since when (ms) the account's cooldown runs, where it does. The idempotency key of that message.
    """
    target = to.target
    found = None
    if why == "ceiling":
        key = f"overflow/{target.id}/{due}"
        found = next((one for one in state.collected.values() if one.why == why and one.target == target), None)
    else:
        key = f"digest/{route}/{target.id}/{why}/{due}"
        found = state.collected.get(key)
    if found is None:
        found = state.collected[key] = Collected(key, why, route, target.channel, target.recipient, due)
    told = _told(state, change, facts, route, target, marked)
    left = found.add(told)
    for one in (told, left) if left is not None else (told,):
        state.touch_told(found.key, one)
    return found.key


def _told(
    state: State, change: Change, facts: Mapping[str, Any], route: str, target: Target, marked: int | None
) -> Told:
    account, name = state.account(change.account), f"{route}|{target.id}"
    told = Told(dict(change.document), dict(facts), route, marked, account.told.get(name))
    if marked is not None:
        account.told[name] = marked
        state.touch_account(change.account)
    return told


def withdraw(
    state: State, account: str, profile: str | None, *, reason: Any = "superseded", by: str | None = None
) -> list[Decision]:
    """Take back what waits or is collected of an account, all profiles where none is named; a last word on each.

    A message of which an attempt is under way cannot be taken back: it stays.
    """

    def meant(told: Told) -> bool:
        return told.place[0] == account and profile in (None, told.place[1])

    waiting = [one for one in state.waiting.values() if one.kind == "single" and meant(one.told[0])]
    decisions = [_taken_back(state, message, reason, by) for message in waiting if message.key not in state.flying]
    for collected in list(state.collected.values()):
        for told in [one for one in collected.told if meant(one)]:
            collected.told.remove(told)
            collected.count -= 1
            _unmark(state, collected.target, told)
            decisions.append(Decision(told.change, reason, told.route, collected.target, collected.key, None, by))
            state.touch_told(collected.key, told)
        if not collected.count:
            del state.collected[collected.key]
    return decisions


def _taken_back(state: State, message: Message, reason: Any, by: str | None) -> Decision:
    told = message.told[0]
    del state.waiting[message.key]
    state.touch("m", message.key)
    _unmark(state, message.target, told)
    return Decision(told.change, reason, told.route, message.target, message.key, None, by)


def _unmark(state: State, target: Target, told: Told) -> None:
    """It was not told after all: the cooldown is what it was before, unless another has begun it anew."""
    remembered, name = state.account(told.place[0]).told, f"{told.route}|{target.id}"
    if told.marked is None or remembered.get(name) != told.marked:
        return
    del remembered[name]
    if told.before is not None:
        remembered[name] = told.before
    state.touch_account(told.place[0])


def _wait(state: State, message: Message) -> None:
    state.waiting[message.key] = message
    state.touch("m", message.key)


# As time goes by


def flush(state: State, routes: Routes, now: int) -> list[Fate]:
    """What time brings: messages of what was collected, places under the ceiling, and giving up what is too old."""
    fates = []
    for message in list(state.waiting.values()):
        off = state.line(message.channel).off
        if message.key in state.flying:
            continue
        if off is not None:
            fates.append(_park(state, message, f"the channel is off: {off}", now))
        elif now >= message.at + routes.give_up_after:
            fates.append(_park(state, message, "it was not delivered in time", now))
    for collected in sorted(state.collected.values(), key=lambda one: one.due):
        _release(state, routes, collected, now)
    for message in sorted(state.waiting.values(), key=lambda one: one.order):
        if not message.reserved and _has_room(state, routes, message.target.id, now):
            message.reserved = True
            state.touch("m", message.key)
    for message in [one for one in state.parked.values() if now >= one.at + KEPT_PARKED]:
        del state.parked[message.key]
        state.touch("m", message.key)
        fates.append(Fate(message, "dropped", "it was parked for 30 days"))
    return fates


def _has_room(state: State, routes: Routes, target: str, now: int) -> bool:
    ceiling = routes.ceilings.get(target)
    return ceiling is None or state.used(target, now) < ceiling


def _release(state: State, routes: Routes, collected: Collected, now: int) -> None:
    target = collected.target.id
    if now < collected.due or not collected.count or routes.is_quiet(collected.route, target, now):
        return
    over = collected.why == "ceiling"
    if over:
        standing = state.standing(target)
        if now < (standing.overflowed or 0) + HOUR or not _has_room(state, routes, target, now):
            return
        standing.overflowed = now
        state.touch("t", target)
    del state.collected[collected.key]
    for told in collected.told:
        state.touch_told(collected.key, told)
    ranked = sorted(collected.told, key=lambda one: -one.change["data"]["score"])
    alone = collected.count == 1 and collected.why == "quiet_hours"
    message = Message(
        key=collected.key, kind="single" if alone else "overflow" if over else "digest", route=collected.route,
        channel=collected.channel, recipient=collected.recipient, told=ranked, count=collected.count, at=now,
        order=state.next_order(), due=now, title=None if alone else _TITLES.get(collected.why), reserved=over,
    )  # fmt: skip
    _wait(state, message)


def ready(state: State, routes: Routes, now: int, *, each: int) -> Iterator[Message]:
    """Messages to be tried now: the first of its lane only, of one channel at most `each` at once, none at night."""
    lanes: set[tuple[str, str]] = set()
    busy: dict[str, int] = {}
    for key in state.flying:
        message = state.waiting.get(key)
        if message is not None:
            busy[message.channel] = busy.get(message.channel, 0) + 1
    for message in sorted(state.waiting.values(), key=lambda one: one.order):
        line, lane = state.lines.get(message.channel), message.lane
        first = lane not in lanes
        lanes.add(lane)
        if not first or not message.reserved or message.due > now or message.key in state.flying:
            continue
        if line is not None and (line.off is not None or line.paused > now):
            continue
        if busy.get(message.channel, 0) < each and not routes.is_quiet(message.route, message.target.id, now):
            busy[message.channel] = busy.get(message.channel, 0) + 1
            yield message


def settle(
    state: State, routes: Routes, message: Message, outcome: Outcome, now: int, jitter: float
) -> tuple[list[Decision], list[Fate]]:
    """The outcome of an attempt. `jitter`, from 0.5 to 1.5, spreads the next ones."""
    message.attempts += 1
    state.touch("m", message.key)
    if isinstance(outcome, Delivered):
        del state.waiting[message.key]
        standing = state.standing(message.target.id)
        standing.delivered = [at for at in standing.delivered if at > now - HOUR] + [now]
        state.touch("t", message.target.id)
        says = outcome.status if outcome.note is None else f"{outcome.status}; {outcome.note}"
        return [], [Fate(message, "delivered", says)]
    if isinstance(outcome, TryAgain):
        return _again(state, routes, message, outcome, now, jitter)
    if isinstance(outcome, Disabled):
        state.line(message.channel).off = outcome.reason
        state.touch("c", message.channel)
    return [], [_park(state, message, outcome.reason, now)]


def _again(
    state: State, routes: Routes, message: Message, outcome: TryAgain, now: int, jitter: float
) -> tuple[list[Decision], list[Fate]]:
    if outcome.after_ms is not None:
        line = state.line(message.channel)
        line.paused = max(line.paused, now + outcome.after_ms)
        state.touch("c", message.channel)
    if message.stale is not None:
        return [_taken_back(state, message, "superseded", message.stale)], [Fate(message, "failed", outcome.reason)]
    wait = min(LONGEST_WAIT, FIRST_WAIT * 2 ** min(message.attempts - 1, 10)) * jitter
    again = now + max(int(wait), outcome.after_ms or 0)
    if again >= message.at + routes.give_up_after:
        return [], [_park(state, message, outcome.reason, now)]
    message.due = again
    return [], [Fate(message, "failed", outcome.reason, again)]


def _park(state: State, message: Message, reason: str, now: int) -> Fate:
    del state.waiting[message.key]
    message.parked, message.reserved, message.at = reason, False, now
    state.parked[message.key] = message
    state.touch("m", message.key)
    return Fate(message, "parked", reason)


# What an operator asks for


def retry(state: State, message: Message, now: int) -> Fate:
    """Try a parked message again, with the same key; its channel is on again."""
    del state.parked[message.key]
    line = state.line(message.channel)
    line.off, line.paused = None, 0
    state.touch("c", message.channel)
    message.parked, message.attempts, message.stale = None, 0, None
    message.at = message.due = now
    message.order = state.next_order()
    _wait(state, message)
    return Fate(message, "retried", "an operator asked for it")


def snooze(state: State, account: str, until: int, now: int) -> list[Decision]:
    """Tell nobody of an account until then; what waits of it is taken back. A moment that has passed ends it."""
    state.account(account).snoozed = until
    state.touch_account(account)
    return withdraw(state, account, None, reason="snoozed") if until > now else []
