"""An account turns out to be another name of one: it ends, and what is remembered of it joins the other (SPEC 3.3).

What is remembered travels as one value, ``Remains``, through the log: the two accounts may live in two partitions.
Joining is a union of what both remember, so the score is that of one account that was told all of it, but for what is
forgotten: a signal that both were told, and one of them forgot, goes on counting for both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.scoring import publish
from stream.scoring.engine import Engine
from stream.scoring.entries import Key
from stream.scoring.explain import trigger_of
from stream.scoring.state import AccountState, read_facts
from stream.scoring.stored import read_entry, read_folded, read_key, stored_entry, stored_folded
from stream.scoring.timeline import Timeline
from stream.scoring.values import Signal, TierChange

Remains = dict[str, Any]
"""What is remembered of an account that has ended, as JSON has it; ``id`` tells it from all others."""


def end(
    engine: Engine, state: AccountState, alias: Signal, time: int, timeline: Timeline, changes: list[TierChange]
) -> Remains:
    """End an account with record time ``time``: a last change in each profile, and what is remembered of it.

    ``alias``: what says that ``alias.account`` is another name of ``alias.data["canonical"]``.
    """
    engine.catch_up(state, time, timeline, changes)
    state.clock = max(state.clock, time)
    trigger, into = trigger_of(alias, "merge"), alias.data["canonical"]
    trigger.summary = f"is another name of {into}"
    for place in state.places.values():
        publish.ended(state, place, into, trigger, changes)
    facts, told = state.stored_facts()
    return {
        "id": f"{state.account}/{state.born}",
        "clock": state.clock,
        "floor": list(state.floor) if state.floor else None,
        "gone": {type_: list(key) for type_, key in state.gone.items()},
        "facts": facts,
        "told": [list(key) for key in told],
        "folded": {name: stored_folded(folded) for name, folded in state.folded.items()},
        "signals": [stored_entry(entry) for entry in sorted(state.ledger, key=lambda entry: entry.key)],
        "joined": state.joined,
    }


def halves(remains: Remains) -> tuple[Remains, Remains] | None:
    """The same in two, each to be joined by itself, in this order; ``None`` where there is nothing to divide."""
    signals = remains["signals"]
    rest = bool(remains["facts"] or remains["folded"])
    if len(signals) + rest < 2:
        return None
    at = 0 if rest else len(signals) // 2
    nothing: Remains = {"facts": {}, "told": [], "folded": {}, "joined": ()}
    first = {**remains, "id": f"{remains['id']}/1", "signals": signals[:at]}
    return first, {**remains, **nothing, "id": f"{remains['id']}/2", "signals": signals[at:]}


def join(
    engine: Engine,
    state: AccountState | None,
    alias: Signal,
    remains: Mapping[str, Any],
    time: int,
    timeline: Timeline,
    changes: list[TierChange],
) -> AccountState:
    """Give an account (new where there is none) with record time ``time`` what is remembered of another name of it.

    The same remains again change nothing, as where a log is worked through anew.
    """
    if state is None:
        state = engine.new(alias.data["canonical"], time, timeline)
    else:
        engine.catch_up(state, time, timeline, changes)
    if remains["id"] in state.joined:
        return state
    state.clock = max(state.clock, time)
    places = list(state.places.values())
    before = [place.values(state.clock) for place in places]
    state.joined = tuple(dict.fromkeys((*state.joined, remains["id"], *remains["joined"])))
    _unite(state, remains, timeline)
    for place in places:
        place.build(state.values, state.ledger, state.folded)
    _fold_what_is_gone(engine, state)
    engine.crowd_out(state)
    for place, values in zip(places, before, strict=True):
        publish.settle(state, place, "merge", alias, values, None, changes)
    return state


def _unite(state: AccountState, remains: Mapping[str, Any], timeline: Timeline) -> None:
    """Facts, signals and remainders of both; what both have once."""
    for name, fact in read_facts(remains["facts"], remains["told"]).items():
        state.tell(name, fact.value, fact.key)
    for row in remains["signals"]:
        entry = read_entry(row, 0)
        if state.ledger.find(entry.source, entry.id) is None:
            state.ledger.add(entry)
            state.remember(entry)
    floor = read_key(remains["floor"]) if remains["floor"] else None
    state.floor = _later(state.floor, floor)
    gone: dict[str, Key] = dict(state.gone)
    for type_, row in remains["gone"].items():
        gone[type_] = _later(gone.get(type_), read_key(row)) or gone[type_]
    state.gone = gone or state.gone
    folded = dict(state.folded)
    for name, row in remains["folded"].items():
        rule, ours = timeline.profiles.fingerprints.get(name), folded.get(name)
        if rule is not None:
            folded[name] = read_folded(row) if ours is None else ours.joined(rule, read_folded(row))
    state.folded = folded or state.folded


def _later(one: Key | None, other: Key | None) -> Key | None:
    if one is None or other is None:
        return one or other
    return max(one, other)


def _fold_what_is_gone(engine: Engine, state: AccountState) -> None:
    """What one account still remembered and the other would have forgotten: ``gone`` is one for both from now on."""
    for type_ in sorted(state.gone):
        gone = state.gone[type_]
        for entry in state.ledger.before(type_, gone[0] + 1):
            if entry.key <= gone:
                engine.fold(state, entry)
