"""The file of an embedded log: its schema, and how it is opened, created and recognised."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from stream.transports.errors import LogMissing, LogTooNew, NotALog, check_folder

APPLICATION_ID = 0x5449524C
"""`TIRL`, in the header of every file of ours."""
FORMAT_VERSION = 1
"""Raised with every change that an older release could not read."""

OFFSET_BITS = 40
"""A record's row id is its partition's id and its offset side by side: one B-tree, appended to in order."""
OFFSET_MASK = (1 << OFFSET_BITS) - 1

SCHEMA = """
CREATE TABLE topics (
  id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, partitions INTEGER NOT NULL,
  compact INTEGER NOT NULL, retention_ms INTEGER);
CREATE TABLE partitions (
  id INTEGER PRIMARY KEY, topic INTEGER NOT NULL REFERENCES topics(id), partition INTEGER NOT NULL,
  next INTEGER NOT NULL DEFAULT 0,         -- the offset of the next record, never going back
  last_ms INTEGER NOT NULL DEFAULT 0,      -- the greatest timestamp so far
  indexed INTEGER NOT NULL DEFAULT 0,      -- offsets below are in `keys`
  UNIQUE (topic, partition));
CREATE TABLE records (
  id INTEGER PRIMARY KEY, timestamp_ms INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB);
CREATE TABLE keys (
  partition INTEGER NOT NULL, key BLOB NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY (partition, key, offset)) WITHOUT ROWID;
CREATE INDEX tombstones ON records (id) WHERE value IS NULL;
CREATE TABLE positions (
  consumers TEXT NOT NULL, partition INTEGER NOT NULL, offset INTEGER NOT NULL,
  PRIMARY KEY (consumers, partition)) WITHOUT ROWID;
"""


def open_file(path: Path, *, create: bool, synchronous: str, busy_timeout_ms: int) -> sqlite3.Connection:
    """A connection to the log at `path`, which is created if need be and allowed.

    Raises sqlite3.Error, and the LogErrors for a missing folder or file, another kind of file, a newer format.
    """
    check_folder(path)
    if not create and not path.exists():
        raise LogMissing(f"{path}: no such log. `tierline run` or `tierline demo` creates it; or name another file.")
    connection = sqlite3.connect(
        path, timeout=busy_timeout_ms / 1000, isolation_level=None, check_same_thread=False, cached_statements=256
    )
    try:
        _prepare(connection, path)
        connection.execute(f"PRAGMA synchronous = {synchronous}")
        connection.execute("PRAGMA journal_size_limit = 67108864")
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    if recognised(connection, path):
        return
    # The journal mode can only be set outside a transaction; a second creator finds it set already.
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        if not recognised(connection, path):
            for statement in SCHEMA.split(";"):
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def recognised(connection: sqlite3.Connection, path: Path) -> bool:
    """True for a log of ours, False for an empty file; anything else raises."""
    application_id: int = connection.execute("PRAGMA application_id").fetchone()[0]
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if application_id == APPLICATION_ID:
        if version > FORMAT_VERSION:
            raise LogTooNew(
                f"{path}: written by a newer release (format {version}; this one reads up to {FORMAT_VERSION})."
                " Upgrade Tierline, or name another file. The file was not touched."
            )
        return True
    if application_id or version or connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise NotALog(f"{path}: an SQLite file, but not a Tierline log. Name another file, or move this one away.")
    return False


def packed_headers(headers: tuple[tuple[str, bytes], ...]) -> bytes | None:
    """Headers as they are stored: lengths and bytes, in order; None where there are none."""
    if not headers:
        return None
    parts: list[bytes] = []
    for name, value in headers:
        raw = name.encode()
        parts += (len(raw).to_bytes(4, "big"), raw, len(value).to_bytes(4, "big"), value)
    return b"".join(parts)


def unpacked_headers(blob: bytes) -> tuple[tuple[str, bytes], ...]:
    """The inverse of `packed_headers`."""
    found: list[bytes] = []
    at = 0
    while at < len(blob):
        size = int.from_bytes(blob[at : at + 4], "big")
        found.append(blob[at + 4 : at + 4 + size])
        at += 4 + size
    return tuple((name.decode(), value) for name, value in zip(found[::2], found[1::2], strict=True))
