"""Looking up records by their key.

Indexing at append would cost more than half of the rate of appends, so `upkeep` indexes later, in slices: a look-up
uses the index up to where it reaches and reads the few records behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from stream.transports.errors import translated
from stream.transports.logcore import SELECT, records_of
from stream.transports.logfile import OFFSET_BITS, OFFSET_MASK, open_file
from stream.transports.records import Record, partition_for

if TYPE_CHECKING:
    from stream.transports.logcore import OpenLog

# Row ids of one key: those that the index knows, and those behind it. Arguments: base, part, key, part, base, end, key.
_OF_KEY = (
    "id IN (SELECT ? | offset FROM keys WHERE partition = ? AND key = ?"
    " UNION ALL SELECT id FROM records, (SELECT indexed FROM partitions WHERE id = ?)"
    " WHERE id BETWEEN ? | indexed AND ? AND key = ?) ORDER BY id"
)
_ERASE = f"DELETE FROM records WHERE id IN (SELECT id FROM records WHERE {_OF_KEY})"  # noqa: S608  a constant


def read_key(log: OpenLog, topic: str, key: bytes, partition: int | None) -> list[Record]:
    """See `EmbeddedLog.read_key`."""
    return _find(log, topic, key, partition, _OF_KEY)


def last_by_key(log: OpenLog, topic: str, key: bytes) -> Record | None:
    """See `EmbeddedLog.last_by_key`."""
    found = _find(log, topic, key, None, _OF_KEY + " DESC LIMIT 1")
    return found[0] if found else None


def _find(log: OpenLog, topic: str, key: bytes, partition: int | None, where: str) -> list[Record]:
    if partition is None:
        partition = partition_for(key, log.partitions(topic))
    part = log.part(topic, partition)
    base = part << OFFSET_BITS
    with log.reading() as db:
        rows = db.execute(SELECT + where, (base, part, key, part, base, base | OFFSET_MASK, key))
        return records_of(topic, partition, rows)


def erase_key(log: OpenLog, topic: str, key: bytes, partition: int | None) -> int:
    """See `EmbeddedLog.erase_key`."""
    if partition is None:
        partition = partition_for(key, log.partitions(topic))
    part = log.part(topic, partition)
    base = part << OFFSET_BITS
    with log.writing() as db:
        # Overwritten in the file, too, and not only given free.
        db.execute("PRAGMA secure_delete = ON")
        count = db.execute(_ERASE, (base, part, key, part, base, base | OFFSET_MASK, key)).rowcount
        db.execute("DELETE FROM keys WHERE partition = ? AND key = ?", (part, key))
        db.execute("PRAGMA secure_delete = OFF")
    return int(count)


def scan_latest(log: OpenLog, topic: str) -> Iterator[Record]:
    """See `EmbeddedLog.scan_latest`. It reads one state of the file, on a connection of its own, without a lock."""
    with translated(log.path):
        db = open_file(log.path, create=False, synchronous="FULL", busy_timeout_ms=10_000)
        try:
            db.execute("BEGIN")
            for partition, part in enumerate(log.topic(topic).parts):
                base = part << OFFSET_BITS
                newest: dict[bytes, int] = dict(
                    db.execute(
                        "SELECT key, max(id) FROM records, (SELECT indexed FROM partitions WHERE id = ?)"
                        " WHERE id BETWEEN ? | indexed AND ? AND key IS NOT NULL GROUP BY key",
                        (part, base, base | OFFSET_MASK),
                    )
                )
                compacted = log.topic(topic).compact
                if not compacted:  # the index then names every record of a key
                    newest = {
                        **dict(
                            db.execute(
                                "SELECT key, ? | max(offset) FROM keys WHERE partition = ? GROUP BY key", (base, part)
                            )
                        ),
                        **newest,
                    }
                rows = db.execute(SELECT + "id BETWEEN ? AND ? ORDER BY id", (base, base | OFFSET_MASK))
                for record in rows:
                    row_id, _, key, value, _ = record
                    if key is not None and value is not None and newest.get(key, row_id) == row_id:
                        yield records_of(topic, partition, (record,))[0]
        finally:
            db.close()
