"""Hypothesis strategies for whole histories: records in log order, with everything that goes wrong in real ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from .pools import FACTS, STAGES
from .reference import Item, PlainSignal, iso
from .strategies import ACCOUNTS, SCORED_TYPES, Doc, data_of, profiles, signals

START_MS = 1_767_225_600_000
"""The beginning of 2026."""

HOUR_MS = 3_600_000
MINUTE_MS = 60_000

STEPS = (0, 0, 1, 1, 3, 12, 24, 24, 48, 72, 120, 240, 720)
"""How far record time moves on from one record to the next, in grid steps (hours)."""

LAGS = (*[0] * 10, 1, 1, 24, 24, 48, 48, 120, 120, 300, 960, 5000)
"""How long before its record something happened, in grid steps; the last is beyond the horizon."""

AHEAD_MS = (1, 5 * MINUTE_MS, 10 * MINUTE_MS, 10 * MINUTE_MS + 1)
"""How far a future-dated signal is ahead of its record; the last is too far."""


@dataclass
class _Log:
    """A history being drawn."""

    accounts: Sequence[str]
    docs: dict[str, list[Doc]]
    step_ms: int
    now: int
    left_ms: int
    items: list[Item]
    versions: dict[str, int]
    kinds: set[str]
    """The types that the profiles look at."""

    def add(self, signal: PlainSignal) -> None:
        """Record a signal now."""
        self.items.append(Item("signal", self.now, signal.account, signal))

    def fresh(self, letter: str) -> str:
        """An id that was not used yet, unless a strategy of small pools hits upon it."""
        return f"{letter}{len(self.items)}"

    def told(self) -> list[PlainSignal]:
        """The signals recorded so far."""
        return [item.signal for item in self.items if isinstance(item.signal, PlainSignal)]

    def activate(self, doc: Doc) -> None:
        """Put the next version of a profile in force."""
        name = doc["profile"]
        self.versions[name] = self.versions.get(name, 0) + 1
        versioned = {**doc, "version": self.versions[name]}
        self.items.append(Item("profile_activated", self.now, profile_doc=versioned))


@st.composite
def histories(
    draw: st.DrawFn,
    *,
    unit: str = "d",
    step_ms: int = HOUR_MS,
    accounts: Sequence[str] = ACCOUNTS,
    max_records: int = 20,
    max_span_days: int = 150,
    controls: bool = True,
    backsteps: bool = True,
) -> list[Item]:
    """One or two profiles and up to `max_records` records after their activation.

    Record times stay within `max_span_days`, so that by default nothing falls out of the horizon of 180 days while
    profiles change. `controls`: activations in the middle, retirements and import marks, too. `backsteps`: a record
    time may be a minute before its predecessor's.
    """
    docs = {
        name: [draw(profiles(name, unit)) for _ in range(draw(st.integers(1, 2)))]
        for name in ("p", "q")[: draw(st.integers(1, 2))]
    }
    kinds = {kind for versions in docs.values() for doc in versions for kind in _kinds_of(doc)}
    log = _Log(accounts, docs, step_ms, START_MS, max_span_days * 24 * step_ms, [], {}, kinds)
    for name, versions in docs.items():
        if name == "p" or not controls or draw(st.integers(0, 3)) < 3:
            log.activate(versions[0])
    for _ in range(draw(st.integers(min(6, max_records), max_records))):
        _advance(draw, log, backsteps=backsteps)
        kind = draw(st.sampled_from(KINDS if controls else KINDS[:-3]))
        RECORDS[kind](draw, log)
    return log.items


def _kinds_of(doc: Doc) -> set[str]:
    rules = [rule for group in doc["groups"] for rule in group["criteria"]]
    rules += [*doc.get("exclude", []), *doc.get("require", [])]
    return {rule["signal"] for rule in rules if "signal" in rule}


def _advance(draw: st.DrawFn, log: _Log, *, backsteps: bool) -> None:
    by = draw(st.sampled_from(STEPS)) * log.step_ms
    odd = draw(st.sampled_from((0, 0, 0, 0, 1, -1)))
    if by <= log.left_ms:
        log.now += by
        log.left_ms -= by
    if odd > 0:
        log.now += 1
    elif odd < 0 and backsteps and log.step_ms >= MINUTE_MS:
        log.now -= MINUTE_MS


def _time(draw: st.DrawFn, log: _Log) -> int:
    if draw(st.integers(0, 9)) == 9:
        return log.now + draw(st.sampled_from(AHEAD_MS if log.step_ms > 1 else (1, 5, 20)))
    return log.now - draw(st.sampled_from(LAGS)) * log.step_ms


def _signal(draw: st.DrawFn, log: _Log) -> None:
    kinds = [*SCORED_TYPES, *sorted(log.kinds) * len(SCORED_TYPES)]
    one = draw(signals(log.accounts, st.just(_time(draw, log)), kinds))
    log.add(one if draw(st.integers(0, 9)) == 9 else replace(one, id=log.fresh("s")))


def _again(draw: st.DrawFn, log: _Log) -> None:
    """A second delivery (sometimes with other content), or the same event from another source."""
    earlier = log.told()
    if not earlier:
        return
    one = draw(st.sampled_from(earlier))
    how = draw(st.sampled_from(("same", "content", "time", "source")))
    if how == "content" and one.type not in ("account_update", "retracted", "opportunity_outcome"):
        one = replace(one, data=draw(data_of(one.type)))
    elif how == "time":
        one = replace(one, time=log.now - draw(st.sampled_from((0, 1, 24))) * log.step_ms)
    elif how == "source":
        later = one.time + draw(st.sampled_from((-24, 0, 24, 45 * 24, 46 * 24))) * log.step_ms
        one = replace(one, source="z", time=min(later, log.now))
    log.add(one)


def _retraction(draw: st.DrawFn, log: _Log) -> None:
    """Take back something told, or something not told yet (and perhaps never)."""
    earlier = log.told()
    coming = signals(log.accounts, st.just(log.now), SCORED_TYPES)
    known = bool(draw(st.integers(0, 3))) and bool(earlier)
    target = draw(st.sampled_from(earlier) if known else coming)
    data = {"signal_source": target.source, "signal_id": target.id, "signal_time": iso(target.time)}
    log.add(PlainSignal(target.account, "x", log.fresh("r"), "retracted", _time(draw, log), data))


def _update(draw: st.DrawFn, log: _Log) -> None:
    members = draw(st.lists(st.sampled_from(sorted(FACTS)), min_size=1, max_size=3, unique=True))
    facts: dict[str, Any] = {member: draw(st.sampled_from(FACTS[member])) for member in members}
    if "custom.plan" in facts and draw(st.booleans()):
        facts["custom"] = {"plan": facts.pop("custom.plan")}
    account = draw(st.sampled_from(log.accounts))
    log.add(PlainSignal(account, "crm", log.fresh("f"), "account_update", _time(draw, log), {"facts": facts}))


def _outcome(draw: st.DrawFn, log: _Log) -> None:
    data = {"stage": draw(st.sampled_from(STAGES))}
    account = draw(st.sampled_from(log.accounts))
    log.add(PlainSignal(account, "crm", log.fresh("o"), "opportunity_outcome", _time(draw, log), data))


def _tick(_draw: st.DrawFn, log: _Log) -> None:
    log.items.append(Item("tick", log.now))


def _activation(draw: st.DrawFn, log: _Log) -> None:
    versions = log.docs[draw(st.sampled_from(sorted(log.docs)))]
    log.activate(draw(st.sampled_from(versions)))


def _retirement(draw: st.DrawFn, log: _Log) -> None:
    log.items.append(Item("profile_retired", log.now, profile_doc={"profile": draw(st.sampled_from(sorted(log.docs)))}))


def _mark(_draw: st.DrawFn, log: _Log) -> None:
    marks = [item.kind for item in log.items if item.kind.startswith("import_")]
    opened = bool(marks) and marks[-1] == "import_opened"
    log.items.append(Item("import_closed" if opened else "import_opened", log.now))


RECORDS = {
    "signal": _signal,
    "again": _again,
    "retraction": _retraction,
    "update": _update,
    "outcome": _outcome,
    "tick": _tick,
    "activation": _activation,
    "retirement": _retirement,
    "mark": _mark,
}

KINDS = (
    *["signal"] * 8,
    "again",
    "again",
    "retraction",
    "update",
    "update",
    "outcome",
    "tick",
    "tick",
    *tuple(RECORDS)[-3:],
)
