"""Copying one partition: what is there already is compared, the rest appended, and all of it read again at the end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator

import orjson

from schemas.topics import ACCOUNT_STATE
from stream.agents.memory import read_format
from stream.agents.table import is_account, partition_key
from stream.scoring.state import StateTooNew
from stream.transports.errors import LogError, LogTooNew, OtherTimes
from stream.transports.records import Append, Record
from stream.transports.seam import Hold, Log

AT_ONCE = 4_096
CHUNK = 5_000
"""Records of a transaction at most, and bytes."""
CHUNK_BYTES = 8 << 20

CLOCK = partition_key("clock", 0)[:-1]
"""How the key of a partition's clock begins."""

HEARD = 30.0
"""Seconds in which a setting of a topic has come to its broker."""

Progress = Callable[[int], None]
"""Told how many records further it is."""


class PartitionCopy:
    """One partition on its way. ``compare`` first, then ``go_on``, then ``verify``."""

    def __init__(
        self, source: Log, target: Log, topic: str, names: tuple[str, str], partition: int, positions: Iterable[int]
    ) -> None:
        """``topic``: its name in the registry; ``names``: those it has here and there.

        ``positions``: offsets of the source whose places in the target are to be found.
        """
        self.topic, self.partition = topic, partition
        self.name = names[1]
        self.records = 0
        self.found = 0
        """Of the records, those that were there before."""
        self.places: dict[int, int] = {}
        """Where the target has the record that the source has at, or first after, a position."""
        self._source, self._target = source, target
        self._left = _carried(source, names[0], topic, partition)
        self._pending = sorted(set(positions))
        self._next = 0
        """The offset behind the last record that the target has."""
        self._digest = hashlib.blake2b(digest_size=16)

    @property
    def where(self) -> str:
        """The partition in the target, for messages."""
        return f"{self.name}/{self.partition}"

    @property
    def digest(self) -> str:
        """Of all records: times, keys, values and headers, in order."""
        return self._digest.hexdigest()

    def compare(self, watch: Progress) -> None:
        """Walks along what the target has. Raises LogError where that is not the beginning of the source's."""
        for there in records_of(self._target, self.name, self.partition):
            ours = next(self._left, None)
            if ours is None or print_of(ours) != print_of(there):
                raise LogError(
                    f"{self._target.name}: {self.where} has records that do not come from {self._source.name}, the"
                    f" first at offset {there.offset}. Nothing was changed. Name a log whose topics are empty, or"
                    " topics of another prefix (--to-prefix)."
                )
            self._count(ours, there.offset)
            self.found += 1
            watch(1)

    def go_on(self, hold: Hold, watch: Progress) -> None:
        """Appends the rest. Raises LogError; what was appended stays, and the next attempt goes on behind it."""
        for chunk in _chunks(self._left):
            offsets = _appended(hold, [_append(one, self.name) for one in chunk])
            for ours, offset in zip(chunk, offsets, strict=True):
                self._count(ours, offset)
            watch(len(chunk))
        # A transaction that has just ended is not in the end that readers see yet: its markers follow.
        end = max(self._target.end(self.name, self.partition), self._next) if self._pending else 0
        while self._pending:
            self.places[self._pending.pop(0)] = end

    def verify(self, watch: Progress) -> None:
        """Reads the target again. Raises LogError where it has not exactly what the source had."""
        if self.found == self.records:  # compared already, record by record
            watch(self.records)
            return
        count, digest = 0, hashlib.blake2b(digest_size=16)
        for there in records_of(self._target, self.name, self.partition):
            digest.update(print_of(there))
            count += 1
            watch(1)
        if (count, digest.digest()) != (self.records, self._digest.digest()):
            raise LogError(
                f"{self._target.name}: {self.where} has {count:,} records (digest {digest.hexdigest()}), not the"
                f" {self.records:,} that were copied (digest {self.digest}). Somebody else writes there: end that,"
                " delete the topics or the file, and migrate again. The source was not changed."
            )

    def _count(self, ours: Record, offset: int) -> None:
        self.records += 1
        self._next = offset + 1
        self._digest.update(print_of(ours))
        while self._pending and self._pending[0] <= ours.offset:
            self.places[self._pending.pop(0)] = offset


def records_of(log: Log, topic: str, partition: int) -> Iterator[Record]:
    """Every record of a partition."""
    offset = log.begin(topic, partition)
    while batch := log.read(topic, partition, offset, AT_ONCE, max_bytes=CHUNK_BYTES):
        yield from batch
        offset = batch[-1].offset + 1


def _carried(log: Log, name: str, topic: str, partition: int) -> Iterator[Record]:
    """The records of the source as the target is to have them. Raises LogTooNew."""
    found = records_of(log, name, partition)
    if topic != ACCOUNT_STATE:
        return found
    return (_elsewhere(log, record) for record in found)


def _elsewhere(log: Log, record: Record) -> Record:
    """A row of the state. Up to where the log was applied is said in offsets, which are others in another log."""
    key, value = record.key or b"", record.value
    clock = key.startswith(CLOCK)
    if value is None or not (clock or is_account(key)):
        return record
    try:
        row = read_format(value)
    except StateTooNew as error:
        raise LogTooNew(f"{log.name}: {error}.") from error
    return record._replace(value=orjson.dumps({**row, "applied": 0, "log": ""})) if clock else record


def _chunks(records: Iterator[Record]) -> Iterator[list[Record]]:
    for first in records:
        chunk, size = [first], 0
        for record in records:
            chunk.append(record)
            size += len(record.key or b"") + len(record.value or b"")
            if len(chunk) >= CHUNK or size >= CHUNK_BYTES:
                break
        yield chunk


def _appended(hold: Hold, appends: list[Append]) -> list[int]:
    """That the topics take times is told the brokers before, and has come to all of them a moment later."""
    until = time.monotonic() + HEARD
    while True:
        try:
            return hold.append(appends)
        except OtherTimes:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)


def _append(record: Record, topic: str) -> Append:
    return Append(topic, record.partition, record.key, record.value, record.headers, record.timestamp_ms)


def print_of(record: Record) -> bytes:
    """What has to be the same in both, as bytes that say where each part ends."""
    parts: list[bytes] = [b"%d" % record.timestamp_ms]
    parts += (b"-" if part is None else b"%d:" % len(part) + part for part in (record.key, record.value))
    for name, value in record.headers:
        raw = name.encode()
        parts.append(b"%d:%d:" % (len(raw), len(value)) + raw + value)
    return b" ".join((*parts, b"\n"))
