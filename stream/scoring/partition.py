"""One partition of the canonical log, applied record by record: accounts, profile activations, ticks, imports.

Everything that orders history is a record in the partition, so the same log gives the same history. A record time
smaller than its predecessor counts as its predecessor; an import has an order of its own, which may lie in the past.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Protocol

from stream.scoring import merger
from stream.scoring.agenda import Agenda
from stream.scoring.engine import Activation, Engine, Timeline
from stream.scoring.merger import Remains
from stream.scoring.names import Names
from stream.scoring.profile import Profile
from stream.scoring.state import AccountState
from stream.scoring.values import Effects, Signal, TierChange

PUT_OFF = 60_000
"""Milliseconds of record time after which an account is tried again that could not be caught up."""


class Accounts(Protocol):
    """Where the states of a partition's accounts are kept."""

    def get(self, account: str) -> AccountState | None:
        """The state of an account, or ``None`` where nothing is known of it."""

    def put(self, state: AccountState) -> None:
        """The state was changed (in place) and is to be stored."""

    def drop(self, account: str) -> None:
        """The account has ended: nothing is known of it any more."""

    def failed(self, account: str, error: Exception) -> None:
        """The account could not be read, or caught up, and is put off. When next asked for it is as it was stored.

        Raises the error where the others cannot go on either.
        """

    def names(self) -> Names:
        """Every account. One object for good, that has a new one as soon as it was ``put``; some may have ended."""


class Memory:
    """Account states in a dict, for replays and tests."""

    def __init__(self) -> None:
        self.states: dict[str, AccountState] = {}
        self._names = Names()

    def get(self, account: str) -> AccountState | None:
        """The state of an account."""
        return self.states.get(account)

    def put(self, state: AccountState) -> None:
        """Keep a state."""
        self.states[state.account] = state
        self._names.add(state.account)

    def drop(self, account: str) -> None:
        """Forget a state."""
        del self.states[account]

    def failed(self, account: str, error: Exception) -> None:  # noqa: ARG002
        """Nothing is left out of a history."""
        raise error

    def names(self) -> Names:
        """Every account."""
        return self._names


class Partition:
    """Applies the records of one partition in order. Pure: effects are returned, time comes with the records."""

    def __init__(self, engine: Engine, accounts: Accounts, timeline: Timeline | None = None) -> None:
        self.engine = engine
        self.accounts = accounts
        self.timeline = timeline or Timeline()
        self.clock = 0
        """The greatest record time seen."""
        self.importing = False
        """Whether history is being brought in: no ticks, and changes say so."""
        self.outside = 0
        """While importing: the greatest record time before the import."""
        self._dues = Agenda(accounts.names())
        self._behind = array("I")
        """Numbers of accounts that wait to be rescored, the first by name last."""
        self._off: set[str] = set()
        """Accounts that could not be caught up. Each is due again, and with that tried again."""
        self._left_out: Collection[str] = ()

    def signal(self, signal: Signal, time: int) -> Effects:
        """A signal with its record time."""
        time = self._at(time)
        state, effects = self.engine.apply(self.accounts.get(signal.account), signal, time, self.timeline)
        if state is not None:
            self._keep(state)
        return effects

    def end(self, alias: Signal, time: int) -> tuple[Remains, list[TierChange]]:
        """The account ``alias.account``, which must be known, is another name of one by now.

        Gives what was remembered of it, for ``join``, and its last changes.
        """
        time = self.clock if self.importing else self._at(time)
        name, changes = alias.account, list[TierChange]()
        state = self.accounts.get(name)
        if state is None:
            raise LookupError(f"nothing is known of {name}")
        remains = merger.end(self.engine, state, alias, time, self.timeline, changes)
        self.accounts.drop(name)
        self._dues.set(name, None)
        if self._off:
            self._not_off(name)
        return remains, changes

    def join(self, alias: Signal, remains: Mapping[str, Any], time: int) -> list[TierChange]:
        """What was remembered of another name of an account is the account's from now on."""
        # amid an import the partition's clock may lie well before what is remembered, and must not jump there
        time = max(self.clock, remains["clock"]) if self.importing else self._at(time)
        changes: list[TierChange] = []
        state = self.accounts.get(alias.data["canonical"])
        self._keep(merger.join(self.engine, state, alias, remains, time, self.timeline, changes))
        return changes

    def tick(self, time: int) -> list[TierChange]:
        """Emit what is due by ``time``, account by account in order of moment. Nothing while importing."""
        return [] if self.importing else self._pass(self._at(time))

    def activate(self, profile: Profile, time: int) -> None:
        """A profile version holds from here on. Accounts are rescored by ``rescore``, or when next touched."""
        self._turn(Activation(self._at(time), self.timeline.profiles.with_(profile)))

    def retire(self, name: str, time: int) -> None:
        """A profile is no longer in force."""
        self._turn(Activation(self._at(time), self.timeline.profiles.without(name)))

    def open_import(self, time: int) -> list[TierChange]:
        """History is brought in from here on. First everything due is emitted."""
        if self.importing:
            return []
        changes = [*self.rescore(), *self._pass(self._at(time))]
        self.importing, self.outside, self.clock = True, self.clock, 0
        return changes

    def close_import(self, time: int) -> list[TierChange]:
        """The import is over; what came due up to now still belongs to it. Its changes are the caller's to mark."""
        if not self.importing:
            return []
        self.clock = max(self.clock, self.outside)
        changes = [*self.rescore(), *self._pass(self._at(time))]
        self.importing = False
        return changes

    def rescore(self, budget: int | None = None) -> list[TierChange]:
        """Take up to ``budget`` accounts through outstanding activations; the changes are those of the activation."""
        changes: list[TierChange] = []
        while self._behind and (budget is None or budget > 0):
            name = self.accounts.names()[self._behind.pop()]
            if self._catch_up(name, None, changes) and budget is not None:
                budget -= 1
        self._trim()
        return changes

    @property
    def behind(self) -> int:
        """Accounts that wait to be rescored (an upper bound)."""
        return len(self._behind)

    @property
    def put_off(self) -> int:
        """Accounts that could not be caught up, and are tried again."""
        return len(self._off)

    @property
    def next_due(self) -> int | None:
        """No transition in this partition comes before this moment."""
        return self._dues.next

    def advance(self, until: int) -> list[TierChange]:
        """Emit everything due up to ``until``, also while importing (the end of a replay)."""
        return [*self.rescore(), *self._pass(self._at(until))]

    def restore(self, dues: Agenda, behind: Iterable[str], left_out: Collection[str] = ()) -> None:
        """After recovery: take in when every stored account is due, and those that wait to be rescored.

        ``left_out``: for as long as they are in it, accounts that are put off untried.
        """
        self._left_out = left_out
        self._dues = dues
        self._wait(behind)

    def _pass(self, time: int) -> list[TierChange]:
        changes: list[TierChange] = []
        while (due := self.next_due) is not None and due <= time:
            self._catch_up(self._dues.pop(), time, changes)
        changes.sort(key=lambda change: (change.effective_at, change.account))
        return changes

    def _catch_up(self, name: str, until: int | None, changes: list[TierChange]) -> bool:
        """Take one account through the activations that it has not been through, and up to a moment if there is one.

        Whether there was something to do. One at which the core raises is put off: the others do not wait for it.
        """
        if name in self._left_out:
            self._put_off(name)
            return True
        found: list[TierChange] = []
        try:
            state = self.accounts.get(name)
            if state is None or (until is None and state.epoch >= self.timeline.epoch):
                return False
            if until is not None:
                state.scheduled = None  # its turn was this one
            self.engine.catch_up(state, state.clock if until is None else until, self.timeline, found)
        except Exception as error:  # noqa: BLE001  whatever it is, `failed` decides
            self.accounts.failed(name, error)
            self._put_off(name)
            return True
        self._keep(state)
        changes += found
        return True

    def _put_off(self, name: str) -> None:
        self._dues.set(name, self.clock + PUT_OFF)
        self._off.add(name)

    def _trim(self) -> None:
        """Forget activations that every account has been through."""
        if not self._behind and not self._off:
            self.timeline.trim(self.timeline.epoch)

    def _turn(self, activation: Activation) -> None:
        self.timeline.add(activation)
        self._wait(self.accounts.names())

    def _wait(self, accounts: Iterable[str]) -> None:
        names = self.accounts.names()
        self._behind = array("I", map(names.add, sorted(accounts, reverse=True)))

    def _keep(self, state: AccountState) -> None:
        self.accounts.put(state)
        due = state.due
        if due != state.scheduled or self._off:  # with most signals it stays; one put off has another in the agenda
            self._dues.set(state.account, due)
            state.scheduled = due
        if self._off:
            self._not_off(state.account)

    def _not_off(self, name: str) -> None:
        self._off.discard(name)
        self._trim()

    def _at(self, time: int) -> int:
        self.clock = max(self.clock, time)
        return self.clock
