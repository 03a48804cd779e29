"""For any history: every change is accounted for once, and neither cooldown nor ceiling is ever exceeded."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from stream.delivery.change import read_change
from stream.delivery.decide import decide
from stream.delivery.decision import Decision, Fate
from stream.delivery.kept import Message
from stream.delivery.message import Delivered, Disabled, Refused, TryAgain
from stream.delivery.queue import flush, ready, retry, settle, snooze
from stream.delivery.state import State

from .building import DAY, HOUR, MINUTE, MONDAY, event, routes

SOAK = bool(os.environ.get("TIERLINE_SOAK"))
PHASES = list(Phase) if SOAK else [Phase.explicit, Phase.reuse, Phase.generate]
"""Making a long history short takes minutes: `make soak` does."""

TABLE = routes("""
defaults: {timezone: Europe/Berlin, ceiling: 3, cooldown: 90m, give_up_after: 20h}
routes:
  - route: hot
    tiers: [hot]
    to: [sales, {channel: mail, recipient: ann@acme.com, quiet_hours: {from: '19:00', until: '07:00', weekends: true}}]
  - {route: cools, direction: both, cooldown: none, cooled: digest, when: {employees: {gte: 50}}, to: [sales]}
  - {route: peace, cooldown: 2d, cooled: digest, rollouts: each, to: [{channel: mail, ceiling: 2}]}
  - {route: rest, default: true, direction: both, to: [mail]}
""")
COOLDOWNS = {route.name: route.cooldown for route in TABLE.routes}
ROUTES = [route.name for route in TABLE.routes]

ACCOUNTS = st.sampled_from(["a.com", "b.com", "c.com", "d.com", "e.com", "f.com", "g.com"])
def do(what: str, **members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"do": st.just(what), **members})


CHANGE = do(
    "change",
    account=ACCOUNTS,
    profile=st.sampled_from("ppq"),
    direction=st.sampled_from(["up", "up", "up", "enter", "down", "disqualified", "merged"]),
    cause=st.sampled_from(["signal", "signal", "fact", "decay", "profile"]),
    facts=st.sampled_from([{}, {}, {"employees": 60}, {"last_outcome": "won"}]),
    importing=st.sampled_from([False] * 19 + [True]),
    repeat=st.sampled_from([False] * 9 + [True]),
)
WAIT = do("wait", ms=st.sampled_from([1, MINUTE, 20 * MINUTE, 20 * MINUTE, HOUR, 3 * HOUR, 9 * HOUR, DAY]))
ATTEMPT = do("attempt", how=st.sampled_from("ddddtrx"))
STEP = st.one_of(
    CHANGE, CHANGE, CHANGE, CHANGE, ATTEMPT, ATTEMPT, ATTEMPT, WAIT, WAIT, do("begin"), do("begin"),
    do("end", how=st.sampled_from("ddtttrx")), do("retry"), do("restart"),
    do("snooze", account=ACCOUNTS, ms=st.sampled_from([0, DAY])),
)  # fmt: skip
OUTCOMES = {"d": Delivered("200"), "t": TryAgain("503"), "r": Refused("400"), "x": Disabled("410")}


@dataclass
class World:
    """Alerting with everything around it played by the test."""

    now: int = MONDAY
    stored: dict[bytes, bytes] = field(default_factory=dict)
    sequences: Counter[tuple[str, str]] = field(default_factory=Counter)
    events: list[dict[str, Any]] = field(default_factory=list)
    decisions: list[tuple[int, Decision]] = field(default_factory=list)
    fates: list[tuple[int, Fate]] = field(default_factory=list)
    delivered: list[tuple[int, Message]] = field(default_factory=list)
    flying: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state = State(self.stored, 0)

    def keep(self) -> None:
        """What was decided is durable."""
        for key, value in self.state.writes().items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value
        self.state.stored()

    def step(self, step: dict[str, Any]) -> None:
        self.fates += [(self.now, fate) for fate in flush(self.state, TABLE, self.now)]
        getattr(self, step["do"])(step)
        self.keep()

    def change(self, step: dict[str, Any]) -> None:
        place = (step["account"], step["profile"])
        if step["repeat"] and self.events:
            one = self.events[-1]
        else:
            self.sequences[place] += 1
            rises = step["direction"] in ("up", "enter")
            one = event(
                step["account"], self.sequences[place], self.now, profile=step["profile"], cause=step["cause"],
                direction=step["direction"], import_=step["importing"],
                from_tier=None if step["direction"] == "enter" else "warm" if rises else "hot",
                to_tier="hot" if rises else None if step["direction"] == "merged" else "warm",
            )  # fmt: skip
            self.events.append(one)
        self.decisions += [
            (self.now, said) for said in decide(self.state, read_change(one), step["facts"], TABLE, self.now)
        ]

    def wait(self, step: dict[str, Any]) -> None:
        self.now += step["ms"]

    def begin(self, step: dict[str, Any]) -> None:
        del step
        for message in list(ready(self.state, TABLE, self.now, each=3)):
            self.state.flying.add(message.key)
            self.flying.append(message)

    def end(self, step: dict[str, Any]) -> None:
        if not self.flying:
            return
        message = self.flying.pop(0)
        self.state.flying.discard(message.key)
        decisions, fates = settle(self.state, TABLE, message, OUTCOMES[step["how"]], self.now, 1.0)
        self.decisions += [(self.now, said) for said in decisions]
        self.fates += [(self.now, fate) for fate in fates]
        if step["how"] == "d":
            self.delivered.append((self.now, message))

    def attempt(self, step: dict[str, Any]) -> None:
        """Begin and end in one go."""
        self.begin(step)
        while self.flying:
            self.end(step)

    def snooze(self, step: dict[str, Any]) -> None:
        taken = snooze(self.state, step["account"], self.now + step["ms"], self.now)
        self.decisions += [(self.now, said) for said in taken]

    def retry(self, step: dict[str, Any]) -> None:
        del step
        for message in list(self.state.parked.values())[:1]:
            retry(self.state, message, self.now)

    def restart(self, step: dict[str, Any]) -> None:
        """Without a word to whoever had an attempt under way."""
        del step
        self.flying.clear()
        self.state = State(self.stored, 0)


def told_of(world: World, target: str) -> list[int]:
    return [at for at, message in world.delivered if message.target.id == target]


@settings(max_examples=2_000 if SOAK else 150, deadline=None, phases=PHASES)
@given(st.lists(STEP, min_size=50, max_size=150))
def test_any_history(steps: list[dict[str, Any]]) -> None:
    """Whatever comes, in whatever order, with crashes between: no change is lost, doubled, or told too often."""
    world = World()
    for step in steps:
        world.step(step)
    first: dict[tuple[str, str, str], list[str]] = {}
    last: dict[tuple[str, str, str], str] = {}
    for _, said in world.decisions:
        place = (said.change["id"], said.route, said.target.id if said.target else "")
        if said.reason == "superseded" or (said.reason == "snoozed" and said.alert is not None):
            assert last[place] in {"sent", "quiet_hours", "cooldown", "ceiling", "profile_rollout"}
        elif said.reason not in {"already_sent", "importing"} or place not in first:
            first.setdefault(place, []).append(said.reason)
        last[place] = said.reason
    for one in world.events:
        assert {route for change_id, route, _ in first if change_id == one["id"]} == set(ROUTES), one["id"]
    assert all(len(reasons) == 1 for reasons in first.values()), "each once"
    check_accounts(world, last)
    for target, ceiling in TABLE.ceilings.items():
        moments = told_of(world, target)
        assert all(sum(1 for at in moments if now - HOUR < at <= now) <= ceiling for now in moments), target


def check_accounts(world: World, last: dict[tuple[str, str, str], str]) -> None:
    """What was to be told is told, waits, is collected, was given up, or was taken back: in exactly one of these."""
    sent: dict[tuple[str, str, str], list[int]] = {}
    for at, said in world.decisions:
        if said.reason in ("sent", "quiet_hours") and said.target is not None:
            final = last[said.change["id"], said.route, said.target.id]
            if final == said.reason:
                account = said.change["data"]["account"]
                sent.setdefault((said.route, said.target.id, account), []).append(at)
    for (route, _, _), moments in sent.items():
        pairs = itertools.pairwise(moments)
        assert all(later - earlier >= COOLDOWNS[route] for earlier, later in pairs), (route, moments)
    there = Counter(
        (told.id, message.route, message.target.id)
        for message in (*world.state.waiting.values(), *world.state.parked.values())
        for told in message.told
    )
    there.update(
        (told.id, one.route, one.target.id) for one in world.state.collected.values() if one.why != "ceiling"
        for told in one.told
    )  # fmt: skip
    gone = {
        (told.id, fate.message.route, fate.message.target.id)
        for _, fate in world.fates
        if fate.state in ("delivered", "dropped")
        for told in fate.message.told
    }
    for (change_id, route, target), reason in last.items():
        if reason in ("sent", "quiet_hours"):
            place = (change_id, route, target)
            assert there[place] + (place in gone) == 1, place
