"""Each reason not to tell, and what a newer change does to an older one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.alerts import REASONS
from stream.delivery.decide import decide
from stream.delivery.decision import Decision
from stream.delivery.message import Delivered, Disabled, Refused, TryAgain
from stream.delivery.queue import flush, ready, retry, settle, snooze
from stream.delivery.state import State

from .building import DAY, HOUR, MINUTE, MONDAY, change, fresh, routes

PLAIN = "routes: [{route: hot, to: [sales]}]"


def deliver(state: State, table: Any, now: int) -> list[str]:
    """Deliver all that is ready; the keys."""
    flush(state, table, now)
    keys = []
    for message in list(ready(state, table, now, each=100)):
        settle(state, table, message, Delivered("200"), now, 1.0)
        keys.append(message.key)
    return keys


@dataclass
class Case:
    """One row: what came before, the change, and what it is answered."""

    reason: str
    routes: str = PLAIN
    facts: dict[str, Any] = field(default_factory=dict)
    change: dict[str, Any] = field(default_factory=dict)
    before: list[dict[str, Any]] = field(default_factory=list)
    now: int = MONDAY
    snoozed: int = 0
    since: int = 0


NIGHT = "defaults: {timezone: Europe/Berlin, quiet_hours: {from: '18:00', until: '08:00'}}\n" + PLAIN
TABLE = {
    "nothing speaks against it": Case("sent"),
    "history is being brought in": Case("importing", change={"import_": True}),
    "the change was decided before": Case("already_sent", before=[{}]),
    "an earlier route told the same recipient": Case(
        "already_sent", routes="routes: [{route: a, to: [sales]}, {route: hot, to: [sales]}]"
    ),
    "another profile": Case("no_route", routes="routes: [{route: hot, profiles: [other], to: [sales]}]"),
    "another tier": Case("no_route", routes="routes: [{route: hot, tiers: [warm], to: [sales]}]"),
    "another cause": Case("no_route", routes="routes: [{route: hot, causes: [fact], to: [sales]}]"),
    "another owner": Case(
        "no_route", routes="routes: [{route: hot, owners: [Ann], to: [sales]}]", facts={"owner": "Bob"}
    ),
    "no owner known": Case("no_route", routes="routes: [{route: hot, owners: [Ann], to: [sales]}]"),
    "the owner, in another case": Case(
        "sent", routes="routes: [{route: hot, owners: [Ann], to: [sales]}]", facts={"owner": "ANN"}
    ),
    "another territory": Case(
        "no_route", routes="routes: [{route: hot, territories: [emea], to: [sales]}]", facts={"territory": "apac"}
    ),
    "a fact that does not hold": Case(
        "no_route", routes="routes: [{route: hot, when: {employees: {gte: 50}}, to: [sales]}]", facts={"employees": 5}
    ),
    "a fact that nobody knows": Case(
        "no_route", routes="routes: [{route: hot, when: {employees: {gte: 50}}, to: [sales]}]"
    ),
    "a fact that holds": Case(
        "sent", routes="routes: [{route: hot, when: {employees: {gte: 50}}, to: [sales]}]", facts={"employees": 50}
    ),
    "from before alerting began": Case("no_route", since=MONDAY + 1),
    "a default route where another one wants it": Case(
        "no_route", routes="routes: [{route: a, to: [mail]}, {route: hot, default: true, to: [sales]}]"
    ),
    "a default route where no other wants it": Case(
        "sent", routes="routes: [{route: a, tiers: [x], to: [mail]}, {route: hot, default: true, to: [sales]}]"
    ),
    "it cools": Case("wrong_direction", change={"direction": "down", "from_tier": "hot", "to_tier": "warm"}),
    "it cools, and that is wanted of this tier": Case(
        "sent",
        routes="routes: [{route: hot, direction: down, tiers: [hot], to: [sales]}]",
        change={"direction": "down", "from_tier": "hot", "to_tier": "warm"},
    ),
    "it ended in a merger": Case(
        "wrong_direction",
        routes="routes: [{route: hot, direction: both, to: [sales]}]",
        change={"direction": "merged", "to_tier": None},
    ),
    "a customer": Case("customer", facts={"last_outcome": "won"}),
    "an open deal": Case("customer", facts={"last_outcome": "qualified"}),
    "a deal that was lost": Case("sent", facts={"last_outcome": "lost"}),
    "a customer who churned": Case("sent", facts={"last_outcome": "churned"}),
    "a customer that the route wants": Case(
        "sent", routes="routes: [{route: hot, include: [customers], to: [sales]}]", facts={"last_outcome": "expanded"}
    ),
    "an open deal, where customers are wanted": Case(
        "customer", routes="routes: [{route: hot, include: [customers], to: [sales]}]", facts={"last_outcome": "open"}
    ),
    "snoozed": Case("snoozed", snoozed=MONDAY + 1),
    "snoozed until just now": Case("sent", snoozed=MONDAY),
    "a new profile version": Case("profile_rollout", change={"cause": "profile"}),
    "a new profile version, nobody wants to hear of": Case(
        "profile_rollout", routes="routes: [{route: hot, rollouts: drop, to: [sales]}]", change={"cause": "profile"}
    ),
    "a new profile version, each wanted": Case(
        "sent", routes="routes: [{route: hot, rollouts: each, to: [sales]}]", change={"cause": "profile"}
    ),
    "told of yesterday, with two days' peace": Case(
        "cooldown",
        routes="routes: [{route: hot, cooldown: 2d, to: [sales]}]",
        before=[{"at": MONDAY - DAY}],
        change={"sequence": 2},
    ),
    "told of just as long ago": Case(
        "sent",
        routes="routes: [{route: hot, cooldown: 1d, to: [sales]}]",
        before=[{"at": MONDAY - DAY}],
        change={"sequence": 2},
    ),
    "told of in another profile": Case(
        "cooldown", before=[{"at": MONDAY - HOUR, "profile": "other"}]
    ),
    "at night": Case("quiet_hours", routes=NIGHT, now=MONDAY + 8 * HOUR),
    "a minute before the night, in winter": Case("sent", routes=NIGHT, now=MONDAY + 8 * HOUR - MINUTE),
    "on a weekend": Case(
        "quiet_hours",
        routes="defaults: {quiet_hours: {from: '18:00', until: '08:00', weekends: true}}\n" + PLAIN,
        now=MONDAY - 2 * DAY,
    ),
    "over the ceiling": Case(
        "ceiling",
        routes="defaults: {ceiling: 2}\n" + PLAIN,
        before=[{"account": "a.com", "at": MONDAY - 30 * MINUTE}, {"account": "b.com", "at": MONDAY - 59 * MINUTE}],
    ),
    "under the ceiling again": Case(
        "sent",
        routes="defaults: {ceiling: 2}\n" + PLAIN,
        before=[{"account": "a.com", "at": MONDAY - 30 * MINUTE}, {"account": "b.com", "at": MONDAY - 60 * MINUTE}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLE)
def test_each_reason(name: str) -> None:
    """Each reason is given where it holds, and not a step before or after."""
    case = TABLE[name]
    table, state = routes(case.routes), fresh(case.since)
    for members in case.before:
        one = change(**members)
        decide(state, one, {}, table, one.effective_at)
        deliver(state, table, one.effective_at)
    if case.snoozed:
        snooze(state, "acme.com", case.snoozed, case.now - HOUR)
    decisions = decide(state, change(**case.change), case.facts, table, case.now)
    assert {one.route for one in decisions} == {route.name for route in table.routes}
    assert [one.reason for one in decisions if one.route == "hot"] == [case.reason]


def test_the_table_has_every_reason() -> None:
    """No reason is left without a row."""
    assert {case.reason for case in TABLE.values()} == set(REASONS) - {"superseded"}


def by_reason(decisions: list[Decision]) -> dict[str, str]:
    return {one.reason: one.change["id"].rsplit("/", 1)[1] for one in decisions}


def test_a_newer_change_supersedes_one_that_waits() -> None:
    """Only the newest is told, and the cooldown that the older one began does not hold it back."""
    state, table = fresh(), routes(PLAIN)
    decide(state, change(sequence=1), {}, table, MONDAY)
    assert by_reason(decide(state, change(sequence=2), {}, table, MONDAY + 1)) == {"superseded": "1", "sent": "2"}
    assert deliver(state, table, MONDAY + 2) == ["acme.com/demo/abc/2/hot/sales"]


def test_what_is_no_longer_true_is_not_told() -> None:
    """An account that has cooled again before anybody heard of it is not announced, and may be announced next time."""
    state, table = fresh(), routes(PLAIN)
    decide(state, change(sequence=1), {}, table, MONDAY)
    fell = change(sequence=2, direction="down", from_tier="hot", to_tier="warm")
    assert by_reason(decide(state, fell, {}, table, MONDAY)) == {"superseded": "1", "wrong_direction": "2"}
    assert deliver(state, table, MONDAY) == []
    assert by_reason(decide(state, change(sequence=3), {}, table, MONDAY)) == {"sent": "3"}


def test_a_change_held_overnight_is_superseded_too() -> None:
    """In the morning the newest is told alone, with a whole message, since it is the only one."""
    state, table = fresh(), routes(NIGHT)
    evening = MONDAY + 10 * HOUR
    decide(state, change(sequence=1), {}, table, evening)
    said = decide(state, change(sequence=2), {}, table, evening + HOUR)
    assert by_reason(said) == {"superseded": "1", "quiet_hours": "2"}
    morning = MONDAY + 22 * HOUR
    assert said[-1].until == morning
    assert deliver(state, table, morning - 1) == []
    flush(state, table, morning)
    (message,) = ready(state, table, morning, each=9)
    assert (message.kind, message.count, [told.id for told in message.told]) == ("single", 1, ["acme.com/demo/abc/2"])


def test_several_held_overnight_come_as_one_message() -> None:
    """In the morning one digest tells of all, the highest score first."""
    state, table = fresh(), routes(NIGHT)
    for number in range(30):
        decide(state, change(f"a{number}.com", score=50.0 + number), {}, table, MONDAY + 12 * HOUR)
    morning = MONDAY + 22 * HOUR
    flush(state, table, morning)
    (message,) = ready(state, table, morning, each=9)
    assert (message.kind, message.count) == ("digest", 30)
    assert [told.place[0] for told in message.told[:2]] == ["a29.com", "a28.com"]


def test_one_message_says_how_many_more() -> None:
    """Over the ceiling everything is counted; when there is room again one message says so, once an hour at most."""
    state, table = fresh(), routes("defaults: {ceiling: 5}\n" + PLAIN)
    for number in range(200):
        now = MONDAY + number * 1_000
        decide(state, change(f"a{number}.com"), {}, table, now)
        deliver(state, table, now)
    assert len(state.standings["sales"].delivered) == 5
    assert deliver(state, table, MONDAY + HOUR - 1) == []
    flush(state, table, MONDAY + HOUR)
    (message,) = ready(state, table, MONDAY + HOUR, each=9)
    assert (message.kind, message.count, len(message.told)) == ("overflow", 195, 50)
    assert state.collected == {}


def test_what_piles_up_while_a_sink_is_down_does_not_come_at_once() -> None:
    """After five hours without a sink a recipient gets no more than its ceiling, and one message with the rest."""
    state, table = fresh(), routes("defaults: {ceiling: 5}\n" + PLAIN)
    for number in range(300):
        now = MONDAY + number * MINUTE
        decide(state, change(f"a{number}.com"), {}, table, now)
        flush(state, table, now)
        for message in list(ready(state, table, now, each=100)):
            settle(state, table, message, TryAgain("connection refused"), now, 1.0)
    now = MONDAY + 6 * HOUR
    flush(state, table, now)
    assert len(deliver(state, table, now)) == 5
    later = [len(deliver(state, table, now + minute * MINUTE)) for minute in range(1, 90)]
    assert sum(later) == 1
    assert state.standings["sales"].overflowed is not None


def test_a_message_under_way_is_not_taken_back() -> None:
    """While an attempt is under way a newer change waits behind it; if the attempt fails, the newer goes instead."""
    state, table = fresh(), routes("routes: [{route: hot, cooldown: none, to: [sales]}]")
    decide(state, change(sequence=1), {}, table, MONDAY)
    (first,) = ready(state, table, MONDAY, each=9)
    state.flying.add(first.key)
    assert by_reason(decide(state, change(sequence=2), {}, table, MONDAY + 1)) == {"sent": "2"}
    assert list(ready(state, table, MONDAY + 1, each=9)) == []
    state.flying.clear()
    decisions, fates = settle(state, table, first, TryAgain("timeout"), MONDAY + 2, 1.0)
    assert by_reason(decisions) == {"superseded": "1"}
    assert [fate.state for fate in fates] == ["failed"]
    assert deliver(state, table, MONDAY + 3) == ["acme.com/demo/abc/2/hot/sales"]


def test_retries_wait_longer_each_time_and_end() -> None:
    """A message is tried again after 5 s, 10 s, 20 s, and so on, for as long as configured; then it is parked."""
    state, table = fresh(), routes("defaults: {give_up_after: 1h}\n" + PLAIN)
    decide(state, change(), {}, table, MONDAY)
    now, waits = MONDAY, []
    while state.waiting:
        flush(state, table, now)
        for message in list(ready(state, table, now, each=9)):
            _, (fate,) = settle(state, table, message, TryAgain("HTTP 503"), now, 1.0)
            waits.append((fate.again_at or now) - now)
            now = fate.again_at or now
    assert waits[:4] == [5_000, 10_000, 20_000, 40_000]
    assert fate.state == "parked"
    assert now < MONDAY + HOUR
    (parked,) = state.parked.values()
    assert parked.parked == "HTTP 503"
    assert retry(state, parked, now).state == "retried"
    assert deliver(state, table, now) == [parked.key]


def test_a_far_side_that_asks_for_patience_gets_it() -> None:
    """Retry-After holds for the whole channel, and for no other."""
    state = fresh()
    table = routes("routes: [{route: hot, to: [sales]}, {route: too, to: [mail]}]")
    decide(state, change("a.com"), {}, table, MONDAY)
    message = next(ready(state, table, MONDAY, each=9))
    settle(state, table, message, TryAgain("HTTP 429", 120_000), MONDAY, 1.0)
    decide(state, change("b.com"), {}, table, MONDAY + 1)
    assert deliver(state, table, MONDAY + 60_000) == ["a.com/demo/abc/1/too/mail", "b.com/demo/abc/1/too/mail"]
    assert len(deliver(state, table, MONDAY + 120_000)) == 2


def test_a_channel_that_is_gone_is_off_until_turned_on() -> None:
    """410 parks what waits for the channel and what comes; trying one of them again turns it on."""
    state, table = fresh(), routes(PLAIN)
    for account in ("a.com", "b.com"):
        decide(state, change(account), {}, table, MONDAY)
    first = next(ready(state, table, MONDAY, each=9))
    settle(state, table, first, Disabled("HTTP 410"), MONDAY, 1.0)
    decide(state, change("c.com"), {}, table, MONDAY + 1)
    flush(state, table, MONDAY + 1)
    assert (len(state.waiting), len(state.parked)) == (0, 3)
    retry(state, next(iter(state.parked.values())), MONDAY + 2)
    assert len(deliver(state, table, MONDAY + 2)) == 1


def test_what_no_attempt_will_mend_is_parked_at_once() -> None:
    """A refusal is not tried again."""
    state, table = fresh(), routes(PLAIN)
    decide(state, change(), {}, table, MONDAY)
    (message,) = ready(state, table, MONDAY, each=9)
    _, (fate,) = settle(state, table, message, Refused("HTTP 400"), MONDAY, 1.0)
    assert (fate.state, len(state.parked)) == ("parked", 1)


def test_a_snooze_takes_back_what_waits() -> None:
    """Whoever snoozes an account hears nothing more of it, of what is under way neither, until then."""
    state, table = fresh(), routes(PLAIN)
    decide(state, change(), {}, table, MONDAY)
    assert by_reason(snooze(state, "acme.com", MONDAY + DAY, MONDAY)) == {"snoozed": "1"}
    assert deliver(state, table, MONDAY) == []


def test_at_night_nothing_is_tried_again() -> None:
    """A message that could not be delivered before quiet hours waits for the morning."""
    state, table = fresh(), routes(NIGHT)
    evening = MONDAY + 8 * HOUR - 2 * MINUTE
    decide(state, change(), {}, table, evening)
    (message,) = ready(state, table, evening, each=9)
    settle(state, table, message, TryAgain("HTTP 503"), evening, 1.0)
    assert deliver(state, table, evening + HOUR) == []
    assert len(deliver(state, table, MONDAY + 22 * HOUR)) == 1


def test_the_state_is_what_its_rows_say() -> None:
    """A state read back from its rows goes on as if nothing had happened."""
    stored: dict[bytes, bytes] = {}
    table = routes("defaults: {ceiling: 3}\n" + NIGHT.partition("\n")[2])
    state = State(stored, 5)
    for number in range(6):
        decide(state, change(f"a{number}.com"), {"name": "A"}, table, MONDAY)
    snooze(state, "z.com", MONDAY + DAY, MONDAY)
    message = next(ready(state, table, MONDAY, each=9))
    settle(state, table, message, Delivered("200"), MONDAY, 1.0)
    for key, value in state.writes().items():
        if value is None:
            stored.pop(key, None)
        else:
            stored[key] = value
    again = State(stored, 99)
    assert again.since == 5
    assert again.writes() == {}
    assert (again.waiting, again.collected) == (state.waiting, state.collected)
    assert again.standings == state.standings
    assert again.account("z.com") == state.account("z.com")
    assert again.used("sales", MONDAY) == 3


def test_what_a_template_could_not_say_is_reported() -> None:
    """A message that went out in the built-in form says so where its delivery is told of."""
    state, table = fresh(), routes(PLAIN)
    decide(state, change(), {}, table, MONDAY)
    (message,) = ready(state, table, MONDAY, each=9)
    _, (fate,) = settle(state, table, message, Delivered("HTTP 200", "the template failed"), MONDAY, 1.0)
    assert fate.says == "HTTP 200; the template failed"
