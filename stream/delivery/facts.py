"""The facts of accounts, for the routes that ask for them: as published on `account-scores`.

A tier change and the score that goes with it are in the log together, so facts looked up when the change is there are
at least as new as it is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

import orjson

from schemas.topics import ACCOUNT_SCORES
from stream.settings import Settings
from stream.transports.log import EmbeddedLog
from stream.transports.records import partition_for
from stream.transports.seam import Log

_CHUNK = 2_000


class Facts(Protocol):
    """Where facts are looked up. Blocks: to be called in a thread of its own, one call at a time."""

    def of(self, accounts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The facts of each account; of one that nobody knows, none. Raises LogError."""


def facts_in(log: Log, settings: Settings) -> Facts:
    """The facts that a log holds: a file is asked by key, Kafka is read once and then followed."""
    return KeyedFacts(log, settings) if isinstance(log, EmbeddedLog) else FollowedFacts(log, settings)


class KeyedFacts:
    """Asks for each account: for logs that find a key without reading everything."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self._log, self._topic = log, settings.topic(ACCOUNT_SCORES)

    def of(self, accounts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """As `Facts.of`."""
        found = {}
        for account in set(accounts):
            record = self._log.last_by_key(self._topic, account.encode())
            found[account] = _facts(record.value if record is not None else None)
        return found


class FollowedFacts:
    """Keeps the facts of all accounts of the partitions that were asked for, and reads on before each answer."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self._log, self._topic, self._partitions = log, settings.topic(ACCOUNT_SCORES), settings.partitions
        self._offsets: dict[int, int] = {}
        self._known: dict[bytes, bytes] = {}

    def of(self, accounts: Iterable[str]) -> dict[str, dict[str, Any]]:
        """As `Facts.of`."""
        wanted = {account: account.encode() for account in accounts}
        for partition in {partition_for(key, self._partitions) for key in wanted.values()}:
            self._read_on(partition)
        return {account: orjson.loads(self._known.get(key, b"{}")) for account, key in wanted.items()}

    def _read_on(self, partition: int) -> None:
        offset, end = self._offsets.get(partition, 0), self._log.end(self._topic, partition)
        while offset < end:
            records = self._log.read(self._topic, partition, offset, _CHUNK)
            if not records:
                break
            for record in records:
                if record.key is not None and record.value is None:
                    self._known.pop(record.key, None)
                elif record.key is not None:
                    self._known[record.key] = orjson.dumps(_facts(record.value))
            offset = records[-1].offset + 1
        self._offsets[partition] = max(offset, end)


def _facts(value: bytes | None) -> dict[str, Any]:
    facts = orjson.loads(value)["data"]["facts"] if value else {}
    return facts if isinstance(facts, dict) else {}
