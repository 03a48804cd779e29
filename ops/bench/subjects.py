"""Accounts to measure on: one that was told so much, made anew from its stored form as often as wanted.

A step changes its account, so each round of a measurement needs a fresh one. To tell an account 10,000 signals takes
a quarter of a second; to read it back takes a few milliseconds, and is what a worker does after a start.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import orjson

from ops.bench.typical import FACTS, PROFILE
from schemas.envelope import TYPE_PREFIX
from schemas.times import format_time
from stream.agents.writing import Writing
from stream.scoring.agenda import Agenda
from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.place import Place
from stream.scoring.profile import compile_profile
from stream.scoring.state import AccountState
from stream.scoring.values import Signal
from stream.wire import Incoming, decode

ACCOUNT = "acme.com"
START_MS = 1_767_225_600_000
APART_MS = 10 * 60_000
"""From one signal to the next."""
BATCH = 200
"""Signals that come next: each is another, and they are told to an account once."""

Telling = tuple[str, dict[str, Any]]

KINDS: dict[str, Callable[[int], Telling]] = {
    "read": lambda _: (
        "content_consumption",
        {"topic": "crm", "kind": "page_view", "url": "https://example.com/blog/crm-migration"},
    ),
    "fact": lambda number: ("account_update", {"facts": {"employees": 1_000 + number % 7}}),
    "swing": lambda number: ("account_update", {"facts": {"employees": 1_200 if number % 2 else 3}}),
    "unread": lambda _: ("website_change", {"kind": "redesign"}),
}
"""What the next signals tell: a page that was read; a fact that changes but moves no tier; a fact that moves the
account out of its tier, or back, every time; something that no profile reads."""


class Case(NamedTuple):
    """What the account is, and what it is told next."""

    past: int
    """Signals that it was told before, after its facts."""
    kind: str
    """Of ``KINDS``: the signals that come next."""
    again: bool = False
    """Whether it has had those already."""


class Subject(NamedTuple):
    """An account that may be changed."""

    partition: Partition
    state: AccountState
    writing: Writing
    """It has written the account as it was."""

    @property
    def place(self) -> Place:
        """Where it stands in the one profile."""
        return self.state.places[PROFILE["profile"]]


class Prepared:
    """A case as bytes: the account as it is stored, and the signals that come next, as they come and decoded."""

    def __init__(self, case: Case) -> None:
        self._count = 0
        partition = Partition(Engine(), Memory())
        partition.activate(compile_profile(PROFILE), START_MS)
        self._timeline = partition.timeline
        told = [self._event("account_update", {"facts": FACTS})]
        told += [self._event(*KINDS["read"](number)) for number in range(case.past)]
        self.events = [self._event(*KINDS[case.kind](number)) for number in range(BATCH)]
        """The bytes of the signals that come next."""
        self.signals = [(signal, signal.time) for signal in map(_decoded, self.events)]
        """The same with their record times, ready for ``Partition.signal``."""
        for signal in map(_decoded, [*told, *self.events] if case.again else told):
            partition.signal(signal, signal.time)
        state = partition.accounts.get(ACCOUNT)
        assert state is not None
        header, chunks = state.to_stored()
        self.header = orjson.dumps(header)
        """The stored form of the account, and …"""
        self.chunks = {number: orjson.dumps(rows) for number, rows in chunks.items() if rows is not None}
        """… its sealed signals."""

    def fresh(self) -> Subject:
        """The account, read back from its stored form."""
        partition = Partition(Engine(), Memory(), self._timeline)
        chunks = {number: orjson.loads(rows) for number, rows in self.chunks.items()}
        state = AccountState.from_stored(orjson.loads(self.header), chunks, self._timeline.profiles)
        state.build()
        partition.accounts.put(state)
        dues = Agenda(partition.accounts.names())
        dues.set(ACCOUNT, state.due)
        partition.restore(dues, [])
        writing = Writing()
        writing.write(state, {})
        return Subject(partition, state, writing)

    def _event(self, type_: str, data: dict[str, Any]) -> bytes:
        self._count += 1
        event = {
            "specversion": "1.0", "id": f"s-{self._count:06d}", "source": "crm", "type": TYPE_PREFIX + type_,
            "subject": ACCOUNT, "time": format_time(START_MS + self._count * APART_MS), "data": data,
        }  # fmt: skip
        return orjson.dumps(event)


@cache
def prepared(case: Case) -> Prepared:
    """The case, made when first asked for: a process measures one, and needs no other."""
    return Prepared(case)


def _decoded(event: bytes) -> Signal:
    incoming = decode(event)
    assert isinstance(incoming, Incoming), incoming
    return incoming.signal
