"""An account turns out to be another name of one: it ends, and what is remembered of it joins the other (SPEC 3.3).

What is remembered travels as one value, ``Remains``, through the log: the two accounts may live in two partitions.
Joining is a union of what both remember, so the score is that of one account that was told all of it, but for what is
forgotten: a signal that both were told, and one of them forgot, goes on counting for both.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stream.scoring import publish
from stream.scoring.engine import Engine
from stream.scoring.entries import Key
from stream.scoring.explain import trigger_of
from stream.scoring.state import AccountState
from stream.scoring.stored import read_entry, read_facts, read_folded, read_key, stored_entry, stored_folded
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
    """The same in two, to be joined one after the other; ``None`` where there is nothing to divide."""
    facts, folded, signals = (remains[name] for name in ("facts", "folded", "signals"))
    if len(facts) + len(folded) + len(signals) < 2:
        return None
    first: Remains = {**remains, "id": f"{remains['id']}/1", "more": True}
    second: Remains = {**remains, "id": f"{remains['id']}/2"}
    if signals and (facts or folded):
        first["signals"], second["facts"], second["folded"] = [], {}, {}
    elif signals:
        first["signals"], second["signals"] = signals[: len(signals) // 2], signals[len(signals) // 2 :]
    elif facts and folded:
        first["folded"], second["facts"] = {}, {}
    else:
        which = "facts" if facts else "folded"
        rows = sorted(remains[which].items())
        first[which], second[which] = dict(rows[: len(rows) // 2]), dict(rows[len(rows) // 2 :])
    return first, second


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
    if has_joined(state.joined, remains["id"]):
        return state
    state.clock = max(state.clock, time)
    before = {name: place.values(state.clock) for name, place in state.places.items()}
    state.joined = tuple(dict.fromkeys((*state.joined, remains["id"], *remains["joined"])))
    _unite(engine, state, _revived(engine, remains, timeline), timeline)
    for place in state.places.values():
        place.build(state.values, state.ledger, state.folded)
    engine.crowd_out(state)
    if not remains.get("more"):  # of parts the last one tells: what they come to in between was never so
        for name, place in state.places.items():
            publish.settle(state, place, "merge", alias, before[name], None, changes)
    return state


def has_joined(joined: Iterable[str], id_: str) -> bool:
    """Whether remains are among those that were given already, in whatever parts."""
    return any(known == id_ or known.startswith(f"{id_}/") or id_.startswith(f"{known}/") for known in joined)


def _revived(engine: Engine, remains: Mapping[str, Any], timeline: Timeline) -> AccountState:
    """The other account, or a part of it, under the profiles in force here."""
    state = engine.new("", remains["clock"], timeline)
    state.facts = read_facts(remains["facts"], remains["told"])
    for row in remains["signals"]:
        entry = read_entry(row, 0)
        state.ledger.add(entry)
        state.remember(entry)
    state.floor = read_key(remains["floor"]) if remains["floor"] else None
    state.gone = {type_: read_key(row) for type_, row in remains["gone"].items()}
    rules = timeline.profiles.fingerprints
    state.folded = {name: read_folded(row) for name, row in remains["folded"].items() if name in rules}
    for place in state.places.values():
        place.build(state.values, state.ledger, state.folded)
    return state


def _unite(engine: Engine, state: AccountState, other: AccountState, timeline: Timeline) -> None:
    """Facts, signals and remainders of both; what both have once."""
    for name, fact in other.facts.items():
        state.tell(name, fact.value, fact.key)
    gone: dict[str, Key] = dict(state.gone)
    for type_, key in other.gone.items():
        gone[type_] = max(gone.get(type_, key), key)
    for side in (state, other):  # each by itself: a limit's window that one has forgotten was never the other's
        _forget(engine, side, gone)
    state.gone = gone or state.gone
    if other.floor is not None and (state.floor is None or state.floor < other.floor):
        state.floor = other.floor
    folded = dict(state.folded)
    for name, theirs in other.folded.items():
        ours = folded.get(name)
        folded[name] = theirs if ours is None else ours.joined(timeline.profiles.fingerprints[name], theirs)
    state.folded = folded or state.folded
    for entry in sorted(other.ledger, key=lambda entry: entry.key):
        known = state.ledger.find(entry.source, entry.id)
        if known is None:
            entry.chunk, entry.repeat_of = 0, None
            state.ledger.add(entry)
            state.remember(entry)
        elif entry.orphan and not known.orphan:
            state.orphan(known)
    state.seal()


def _forget(engine: Engine, state: AccountState, gone: Mapping[str, Key]) -> None:
    """What one account still remembers and the other has forgotten the time of: from now on both have."""
    for type_ in sorted(gone):
        for entry in state.ledger.before(type_, gone[type_][0] + 1):
            if entry.key <= gone[type_]:
                engine.fold(state, entry)
