"""The table of contents of the core: one record on one account, in order.

For every record, whatever its kind (SPEC section 6):

1. the profile activations that the account has not been through are applied, each at its own record time;
2. every transition that time alone brought about up to the record's time is emitted, at its exact moment;
3. the clock moves to the record's time;
4. the signal is judged (future, repeat, too late), remembered, and counted;
5. the tier machine runs in each profile that the signal touches.

The clock of an account is the greatest record time applied to it: the same log gives the same history.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from dataclasses import dataclass
from operator import attrgetter

from stream.scoring import crossing, publish
from stream.scoring.judge import Limits, before_floor, iso, judge, key_of
from stream.scoring.ledger import Entry, Shift
from stream.scoring.place import Place
from stream.scoring.profile import Profiles
from stream.scoring.state import AccountState
from stream.scoring.values import FACT_TYPES, Cause, Effects, Outcome, Refused, Signal, TierChange

__all__ = ["Activation", "Engine", "Limits", "Timeline"]

_by_key = attrgetter("key")


@dataclass(frozen=True, slots=True)
class Activation:
    """Profiles in force from this record time on."""

    time: int
    profiles: Profiles


class Timeline:
    """The profile activations of a partition, by number; the account's ``epoch`` counts those it has been through."""

    __slots__ = ("_base", "activations", "first")

    def __init__(self, first: int = 0, base: Profiles | None = None) -> None:
        self.first = first
        """The number of the oldest activation still needed."""
        self._base = base or Profiles()
        self.activations: list[Activation] = []

    @property
    def epoch(self) -> int:
        """The number after the newest activation."""
        return self.first + len(self.activations)

    @property
    def profiles(self) -> Profiles:
        """What is in force now."""
        return self.at(self.epoch)

    def at(self, epoch: int) -> Profiles:
        """What is in force for an account of this epoch."""
        return self.activations[epoch - self.first - 1].profiles if epoch > self.first else self._base

    def after(self, epoch: int) -> list[Activation]:
        """The activations that an account of this epoch has not been through."""
        return self.activations[epoch - self.first :]

    def add(self, activation: Activation) -> None:
        """A profile version was activated or retired."""
        self.activations.append(activation)

    def trim(self, epoch: int) -> None:
        """Every account has been through ``epoch``: what lies before is needed no more."""
        self._base = self.at(epoch)
        del self.activations[: epoch - self.first]
        self.first = epoch


class Engine:
    """Applies records to account states. Stateless itself."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def apply(
        self, state: AccountState | None, signal: Signal, time: int, timeline: Timeline
    ) -> tuple[AccountState | None, Effects]:
        """Apply one signal with record time ``time``. Returns the state (new for an unknown account) and the effects.

        A refused or repeated signal is not applied: it does not move the clock, and makes no account.
        """
        effects = Effects()
        fresh = state is None
        if state is None:
            state = AccountState(signal.account, time, timeline.epoch, timeline.profiles.rules)
            state.places = {profile.name: Place(profile) for profile in timeline.profiles}
            for place in state.places.values():
                place.build(state.values, state.ledger, state.folded)
        else:
            self.catch_up(state, time, timeline, effects.changes)
        if (signal.source, signal.id) in state.ledger.by_identity:
            effects.outcome = "duplicate"  # the first in the log holds, whatever this one says
            return state, effects
        try:
            judge(self.limits, state, signal, time)
        except Refused as refused:
            effects.refused = refused
            return (None if fresh else state), effects
        state.clock = max(state.clock, time)
        effects.outcome = self._take(state, signal, timeline, effects.changes, fresh=fresh)
        self._forget(state, timeline.profiles)
        return state, effects

    def catch_up(self, state: AccountState, until: int, timeline: Timeline, changes: list[TierChange]) -> None:
        """Apply outstanding profile activations, and emit what time alone did up to ``until``."""
        state.build()
        for activation in timeline.after(state.epoch):
            self._advance(state, activation.time, changes)
            state.clock = max(state.clock, activation.time)
            state.epoch += 1
            self._activate(state, activation.profiles, changes)
        self._advance(state, until, changes)

    def _take(
        self, state: AccountState, signal: Signal, timeline: Timeline, changes: list[TierChange], *, fresh: bool
    ) -> Outcome:
        """Remember a signal that is new, and run the tier machines that it touches."""
        now, profiles = state.clock, timeline.profiles
        cause: Cause = "signal"
        told = False
        if signal.type in FACT_TYPES:
            cause = "fact"
            told = self._tell(state, signal)
        elif signal.type == "retracted":
            cause = "retraction"
        shift = self._remember(state, signal, profiles)
        touched = {entry.type for entry in (*shift.added, *shift.removed)}
        crowded = len(state.ledger) > self.limits.remembered
        counted = False
        moved: list[tuple[Place, list[float], float]] = []
        for place in state.places.values():
            if not (told or fresh or crowded or any(type_ in place.profile.by_type for type_ in touched)):
                continue
            before = place.values(now)
            score_before = 0.0 if place.tier is None else place.profile.total(before)[0]
            if told:
                place.weigh(state.values)
            for entry in shift.removed:
                place.discount(entry)
            for entry in shift.added:
                counted = place.count(entry, state.folded) or counted
            moved.append((place, before, score_before))
        if crowded:
            self._crowd_out(state)
        for place, before, score_before in moved:
            publish.settle(state, place, cause, signal, before, score_before, changes)
        if signal.type in FACT_TYPES:
            return "fact"
        if signal.type == "retracted":
            return "retraction"
        if counted:
            return "counted"
        return "kept" if shift.added else "repeat"

    @staticmethod
    def _tell(state: AccountState, signal: Signal) -> bool:
        key = key_of(signal)
        if signal.type == "opportunity_outcome":
            facts = {"last_outcome": signal.data["stage"], "last_outcome_at": iso(signal.time)}
        else:
            facts = flat_facts(signal.data["facts"])
        return True in [state.tell(name, value, key) for name, value in facts.items()]

    def _remember(self, state: AccountState, signal: Signal, profiles: Profiles) -> Shift:
        now = state.clock
        if before_floor(self.limits, state, now, key_of(signal), signal.type):
            return Shift([], [])  # a fact or an outcome: taken as a fact, too old to be counted
        if signal.type == "retracted":
            data = {name: signal.data[name] for name in ("signal_id", "signal_source", "signal_time")}
        else:
            data = signal.data if self.limits.whole else profiles.remembered(signal.type, signal.data)
        entry = Entry(signal.time, signal.source, signal.id, signal.type, data)
        shift = state.ledger.add(entry)
        state.remember(entry)
        return shift

    def _crowd_out(self, state: AccountState) -> None:
        """Forget the oldest of too many, before the tier machine runs: it may count for less now (``Folded``)."""
        ledger = state.ledger
        while len(ledger) > self.limits.remembered:
            first = (entry for entries in ledger.by_type.values() for entry in entries[:2])
            oldest, rest = heapq.nsmallest(2, first, key=_by_key)
            self._fold(state, oldest)
            state.floor = rest.key if state.floor is None else max(rest.key, state.floor)

    def _forget(self, state: AccountState, profiles: Profiles) -> None:
        """Forget what is old enough to go on counting as before, in passes a few days apart."""
        ledger = state.ledger
        if state.clock - state.folded_at < self.limits.horizon // 32:
            return
        state.folded_at = state.clock
        for type_, entries in list(ledger.by_type.items()):
            before = state.clock - self._kept(type_, profiles)
            for entry in entries[: bisect_left(entries, before, key=attrgetter("time"))]:
                self._fold(state, entry)

    def _kept(self, type_: str, profiles: Profiles) -> int:
        rule = profiles.rules.get(type_)
        if rule is not None and rule.span is None:
            return 1 << 62
        return max(self.limits.horizon + (rule.span or 0 if rule else 0), profiles.horizons.get(type_, 0))

    @staticmethod
    def _fold(state: AccountState, entry: Entry) -> None:
        if state.ledger.counts(entry):
            done: set[str] = set()
            for place in state.places.values():
                place.forget(entry, state.folded, done, state.clock)
        state.forget(entry)

    def _advance(self, state: AccountState, until: int, changes: list[TierChange]) -> None:
        """Emit, in order of time and profile, every transition up to ``until``."""
        while True:
            due: Place | None = None
            for place in state.places.values():
                while place.due is not None and place.due <= until and not place.exact:
                    place.due, place.exact = crossing.next_transition(place, max(state.clock, place.due - 1))
                if place.due is not None and place.due <= until and (due is None or place.due < (due.due or 0)):
                    due = place
            if due is None or due.due is None:
                return
            state.clock = max(state.clock, due.due)
            publish.passed(state, due, due.due, changes)

    @staticmethod
    def _activate(state: AccountState, profiles: Profiles, changes: list[TierChange]) -> None:
        """Rescore an account under the profiles now in force, as if it had been done at the activation."""
        now = state.clock
        old, state.places = state.places, {}
        for profile in profiles:
            place = old.pop(profile.name, None)
            if place is not None and place.profile is profile:
                state.places[profile.name] = place
                continue
            fresh = Place(profile)
            before, score_before = [0.0] * len(profile.criteria), 0.0
            if place is None and profile.name in state.resting:
                fresh.resume(state.resting.pop(profile.name))
                before = [fresh.points.get(line.id, 0.0) for line in profile.criteria]
                score_before = fresh.score
            elif place is not None:
                fresh.resume(place.rest())
                was = dict(zip((line.id for line in place.profile.criteria), place.values(now), strict=True))
                before = [was.get(line.id, 0.0) for line in profile.criteria]
                score_before = place.profile.total(place.values(now))[0]
            fresh.build(state.values, state.ledger, state.folded)
            state.places[profile.name] = fresh
            publish.settle(state, fresh, "profile", None, before, score_before, changes)
        state.resting |= {name: place.rest() for name, place in old.items()}
        state.folded = {name: kept for name, kept in state.folded.items() if name in profiles.fingerprints}


def flat_facts(facts: dict[str, object]) -> dict[str, object]:
    """Facts by member, with ``custom`` members as ``custom.name``."""
    flat: dict[str, object] = {}
    for name, value in facts.items():
        if name == "custom" and isinstance(value, dict):
            flat |= {f"custom.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat
