"""The open file of an embedded log: its lock, its transactions, and what it knows of its topics."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from stream.transports.errors import TopicMismatch, UnknownTopic, explained, translated
from stream.transports.logfile import OFFSET_MASK, open_file, unpacked_headers
from stream.transports.records import Record

Row = tuple[int, int, bytes | None, bytes | None, bytes | None]
"""A row of `records`: row id, timestamp, key, value, packed headers."""

SELECT = "SELECT id, timestamp_ms, key, value, headers FROM records WHERE "


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


class OpenLog:
    """An open log file. Thread-safe: one call at a time runs on an instance."""

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
        self.clock = clock
        self._busy_timeout_ms = busy_timeout_ms
        self._lock = threading.RLock()
        self._known: dict[str, Topic] = {}
        with translated(self.path):
            self._db = open_file(self.path, create=create, synchronous=synchronous, busy_timeout_ms=busy_timeout_ms)

    @property
    def name(self) -> str:
        """Where the log is, for messages."""
        return str(self.path)

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
        with self.writing() as db:
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
            self._known = found
            return dict(found)

    def topic(self, name: str) -> Topic:
        """The topic called `name`; raises UnknownTopic."""
        found = self._known.get(name) or self.topics().get(name)
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

    # Transactions

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for the rest of this package: held by this thread, its errors explained."""
        with self._lock, translated(self.path):
            yield self._db

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """The connection within one write transaction, for the rest of this package; an error undoes all of it."""
        with self._lock:
            try:
                self._begin()
                yield self._db
                self._db.execute("COMMIT")
            except BaseException as error:
                # On a full disk SQLite may have rolled back by itself already.
                if self._open() and self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    raise explained(error, self.path) from error
                raise

    def _begin(self) -> None:
        """Waits for the write lock by asking every millisecond.

        SQLite's own waiting sleeps up to 100 ms between attempts: beside a process that appends all the time, commits
        took up to 850 ms; like this 60 ms.
        """
        deadline = time.monotonic() + self._busy_timeout_ms / 1000
        self._db.execute("PRAGMA busy_timeout = 0")
        try:
            while not self._db.in_transaction:
                try:
                    self._db.execute("BEGIN IMMEDIATE")
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                        raise
                    time.sleep(0.001)
        finally:
            self._db.execute(f"PRAGMA busy_timeout = {self._busy_timeout_ms}")

    def _open(self) -> bool:
        try:
            return self._db.in_transaction is not None
        except sqlite3.ProgrammingError:
            return False


def records_of(topic: str, partition: int, rows: Iterable[Row]) -> list[Record]:
    """Rows of the table `records` as records of one partition."""
    return [
        Record(topic, partition, i & OFFSET_MASK, at, key, value, unpacked_headers(headers) if headers else ())
        for i, at, key, value, headers in rows
    ]
