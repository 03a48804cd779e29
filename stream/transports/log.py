"""The embedded log: topics, partitions, offsets and consumer positions in one SQLite file.

Several processes may use one file at once. A write is one `BEGIN IMMEDIATE` transaction: all of it is in the log when
the call returns (on the disk, with `synchronous="FULL"`), or none of it. Reads never wait for writers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

from stream.holding import Holder, named_in, worker_of
from stream.transports import bykey, upkeep
from stream.transports.errors import LogError, StalePosition
from stream.transports.filehold import FileHold, hold_path
from stream.transports.logcore import SELECT, OpenLog, Row, Topic, records_of
from stream.transports.logfile import OFFSET_BITS, OFFSET_MASK, packed_headers
from stream.transports.records import Append, Record, partition_for

__all__ = ["Append", "EmbeddedLog", "Place", "Record", "Topic", "partition_for"]

Place = tuple[str, str, int]
"""Whose position it is, and where: consumer group, topic, partition."""


class EmbeddedLog(OpenLog):
    """An append-only log in one SQLite file. Thread-safe; one call at a time runs on an instance."""

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

        `positions`: the offset that each group reads next; never goes back here. `expected`: where a group's position
        has already passed the given offset, nothing is written and StalePosition is raised, so that a batch cannot be
        applied twice.
        """
        with self.writing() as db:
            for place, start in (expected or {}).items():
                found = self._position(db, place)
                if found is not None and found > start:
                    raise StalePosition(
                        f"{self.path}: group {place[0]!r} is at offset {found} of {place[1]}/{place[2]}, past {start}"
                        " where this batch begins. Nothing was written; drop the batch and read on from the position."
                    )
            offsets = self._insert(db, appends) if appends else []
            db.executemany(
                "INSERT INTO positions VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET offset = max(offset, excluded.offset)",
                [(group, self.part(topic, at), offset) for (group, topic, at), offset in positions.items()],
            )
            return offsets

    def exclusively(self, name: str, work: Callable[[], Sequence[Append]]) -> list[int]:
        """Appends what `work` gives; from its first look into the log to the append nobody else writes.

        `name` says which processes keep out of each other's way; here all do. `work` only reads.
        """
        del name
        with self.writing() as db:
            return self._insert(db, appends) if (appends := work()) else []

    def _insert(self, db: sqlite3.Connection, appends: Sequence[Append]) -> list[int]:
        now = self.clock()
        heads: dict[tuple[str, int], list[int]] = {}
        offsets: list[int] = []
        rows: list[Row] = []
        for topic, partition, key, value, headers, named_ms in appends:
            head = heads.get((topic, partition))
            if head is None:
                heads[topic, partition] = head = self._head(db, topic, partition)
            base, offset, last_ms, compact = head
            if key is None and compact:
                raise LogError(f"{self.path}: topic {topic!r} is compacted: each of its records needs a key.")
            time_ms = max(now, last_ms) if named_ms is None else named_ms
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

    # Who is at it

    def hold(self, name: str, first: Sequence[Append]) -> FileHold:
        """Take hold of `name` and append the first records. Raises Held where another living process has it."""
        return FileHold(self, name, first)

    def holder(self, name: str) -> Holder | None:
        """Who has hold of `name`, or ended without releasing it; None where nobody has."""
        return named_in(hold_path(self.path, name))

    def members(self, group: str) -> list[str]:
        """The worker that runs on the file, whatever the group; none, or one."""
        del group
        found = worker_of(self.path)
        return [] if found is None else [str(found)]

    def incarnation(self, topic: str) -> str:
        """Always the same: a topic of a file ends with the file."""
        self.topic(topic)
        return "file"

    # Reading

    def read(
        self, topic: str, partition: int, offset: int, limit: int, *, max_bytes: int | None = None
    ) -> list[Record]:
        """Up to `limit` records from `offset` on, in order; stops after the record that passes `max_bytes`."""
        base = self.part(topic, partition) << OFFSET_BITS
        with self.reading() as db:
            rows = db.execute(
                SELECT + "id >= ? AND id <= ? ORDER BY id LIMIT ?", (base | max(offset, 0), base | OFFSET_MASK, limit)
            )
            if max_bytes is None:
                return records_of(topic, partition, rows)
            kept: list[Row] = []
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

    def ends(self, topics: Collection[str] | None = None) -> dict[tuple[str, int], int]:
        """`end` of every partition of these topics, or of all there are; raises UnknownTopic."""
        wanted = set(topics or ())
        for topic in wanted:
            self.topic(topic)
        with self.reading() as db:
            rows = db.execute("SELECT t.name, p.partition, p.next FROM partitions p JOIN topics t ON t.id = p.topic")
            return {(name, at): offset for name, at, offset in rows if topics is None or name in wanted}

    def position(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that a consumer group reads next, or None where it has not committed yet."""
        with self.reading() as db:
            return self._position(db, (group, topic, partition))

    def positions(self, group: str) -> dict[tuple[str, int], int]:
        """Every position of a consumer group, by topic and partition."""
        with self.reading() as db:
            rows = db.execute(
                "SELECT t.name, p.partition, o.offset FROM positions o JOIN partitions p ON p.id = o.partition"
                " JOIN topics t ON t.id = p.topic WHERE o.consumers = ?",
                (group,),
            )
            return {(name, partition): offset for name, partition, offset in rows}

    def groups(self) -> list[str]:
        """The consumer groups that have a position."""
        with self.reading() as db:
            return [name for (name,) in db.execute("SELECT DISTINCT consumers FROM positions ORDER BY consumers")]

    def forget_group(self, group: str) -> None:
        """Drops the positions of a consumer group, which then no longer hold back retention."""
        with self.writing() as db:
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

    # By key

    def read_key(self, topic: str, key: bytes, *, partition: int | None = None) -> list[Record]:
        """Every record of a key there still is, newest last, from the partition that the key belongs to.

        `partition` names another one to look in, for records that were appended elsewhere.
        """
        return bykey.read_key(self, topic, key, partition)

    def last_by_key(self, topic: str, key: bytes) -> Record | None:
        """The newest record of a key (its value None: a tombstone), or None where there is none."""
        return bykey.last_by_key(self, topic, key)

    def scan_latest(self, topic: str) -> Iterator[Record]:
        """The newest record of each key, tombstones left out, as of the moment the first one is asked for."""
        return bykey.scan_latest(self, topic)

    def erase_key(self, topic: str, key: bytes, *, partition: int | None = None) -> int:
        """Deletes every record of a key, and overwrites them in the file; gives how many. Their offsets stay unused.

        Copies are left in the -wal file until its next checkpoints, and in backups.
        """
        return bykey.erase_key(self, topic, key, partition)

    # Upkeep

    def compact(self, budget: int = 1_000, *, tombstones_ms: int = upkeep.DAY_MS) -> int:
        """One slice of upkeep over at most `budget` records, in one short transaction; 0 once nothing is left to do.

        Indexes keys, drops the superseded records of compacted topics, tombstones older than `tombstones_ms`, and what
        is past its topic's retention and has been read by every group. Offsets are never used again, and a compacted
        partition always keeps its last record.
        """
        return upkeep.compact(self, budget, tombstones_ms)


def _row_id(row: Row) -> int:
    return row[0]
