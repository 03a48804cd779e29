"""Keeping a log small and quick to look into: indexing keys, compaction, retention; in slices, so that writers go on.

Almost all of it is SQL over a range of row ids: SQLite then works without the interpreter's lock.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from stream.transports.logfile import OFFSET_BITS, OFFSET_MASK

if TYPE_CHECKING:
    from stream.transports.logcore import OpenLog, Topic

DAY_MS = 86_400_000


def compact(log: OpenLog, budget: int, tombstones_ms: int) -> int:
    """See `EmbeddedLog.compact`."""
    topics = log.topics()
    with log.reading() as db:
        heads = {part: (end, indexed) for part, end, indexed in db.execute("SELECT id, next, indexed FROM partitions")}
    now = log.clock()
    for topic in topics.values():
        for part in topic.parts:
            end, indexed = heads[part]
            done = 0
            if indexed < end:
                done = _index(log, topic, part, budget)
            if not done and topic.compact:
                done = _drop_tombstones(log, part, budget, now - tombstones_ms)
            if not done and not topic.compact and topic.retention_ms is not None:
                done = _expire(log, part, budget, now - topic.retention_ms)
            if done:
                return done
    return 0


def _index(log: OpenLog, topic: Topic, part: int, budget: int) -> int:
    """Takes the next records into the index; in a compacted topic what they supersede goes."""
    base = part << OFFSET_BITS
    with log.writing() as db:
        # From here on nobody else writes. Holes in the offsets are passed over in one go.
        indexed, end = db.execute("SELECT indexed, next FROM partitions WHERE id = ?", (part,)).fetchone()
        first = base | indexed
        last, count = db.execute(
            "SELECT max(id), count(*) FROM (SELECT id FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)",
            (first, base | OFFSET_MASK, budget),
        ).fetchone()
        reached = end if count < budget else (last & OFFSET_MASK) + 1
        if count:
            if topic.compact:
                _drop_superseded(db, part, first, last)
            db.execute(
                "INSERT OR IGNORE INTO keys SELECT ?, key, id & ? FROM records"
                " WHERE id BETWEEN ? AND ? AND key IS NOT NULL ORDER BY key, id",
                (part, OFFSET_MASK, first, last),
            )
        db.execute("UPDATE partitions SET indexed = max(indexed, ?) WHERE id = ?", (reached, part))
    return max(int(count), 1)


def _drop_superseded(db: sqlite3.Connection, part: int, first: int, last: int) -> None:
    slice_ = (first, last)
    db.execute(
        "DELETE FROM records WHERE id BETWEEN ? AND ?"
        " AND id NOT IN (SELECT max(id) FROM records WHERE id BETWEEN ? AND ? GROUP BY key)",
        slice_ * 2,
    )
    db.execute(
        "DELETE FROM records WHERE id IN (SELECT ? | k.offset FROM records r CROSS JOIN keys k"
        " ON k.partition = ? AND k.key = r.key WHERE r.id BETWEEN ? AND ? AND (? | k.offset) < r.id)",
        (part << OFFSET_BITS, part, *slice_, part << OFFSET_BITS),
    )
    db.execute(
        "DELETE FROM keys WHERE partition = ? AND key IN (SELECT key FROM records WHERE id BETWEEN ? AND ?)",
        (part, *slice_),
    )


def _drop_tombstones(log: OpenLog, part: int, budget: int, before_ms: int) -> int:
    """Old tombstones have told everybody who reads this topic; the last record stays whatever it is."""
    base = part << OFFSET_BITS
    find = (
        "SELECT id, key FROM records INDEXED BY tombstones WHERE value IS NULL AND id BETWEEN ?"
        " AND (SELECT ? | max(min(indexed, next - 1) - 1, 0) FROM partitions WHERE id = ?) AND timestamp_ms < ? LIMIT ?"
    )
    arguments = (base, base, part, before_ms, budget)
    with log.reading() as db:
        if db.execute(find, arguments).fetchone() is None:
            return 0
    with log.writing() as db:
        found: list[tuple[int, bytes]] = db.execute(find, arguments).fetchall()
        db.executemany("DELETE FROM records WHERE id = ?", [(row_id,) for row_id, _ in found])
        db.executemany(
            "DELETE FROM keys WHERE partition = ? AND key = ? AND offset = ?",
            [(part, key, row_id & OFFSET_MASK) for row_id, key in found],
        )
    return len(found)


def _expire(log: OpenLog, part: int, budget: int, before_ms: int) -> int:
    """Drops the oldest records that are past retention, up to what the slowest consumer group has still to read."""
    base = part << OFFSET_BITS
    with log.reading() as db:
        oldest = db.execute(
            "SELECT timestamp_ms FROM records WHERE id BETWEEN ? AND ? ORDER BY id LIMIT 1", (base, base | OFFSET_MASK)
        ).fetchone()
        if oldest is None or oldest[0] >= before_ms:
            return 0
    with log.writing() as db:
        limit = db.execute(
            "SELECT min(p.next, coalesce((SELECT min(offset) FROM positions WHERE partition = p.id), p.next))"
            " FROM partitions p WHERE id = ?",
            (part,),
        ).fetchone()[0]
        rows: list[tuple[int, int]] = db.execute(
            "SELECT id, timestamp_ms FROM records WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (base, base | limit, budget),
        ).fetchall()
        expired = 0
        while expired < len(rows) and rows[expired][1] < before_ms:
            expired += 1
        if not expired:
            return 0
        slice_ = (rows[0][0], rows[expired - 1][0])
        db.execute(
            "DELETE FROM keys WHERE (partition, key, offset) IN (SELECT ?, key, id & ? FROM records"
            " WHERE id BETWEEN ? AND ? AND key IS NOT NULL)",
            (part, OFFSET_MASK, *slice_),
        )
        db.execute("DELETE FROM records WHERE id BETWEEN ? AND ?", slice_)
        db.execute(
            "UPDATE partitions SET indexed = max(indexed, ?) WHERE id = ?", ((slice_[1] & OFFSET_MASK) + 1, part)
        )
    return expired
