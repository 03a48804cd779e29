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

from stream.scoring import crossing, publish
from stream.scoring.entries import Entry
from stream.scoring.judge import Limits, before_floor, iso, judge, key_of
from stream.scoring.ledger import Shift
from stream.scoring.place import Place
from stream.scoring.profile import Profiles
from stream.scoring.state import AccountState
from stream.scoring.timeline import Activation, Timeline
from stream.scoring.values import (
    FACT_TYPES,
    NOT_RETRACTABLE,
    NOTHING,
    Cause,
    Effects,
    Outcome,
    Refused,
    Signal,
    TierChange,
)

__all__ = ["Activation", "Engine", "Limits", "Timeline"]


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
            state = self.new(signal.account, time, timeline)
        else:
            self.catch_up(state, time, timeline, effects.changes)
        if state.ledger.find(signal.source, signal.id) is not None:
            effects.outcome = "duplicate"  # the first in the log holds, whatever this one says
            return state, effects
        try:
            judge(self.limits, state, signal, time)
        except Refused as refused:
            effects.refused = refused
            return (None if fresh else state), effects
        state.clock = max(state.clock, time)
        effects.outcome = self._take(state, signal, timeline, effects.changes, fresh=fresh)
        if state.clock - state.folded_at >= self.limits.horizon // 32:
            self._forget(state, timeline.profiles)
        return state, effects

    @staticmethod
    def new(account: str, time: int, timeline: Timeline) -> AccountState:
        """The state of an account of which nothing is known before record time ``time``."""
        state = AccountState(account, time, timeline.epoch, timeline.profiles.rules)
        state.places = {profile.name: Place(profile) for profile in timeline.profiles}
        for place in state.places.values():
            place.build(state.values, state.ledger, state.folded)
        return state

    def catch_up(self, state: AccountState, until: int, timeline: Timeline, changes: list[TierChange]) -> None:
        """Apply outstanding profile activations, and emit what time alone did up to ``until``."""
        state.build()
        if state.epoch != timeline.epoch:
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
        profiles = timeline.profiles
        facts = signal.type in FACT_TYPES
        changed = self._tell(state, signal) if facts else []
        shift = self._remember(state, signal, profiles)
        crowd = len(state.ledger) - self.limits.remembered
        plain = not (changed or fresh or shift.removed or len(shift.added) > 1)
        if plain and (crowd <= 0 or _gives_way(state, signal, crowd, profiles)):
            counted = self._add(state, signal, shift, changes, crowded=crowd > 0)
        else:
            counted = self._turn(state, signal, shift, changed, changes, fresh=fresh, crowd=crowd)
        if facts:
            return "fact"
        if signal.type == "retracted":
            return "retraction"
        if counted:
            return "counted"
        return "kept" if shift.added else "repeat"

    def _add(
        self, state: AccountState, signal: Signal, shift: Shift, changes: list[TierChange], *, crowded: bool
    ) -> bool:
        """At most one more signal counts, and nothing else changes: most raise the score a little, and move no tier."""
        lifted: list[tuple[Place, float]] = []
        for entry in shift.added:
            for place in state.places.values():
                if entry.type in place.profile.by_type:
                    lift = place.count(entry, state.folded)
                    if lift is not None:
                        lifted.append((place, lift))
        if crowded:
            self.crowd_out(state)
        for place, lift in lifted:
            publish.lift(state, place, _cause(signal), signal, shift.added[0], lift, changes)
        return bool(lifted)

    def _turn(
        self,
        state: AccountState,
        signal: Signal,
        shift: Shift,
        changed: list[str],
        changes: list[TierChange],
        *,
        fresh: bool,
        crowd: int,
    ) -> bool:
        """Whatever else a signal may do: tell facts, take back, be the first, push others out."""
        touched = {entry.type for entry in (*shift.added, *shift.removed)}
        if crowd == 1:
            touched.add(state.ledger.oldest.type)
        counted = False
        moved: list[tuple[Place, list[float]]] = []
        for place in state.places.values():
            read = not place.profile.facts.isdisjoint(changed)
            alike = not (fresh or crowd > 1) and touched.isdisjoint(place.profile.by_type)
            if alike and not read:
                continue
            before = place.values(state.clock)
            if read and not place.weigh(state.values) and alike:
                continue
            for entry in shift.removed:
                place.discount(entry)
            for entry in shift.added:
                counted = place.count(entry, state.folded) is not None or counted
            moved.append((place, before))
        if crowd > 0:
            self.crowd_out(state)
        for place, before in moved:
            publish.settle(state, place, _cause(signal), signal, before, None, changes)
        return counted

    @staticmethod
    def _tell(state: AccountState, signal: Signal) -> list[str]:
        """Take the facts of a signal. Returns those that are not as they were."""
        key = key_of(signal)
        if signal.type == "opportunity_outcome":
            facts = {"last_outcome": signal.data["stage"], "last_outcome_at": iso(signal.time)}
        else:
            facts = flat_facts(signal.data["facts"])
        return [name for name, value in facts.items() if state.tell(name, value, key)]

    def _remember(self, state: AccountState, signal: Signal, profiles: Profiles) -> Shift:
        now = state.clock
        if signal.type in NOT_RETRACTABLE and before_floor(self.limits, state, now, key_of(signal), signal.type):
            return Shift([], [])  # a fact or an outcome: taken as a fact, too old to be counted
        if signal.type == "retracted":
            data = {name: signal.data[name] for name in ("signal_id", "signal_source", "signal_time")}
        else:
            data = signal.data if self.limits.whole else profiles.remembered(signal.type, signal.data)
        entry = Entry(signal.time, signal.source, signal.id, signal.type, data)
        shift = state.ledger.add(entry)
        state.remember(entry)
        return shift

    def crowd_out(self, state: AccountState) -> None:
        """Forget the oldest of too many, before the tier machine runs: it may count for less now (``Folded``)."""
        ledger, floor = state.ledger, state.floor
        if len(ledger) <= self.limits.remembered:
            return
        oldest = ledger.oldest
        while len(ledger) > self.limits.remembered:
            self.fold(state, oldest)
            oldest = ledger.oldest
        if floor is None or floor[0] < oldest.time or floor < oldest.key:
            state.floor = oldest.key

    def _forget(self, state: AccountState, profiles: Profiles) -> None:
        """Forget what is old enough to go on counting as before: a pass, made a few days after the last."""
        ledger = state.ledger
        state.folded_at = state.clock
        for type_ in sorted(ledger.types()):  # one order, whether or not the account was read back since
            for entry in ledger.before(type_, state.clock - self._kept(type_, profiles)):
                self.fold(state, entry)

    def _kept(self, type_: str, profiles: Profiles) -> int:
        rule = profiles.rules.get(type_)
        if rule is not None and rule.span is None:
            return 1 << 62
        return max(self.limits.horizon + (rule.span or 0 if rule else 0), profiles.horizons.get(type_, 0))

    @staticmethod
    def fold(state: AccountState, entry: Entry) -> None:
        """Forget the oldest signal of a type: what it goes on giving is kept."""
        if state.ledger.counts(entry):
            done: set[str] = set()
            state.folded = state.folded or {}
            for place in state.places.values():
                place.forget(entry, state.folded, done, state.clock)
        state.forget(entry)

    def _advance(self, state: AccountState, until: int, changes: list[TierChange]) -> None:
        """Emit, in order of time and profile, every transition up to ``until``."""
        if (soonest := state.due) is None or soonest > until:
            return
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
        state.resting = {**state.resting, **{name: place.rest() for name, place in old.items()}} or NOTHING
        folded = {name: kept for name, kept in state.folded.items() if name in profiles.fingerprints}
        state.folded = folded or NOTHING


def _cause(signal: Signal) -> Cause:
    if signal.type in FACT_TYPES:
        return "fact"
    return "retraction" if signal.type == "retracted" else "signal"


def _gives_way(state: AccountState, signal: Signal, crowd: int, profiles: Profiles) -> bool:
    """Whether what is pushed out by a signal that is new goes on counting just as before."""
    oldest = state.ledger.oldest
    age = state.clock - oldest.time
    return crowd == 1 and oldest.id != signal.id and age >= profiles.horizons.get(oldest.type, 0)


def flat_facts(facts: dict[str, object]) -> dict[str, object]:
    """Facts by member, with ``custom`` members as ``custom.name``."""
    flat: dict[str, object] = {}
    for name, value in facts.items():
        if name == "custom" and isinstance(value, dict):
            flat |= {f"custom.{key}": inner for key, inner in value.items()}
        else:
            flat[name] = value
    return flat
