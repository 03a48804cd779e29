"""When an account's score is published on ``account-scores``.

At once with a live tier change, otherwise at most every few seconds, and when time alone has moved it far enough. While
many signals wait, what is no tier change waits longer: signals come first, and most accounts that are heard of again
meanwhile are published once. What is owed is kept with the state, so no crash forgets it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import TYPE_CHECKING

from schemas.topics import ACCOUNT_SCORES
from stream.agents.table import Account, AccountTable
from stream.scoring.partition import Partition
from stream.scoring.publish import standing_until
from stream.transports.records import Append
from stream.wire import encode_scored

if TYPE_CHECKING:
    from stream.agents.faults import Faults
    from stream.agents.memory import ShardMemory
    from stream.settings import Settings

PER_FLUSH = 100
"""Scores published in one go at most, so that a flood of them does not hold up signals."""

PER_FAREWELL = 5_000
"""The same when the worker stops, and nothing is held up."""

LATER = 250
"""Milliseconds by which scores that can wait come later for each record that waits: signals come first, …"""

LATEST = 25_000
"""… and what they come later is no more than this."""

AFTER_TICK = 1_000
"""Milliseconds to wait with a drift that a transition comes before."""

KEPT = 50_000
"""So many moments of publishing are kept before those that no longer matter are looked for."""

FAULT_PAUSE = 60_000
"""Milliseconds before an account is tried again of which the core could make no score."""


class Scores:
    """The publishing of one partition's scores."""

    def __init__(
        self, number: int, table: AccountTable, partition: Partition, settings: Settings, memory: ShardMemory,
        faults: Faults,
    ) -> None:  # fmt: skip
        """``faults``: of which accounts the core could make no score; what is taken up anew is not tried the sooner."""
        self._number = number
        self._table = table
        self._partition = partition
        self._topic: str = settings.topic(ACCOUNT_SCORES)
        self._source: str = settings.source
        self._every: int = settings.scores_every
        self._drift: float = settings.scores_drift
        self._faults = faults
        self._failed = faults.next_try
        """Account → the wall-clock moment of the next try."""
        self._waiting: dict[str, int]
        """Account → the wall-clock moment from which it may be published."""
        self._turns: list[tuple[int, str]]
        """The same as a heap; an entry that is not in ``_waiting`` any more is void."""
        self._let_wait(memory.pending)
        self._now = 0
        """The wall clock, as last seen."""
        self._published: dict[str, int] = {}
        self._kept = KEPT
        self._drifts = memory.drifts
        """When the score of each account will have drifted."""
        for name, turn in self._failed.items():
            if name in table:
                self._drifts.set(name, turn)
        self._at_once: dict[str, int] = {}
        self._later = 0
        self._leaving = False

    def touch(self, account: Account, now: int, *, changed: bool) -> None:
        """An account's score may have moved; ``changed``: its tier did, live, so publish with it."""
        name = account.state.account
        account.pending = True
        if changed and name not in self._failed:
            self._at_once[name] = account.state.clock
        elif name not in self._waiting:
            last = self._published.get(name)
            # the wall clock may have jumped back since
            turn = now if last is None else min(last, now) + self._every
            self._waiting[name] = turn = self._failed.get(name, 0 if self._leaving else turn)
            heapq.heappush(self._turns, (turn, name))

    def ended(self, name: str) -> Append:
        """An account has ended: nothing of it is published any more, and readers are told so."""
        for known in (self._at_once, self._waiting, self._published, self._failed):
            known.pop(name, None)
        self._drifts.set(name, None)
        return Append(self._topic, self._number, name.encode(), None)

    def press(self, waiting: int) -> None:
        """So many records wait to be worked through."""
        self._later = min(LATEST, LATER * waiting)

    def hurry(self) -> None:
        """The worker stops: what waits for its turn may be published now."""
        if self._leaving:
            return
        self._leaving = True
        self._let_wait(self._waiting)

    def due(self, now: int) -> bool:
        """Whether something may be published."""
        return self._drifted(now) is not None or self._first_ripe(now) is not None

    def publish(self, now: int) -> list[Append]:
        """Records for every account that is due; their accounts are dirty afterwards.

        One of which none can be made, for a fault of ours, is left out, and put off.
        """
        chosen = dict(self._at_once)
        self._at_once = {}
        most = PER_FAREWELL if self._leaving else PER_FLUSH
        for name in chosen:
            self._waiting.pop(name, None)
        while len(chosen) < most and (ripe := self._first_ripe(now)) is not None:
            heapq.heappop(self._turns)
            del self._waiting[ripe]
            chosen.setdefault(ripe, 0)
        while (moment := self._drifted(now)) is not None and len(chosen) < most:
            name = self._drifts.pop()
            if self._passed(name, moment):
                self._drifts.set(name, now + AFTER_TICK)
            else:
                chosen[name] = max(chosen.get(name, 0), moment)
        records: list[Append] = []
        for name, as_of in chosen.items():
            try:
                record = self._record(name, as_of, now)
            except Exception as error:  # noqa: BLE001  whatever it is, it must not keep the others from being published
                self._faults.tell(name, error)
                self._put_off(name, now)
                continue
            self._failed.pop(name, None)
            if record is not None:
                records.append(record)
        self._forget_old(now)
        return records

    def _record(self, name: str, as_of: int, now: int) -> Append | None:
        account = self._table.account(name)
        if account is None:
            return None
        state = account.state
        due = state.due
        # A transition that has come due is its tick's to tell: until then the score is that of the last record.
        moment = state.clock if due is not None and due <= as_of else max(state.clock, as_of)
        found = [standing_until(state, place, moment, self._drift) for place in state.places.values()]
        # before anything says that it is published: it may turn out that it cannot be
        value = encode_scored(state, [one for one, _ in found], source=self._source, as_of=moment)
        account.pending = False
        account.drift = min([drift for _, drift in found if drift is not None], default=None)
        self._drifts.set(name, account.drift)
        self._table.put(state)
        self._published[name] = now
        return Append(self._topic, self._number, name.encode(), value)

    def _put_off(self, name: str, now: int) -> None:
        """No score could be made of an account: until it is tried again, neither its turn nor a drift comes."""
        self._failed[name] = self._waiting[name] = turn = now + FAULT_PAUSE
        heapq.heappush(self._turns, (turn, name))
        self._drifts.set(name, turn)

    def _let_wait(self, names: Iterable[str]) -> None:
        """These may be published now, but for those that failed lately."""
        self._waiting = {name: self._failed.get(name, 0) for name in names}
        self._turns = [(turn, name) for name, turn in self._waiting.items()]
        heapq.heapify(self._turns)

    def _drifted(self, now: int) -> int | None:
        """The first moment at which a score has drifted, if that is over; none counts while importing."""
        if self._partition.importing:
            return None
        moment = self._drifts.next
        return moment if moment is not None and moment <= self._ripe_by(now) else None

    def _ripe_by(self, now: int) -> int:
        return now if self._leaving else now - self._later

    def _passed(self, name: str, moment: int) -> bool:
        """Whether a transition comes first: that is its tick's to tell, and the score comes with it."""
        try:
            account = self._table.account(name)
        except Exception:  # it is met again, and seen to, where its record is made  # noqa: BLE001
            return False
        due = account.state.due if account is not None else None
        return due is not None and due <= moment

    def _first_ripe(self, now: int) -> str | None:
        """The account that may have been published for longest; its turn is the first of the heap."""
        if now < self._now:
            # the wall clock has jumped back: what is further ahead than a turn is ever set was set before
            latest = now + self._every
            self._waiting = {name: 0 if turn > latest else turn for name, turn in self._waiting.items()}
            self._turns = [(turn, name) for name, turn in self._waiting.items()]
            heapq.heapify(self._turns)
        self._now = now
        turns = self._turns
        while turns and self._waiting.get(turns[0][1]) != turns[0][0]:
            heapq.heappop(turns)
        return turns[0][1] if turns and turns[0][0] <= self._ripe_by(now) else None

    def _forget_old(self, now: int) -> None:
        if len(self._published) > self._kept:
            line = now - self._every
            self._published = {name: at for name, at in self._published.items() if at > line}
            self._kept = max(KEPT, 2 * len(self._published))
