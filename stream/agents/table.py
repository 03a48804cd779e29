"""The account table: stored bytes on one side, live states on the other. Only the scoring agent writes it.

One record an account holds the header of its state; sealed chunks of older signals have records of their own, under
``account NUL number``. What belongs to a partition as a whole is under keys that begin with NUL.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import orjson

from stream.agents.writing import Writing
from stream.scoring.engine import Timeline
from stream.scoring.names import Names
from stream.scoring.state import AccountState, Tiers

if TYPE_CHECKING:
    from stream.agents.faults import Faults
    from stream.transports.rows import Rows

NUL = b"\x00"


class Account:
    """A live state with what the shell keeps beside it."""

    __slots__ = ("drift", "pending", "state", "tiers", "writing")

    def __init__(self, state: AccountState, extra: dict[str, Any] | None = None) -> None:
        self.state = state
        self.writing = Writing()
        extra = extra or {}
        self.pending: bool = extra.get("pending", False)
        """Whether its published score is behind."""
        self.drift: int | None = extra.get("drift")
        """When time alone will have moved its score far enough to be published again."""
        self.tiers: Tiers = ()
        """As last counted in the metrics."""

    def extra(self) -> dict[str, Any]:
        """What is stored beside the state."""
        return {"pending": self.pending, "drift": self.drift}


class AccountTable:
    """The accounts of one partition over its stored bytes. Fulfils ``Accounts`` of the core."""

    def __init__(
        self, stored: Rows, names: Names, timeline: Timeline, faults: Faults, cached: int = 20_000
    ) -> None:
        self._stored = stored
        self._faults = faults
        self._names = names
        self._timeline = timeline
        self._cached = cached
        self._live: OrderedDict[str, Account] = OrderedDict()
        self.dirty: dict[str, Account] = {}
        """Accounts changed since the last ``writes``."""
        self._ended: dict[str, list[int]] = {}
        """Accounts that have ended since then, with the numbers of their stored chunks."""
        self.half_done = False
        """One of these has failed: they are not as they should be, and all is to be done again, without it."""

    def get(self, account: str) -> AccountState | None:
        """The live state of an account."""
        found = self.account(account)
        return found.state if found else None

    def __contains__(self, name: str) -> bool:
        return name in self._live or name in self._names

    def account(self, name: str) -> Account | None:
        """The live account, read from its stored form where needed."""
        found = self._live.get(name)
        if found is not None:
            self._live.move_to_end(name)
            return found
        raw = self._stored.get(name.encode())
        if raw is None or name in self._ended:
            return None
        found = self._read(name, raw)
        self._live[name] = found
        return found

    def put(self, state: AccountState) -> None:
        """A state was changed, or is new."""
        found = self._live.get(state.account)
        if found is None:
            found = self._live[state.account] = Account(state)
            self._names.add(state.account)
        self.dirty[state.account] = found

    def drop(self, account: str) -> None:
        """An account has ended."""
        self._live.pop(account, None)
        self.dirty.pop(account, None)
        raw = self._stored.get(account.encode())
        if raw is not None:
            self._ended[account] = orjson.loads(raw)["chunks"]

    def failed(self, account: str, error: Exception) -> None:
        """An account could not be caught up: it is as it is stored. Raises the error where it is of all."""
        self._faults.tell(account, error)
        self._live.pop(account, None)
        if account in self.dirty:  # what is stored is behind what it was
            self._faults.left_out.add(account)
            self.half_done = True

    def names(self) -> Names:
        """Every account of the partition."""
        return self._names

    def writes(self) -> Iterator[tuple[bytes, bytes | None]]:
        """Keys and values to store for what changed (``None``: delete); the caller does, then calls ``stored``."""
        for name, found in self.dirty.items():
            header, chunks = found.writing.write(found.state, found.extra())
            key = name.encode()
            for number, rows in chunks.items():
                yield _chunk_key(key, number), rows
            yield key, header
        for name, numbers in self._ended.items():
            key = name.encode()
            for number in numbers:
                yield _chunk_key(key, number), None
            yield key, None

    def stored(self) -> None:
        """What ``writes`` gave is durable. Forget the live states that have not been touched for longest."""
        self.dirty, self._ended = {}, {}
        while len(self._live) > self._cached:
            self._live.popitem(last=False)

    def _read(self, name: str, raw: bytes) -> Account:
        header = orjson.loads(raw)
        key = name.encode()
        chunks = {number: orjson.loads(self._stored[_chunk_key(key, number)]) for number in header["chunks"]}
        state = AccountState.from_stored(header, chunks, self._timeline.at(header["epoch"]))
        state.build()
        account = Account(state, header)
        account.tiers = state.tiers()
        return account


def _chunk_key(account: bytes, number: int) -> bytes:
    return account + NUL + str(number).encode()


def is_account(key: bytes) -> bool:
    """Whether a stored key is an account's header."""
    return NUL not in key


def partition_key(name: str, partition: int) -> bytes:
    """The key of something that belongs to a partition as a whole."""
    return NUL + name.encode() + NUL + str(partition).encode()
