"""The embedded log: topics, partitions, offsets and consumer positions in one SQLite file.

Several processes may use one file at once. A write is one `BEGIN IMMEDIATE` transaction: all of it is in the log when
the call returns (on the disk, with `synchronous="FULL"`), or none of it. Reads never wait for writers.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from stream.transports.errors import LogError, StalePosition, TopicMismatch, UnknownTopic, explained, translated
from stream.transports.logfile import OFFSET_BITS, OFFSET_MASK, open_file, packed_headers, unpacked_headers
from stream.transports.records import Append, Record

Place = tuple[str, str, int]
"""Whose position it is, and where: consumer group, topic, partition."""

_SELECT = "SELECT id, timestamp_ms, key, value, headers FROM records WHERE "


class Topic(NamedTuple):
    """What the log knows of a topic."""

    name: str
    parts: tuple[int, ...]
    """The internal id of each partition."""
    compact: bool
    retention_ms: int | None


def now_ms() -> int:
    """The wall clock in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class EmbeddedLog:
    """An append-only log in one SQLite file. Thread-safe; one call at a time runs on an instance."""

    def __init__(
        self,
        path: str | Path,
        *,
        create: bool = True,
        synchronous: str = "FULL",
        busy_timeout_ms: int = 10_000,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Opens the log, creating it unless `create` is False; raises a LogError that says what to do."""
        self.path = Path(path).absolute()
        self._clock = clock
        self._lock = threading.RLock()
        self._topics: dict[str, Topic] = {}
        with translated(self.path):
            self._db = open_file(
                self.path, create=create, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms
            )

    def __enter__(self) -> Self:
        """The log itself; it closes at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the log."""
        self.close()

    def close(self) -> None:
        """Closes the file; calling it again does nothing."""
        with self._lock, translated(self.path):
            self._db.close()

    # Topics

    def create_topic(
        self, name: str, partitions: int, *, compact: bool = False, retention_ms: int | None = None
    ) -> None:
        """Creates a topic; does nothing if it exists with as many partitions, else raises TopicMismatch.

        A compacted topic keeps the last record of each key for ever. Any other keeps records for `retention_ms`
        (None: for ever), and longer where a consumer group has still to read them.
        """
        if partitions < 1:
            raise TopicMismatch(f"{self.path}: topic {name!r} needs at least one partition, not {partitions}.")
        with self._writing() as db:
            db.execute(
                "INSERT OR IGNORE INTO topics (name, partitions, compact, retention_ms) VALUES (?, ?, ?, ?)",
                (name, partitions, compact, retention_ms),
            )
            topic_id, found = db.execute("SELECT id, partitions FROM topics WHERE name = ?", (name,)).fetchone()
            if found != partitions:
                raise TopicMismatch(
                    f"{self.path}: topic {name!r} has {found} partitions, not {partitions}. The number is fixed when"
                    f" the file is created: set the partition count back to {found}, or start with another file."
                )
            db.executemany(
                "INSERT OR IGNORE INTO partitions (topic, partition) VALUES (?, ?)",
                [(topic_id, partition) for partition in range(partitions)],
            )

    def topics(self) -> dict[str, Topic]:
        """Every topic by its name."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT t.name, p.id, t.compact, t.retention_ms FROM topics t JOIN partitions p ON p.topic = t.id"
                " ORDER BY t.name, p.partition"
            ).fetchall()
            found: dict[str, Topic] = {}
            for name, part, compact, retention_ms in rows:
                parts = found[name].parts if name in found else ()
                found[name] = Topic(name, (*parts, part), bool(compact), retention_ms)
            self._topics = found
            return dict(found)

    def topic(self, name: str) -> Topic:
        """The topic called `name`; raises UnknownTopic."""
        found = self._topics.get(name) or self.topics().get(name)
        if found is None:
            raise UnknownTopic(f"{self.path}: no topic {name!r}. Create it first; `tierline run` does so at its start.")
        return found

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises UnknownTopic."""
        return len(self.topic(topic).parts)

    def part(self, topic: str, partition: int) -> int:
        """The internal id of a partition; raises UnknownTopic."""
        parts = self.topic(topic).parts
        if not 0 <= partition < len(parts):
            raise UnknownTopic(f"{self.path}: topic {topic!r} has partitions 0 to {len(parts) - 1}, not {partition}.")
        return parts[partition]

    # Writing

    def append(self, records: Sequence[Append]) -> list[int]:
        """Appends all of the records in one transaction, and gives their offsets."""
        return self.commit(records, {})

    def commit(
        self,
        appends: Sequence[Append],
        positions: Mapping[Place, int],
        *,
        expected: Mapping[Place, int] | None = None,
    ) -> list[int]:
        """Appends records and moves consumer positions in one transaction; gives the offsets of the records.

        `positions`: the offset that each group reads next; it never goes back here. `expected`: where a group's position has already passed
        the given offset, nothing is written and StalePosition is raised, so that a batch cannot be applied twice.
        """
        with self._writing() as db:
            for place, start in (expected or {}).items():
                found = self._position(db, place)
                if found is not None and found > start:
                    raise StalePosition(
                        f"{self.path}: group {place[0]!r} is at offset {found} of {place[1]}/{place[2]}, past {start}"
                        " where this batch begins. Nothing was written; drop the batch and read on from the position."
                    )
            offsets = self._insert(db, appends) if appends else []
            db.executemany(
                "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET offset = max(offset, excluded.offset)",
                [(group, self.part(topic, at), offset) for (group, topic, at), offset in positions.items()],
            )
            return offsets

    def _insert(self, db: sqlite3.Connection, appends: Sequence[Append]) -> list[int]:
        now = self._clock()
        heads: dict[tuple[str, int], list[int]] = {}
        offsets: list[int] = []
        rows: list[tuple[int, int, bytes | None, bytes | None, bytes | None]] = []
        for topic, partition, key, value, headers, time_ms in appends:
            head = heads.get((topic, partition))
            if head is None:
                heads[topic, partition] = head = self._head(db, topic, partition)
            base, offset, last_ms, compact = head
            if key is None and compact:
                raise LogError(f"{self.path}: topic {topic!r} is compacted: each of its records needs a key.")
            if time_ms is None:
                time_ms = now if now > last_ms else last_ms
            head[1] = offset + 1
            if time_ms > last_ms:
                head[2] = time_ms
            offsets.append(offset)
            rows.append((base | offset, time_ms, key, value, packed_headers(headers) if headers else None))
        rows.sort(key=_row_id)  # in the order of the B-tree: half the time of leaping between partitions
        db.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
        db.executemany(
            "UPDATE partitions SET next = ?, last_ms = ? WHERE id = ?",
            [(offset, last_ms, base >> OFFSET_BITS) for base, offset, last_ms, _ in heads.values()],
        )
        return offsets

    def _head(self, db: sqlite3.Connection, topic: str, partition: int) -> list[int]:
        part = self.part(topic, partition)
        offset, last_ms = db.execute("SELECT next, last_ms FROM partitions WHERE id = ?", (part,)).fetchone()
        return [part << OFFSET_BITS, offset, last_ms, self.topic(topic).compact]

    # Reading

    def read(
        self, topic: str, partition: int, offset: int, limit: int, *, max_bytes: int | None = None
    ) -> list[Record]:
        """Up to `limit` records from `offset` on, in order; stops after the record that passes `max_bytes`."""
        base = self.part(topic, partition) << OFFSET_BITS
        with self.reading() as db:
            rows = db.execute(
                _SELECT + "id >= ? AND id <= ? ORDER BY id LIMIT ?", (base | max(offset, 0), base | OFFSET_MASK, limit)
            )
            if max_bytes is None:
                return records_of(topic, partition, rows)
            kept: list[tuple[int, int, bytes | None, bytes | None, bytes | None]] = []
            size = 0
            for row in rows:
                kept.append(row)
                size += len(row[2] or b"") + len(row[3] or b"") + len(row[4] or b"")
                if size >= max_bytes:
                    break
            return records_of(topic, partition, kept)

    def end(self, topic: str, partition: int) -> int:
        """The offset that the next record gets. Offsets are never used twice."""
        return self._number("SELECT next FROM partitions WHERE id = ?", (self.part(topic, partition),))

    def begin(self, topic: str, partition: int) -> int:
        """The offset of the first record there is, or `end` where there is none."""
        base = self.part(topic, partition) << OFFSET_BITS
        first = self._number("SELECT min(id) FROM records WHERE id BETWEEN ? AND ?", (base, base | OFFSET_MASK))
        return first & OFFSET_MASK if first is not None else self.end(topic, partition)

    def last(self, topic: str, partition: int) -> int | None:
        """The offset of the last record there is, or None where there is none."""
        base = self.part(topic, partition) << OFFSET_BITS
        found = self._number("SELECT max(id) FROM records WHERE id BETWEEN ? AND ?", (base, base | OFFSET_MASK))
        return found & OFFSET_MASK if found is not None else None

    def ends(self) -> dict[tuple[str, int], int]:
        """`end` of every partition."""
        with self.reading() as db:
            rows = db.execute("SELECT t.name, p.partition, p.next FROM partitions p JOIN topics t ON t.id = p.topic")
            return {(name, partition): offset for name, partition, offset in rows}

    def position(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that a consumer group reads next, or None where it has not committed yet."""
        with self.reading() as db:
            return self._position(db, (group, topic, partition))

    def forget_group(self, group: str) -> None:
        """Drops the positions of a consumer group, which then no longer hold back retention."""
        with self._writing() as db:
            db.execute("DELETE FROM positions WHERE consumers = ?", (group,))

    def changes(self) -> int:
        """A number that differs from the last one this instance saw if another connection has written since."""
        return self._number("PRAGMA data_version", ())

    def _position(self, db: sqlite3.Connection, place: Place) -> int | None:
        group, topic, partition = place
        row = db.execute(
            "SELECT offset FROM positions WHERE consumers = ? AND partition = ?", (group, self.part(topic, partition))
        ).fetchone()
        return None if row is None else int(row[0])

    def _number(self, sql: str, arguments: tuple[int, ...]) -> int:
        with self.reading() as db:
            found: int = db.execute(sql, arguments).fetchone()[0]
            return found

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for the rest of this package: held by this thread, its errors explained."""
        with self._lock, translated(self.path):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._db.execute("BEGIN IMMEDIATE")
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                # On a full disk SQLite may have rolled back by itself already.
                if self._open() and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self.path) from error
                raise

    writing = _writing
    """One write transaction, for the rest of this package."""

    def _open(self) -> bool:
        try:
            return self._db.in_transaction is not None
        except sqlite3.ProgrammingError:
            return False


def _row_id(row: tuple[int, int, bytes | None, bytes | None, bytes | None]) -> int:
    return row[0]


def records_of(
    topic: str, partition: int, rows: Iterable[tuple[int, int, bytes | None, bytes | None, bytes | None]]
) -> list[Record]:
    """Rows of the table `records` as records of one partition."""
    return [
        Record(topic, partition, i & OFFSET_MASK, at, key, value, unpacked_headers(headers) if headers else ())
        for i, at, key, value, headers in rows
    ]
