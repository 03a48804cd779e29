"""Questions to the log: who stands where, how an account came there, what was rejected, which profiles are in force.

Read-only, and at any time: a worker may be writing. What is given are the documents as published (``schemas``).
"""

from __future__ import annotations

import base64
import difflib
import heapq
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import orjson

from schemas.topics import INTAKE, SIGNALS
from stream.identity import Aliases, told_by
from stream.scoring.values import Signal
from stream.settings import Settings
from stream.topology import connect, group_of
from stream.transports.records import Record, partition_for
from stream.transports.seam import Log
from stream.wire import Incoming, decode, read_mark

_CHUNK = 500


def open_to_read(settings: Settings) -> Log:
    """The installation's log, which must be there. Raises LogError, which says what to do."""
    return connect(settings, create=False)


# Scores


def scored(log: Log, settings: Settings) -> Iterator[dict[str, Any]]:
    """``data`` of the latest score of every account, in no order, without those that are old names of others by now."""
    older = {record.key for record in log.scan_latest(settings.topic("aliases")) if record.value}
    for record in log.scan_latest(settings.topic("account-scores")):
        document = _data(record) if record.key not in older else None
        if document is not None:
            yield document


def aliases_in_force(log: Log, settings: Settings) -> Aliases:
    """Which names stand for others, as workers have taken it in."""
    aliases = Aliases()
    for record in log.scan_latest(settings.topic("aliases")):
        if record.key and record.value:
            with suppress(ValueError, KeyError, TypeError):  # only workers write it: what they cannot have says nothing
                row = orjson.loads(record.value)
                aliases.add(record.key.decode(), row["canonical"], told_by(row))
    return aliases


def score_of(log: Log, settings: Settings, account: str) -> dict[str, Any] | None:
    """``data`` of the latest score of an account; ``None`` where there is none."""
    record = log.last_by_key(settings.topic("account-scores"), account.encode())
    return None if record is None else _data(record)


def changes_of(log: Log, settings: Settings, account: str) -> list[dict[str, Any]]:
    """``data`` of every tier change of an account, oldest first, each once."""
    found: dict[str, dict[str, Any]] = {}
    for record in log.read_key(settings.topic("tier-changes"), account.encode()):
        event = orjson.loads(record.value or b"{}")
        if "data" in event:
            found.setdefault(event["id"], event["data"])
    return list(found.values())


def signals_of(log: Log, settings: Settings, account: str, aliases: Aliases) -> list[tuple[int, Signal]]:
    """(record time, signal) of everything the log still has of an account, in the order of the log.

    With it what was told of accounts that were joined with it, in order of time, as if it had been told of this one.
    """
    found: list[tuple[int, Signal]] = []
    joined: dict[str, int] = {}
    waiting = [account]
    while waiting:
        name = waiting.pop()
        for record in log.read_key(settings.topic("signals"), name.encode()):
            mark = read_mark(record.value)
            old = mark.data.get("old") if mark is not None and mark.kind == "joined" else None
            if isinstance(old, str) and old != account and old not in joined:
                joined[old] = record.timestamp_ms  # what comes under that name later is forwarded, and found there
                waiting.append(old)
            if mark is not None or record.timestamp_ms > joined.get(name, record.timestamp_ms):
                continue
            incoming = decode(record.value, record.headers, aliases.resolve if name == account else None)
            if isinstance(incoming, Incoming) and incoming.signal.account == name:
                told = incoming.signal
                signal = Signal(account, told.source, told.id, told.type, told.time, told.data)
                found.append((record.timestamp_ms if incoming.recorded is None else incoming.recorded, signal))
    return sorted(found, key=lambda one: one[0]) if joined else found


def nearest(text: str, documents: Iterable[dict[str, Any]], most: int = 3) -> list[tuple[str, str]]:
    """(account, its company's name) of the accounts that somebody may have meant by ``text``."""
    wanted = text.strip().casefold()
    names = {str(one["account"]): str(one["facts"].get("name") or "") for one in documents}
    by_name = {name.casefold(): account for account, name in names.items() if name}
    by_name |= {account: account for account in names} | {account.partition(".")[0]: account for account in names}
    found = [account for account, name in names.items() if len(wanted) > 2 and wanted in f"{account} {name}".casefold()]
    found = heapq.nsmallest(most, found, key=len)
    found += [by_name[name] for name in difflib.get_close_matches(wanted, by_name, most, 0.7)]
    return [(account, names[account]) for account in dict.fromkeys(found)][:most]


def _data(record: Record) -> dict[str, Any] | None:
    if record.value is None:
        return None
    data: dict[str, Any] = orjson.loads(record.value)["data"]
    return data


# Profiles


def profiles_in_force(log: Log, settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """What is in force, by (profile, mode): ``profile`` (the document), ``digest``, ``activated_at``."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for record in log.scan_latest(settings.topic("profiles")):
        if record.key and record.value:
            name, _, mode = record.key.decode().rpartition("/")
            found[name, mode] = orjson.loads(record.value)
    return found


# What was rejected


@dataclass(frozen=True, slots=True)
class Rejected:
    """A rejected record, and where on ``rejected`` it lies."""

    partition: int
    offset: int
    at: int
    """When it was rejected: its append time, epoch ms."""
    document: dict[str, Any]

    @property
    def id(self) -> str:
        """``partition:offset``, by which it is named on the command line."""
        return f"{self.partition}:{self.offset}"

    @property
    def raw(self) -> bytes:
        """Its bytes as they came; of one that was too large the beginning."""
        return base64.b64decode(self.document["raw"])

    @property
    def whole(self) -> bool:
        """Whether ``raw`` is all of it."""
        return self.document.get("sha256") is None

    @property
    def key(self) -> bytes | None:
        """Its key as it came."""
        return None if self.document["key"] is None else base64.b64decode(self.document["key"])

    @property
    def headers(self) -> tuple[tuple[str, bytes], ...]:
        """Its headers as they came."""
        return tuple((one["name"], base64.b64decode(one["value"] or "")) for one in self.document["headers"])

    @property
    def place(self) -> str:
        """Where it came from, in words."""
        origin = self.document["origin"]
        if "file" in origin:
            return f"{origin['file']}:{origin['line']}"
        return f"{origin['topic']} {origin['partition']}:{origin['offset']}"


@dataclass(slots=True)
class Wanted:
    """Which rejected records are meant, and, once they are read, how many there are by reason."""

    reason: str | None = None
    source: str | None = None
    counts: Counter[str] = field(default_factory=Counter)

    def has(self, document: dict[str, Any]) -> bool:
        """Whether this one is meant."""
        if self.reason is not None and document["reason"] != self.reason:
            return False
        return self.source is None or document["sender"]["source"] == self.source


def rejected(log: Log, settings: Settings, wanted: Wanted) -> Iterator[Rejected]:
    """Every rejected record that is meant, partition by partition, oldest first."""
    topic = settings.topic("rejected")
    for partition in range(log.partitions(topic)):
        offset = log.begin(topic, partition)
        while records := log.read(topic, partition, offset, _CHUNK, max_bytes=16 << 20):
            offset = records[-1].offset + 1
            for record in records:
                document = orjson.loads(record.value or b"null")
                if document and wanted.has(document):
                    wanted.counts[document["reason"]] += 1
                    yield Rejected(partition, record.offset, record.timestamp_ms, document)


def rejected_at(log: Log, settings: Settings, id_: str) -> Rejected | None:
    """The rejected record of that id; ``None`` where there is none. Raises ValueError for what is no id."""
    partition, _, offset = id_.partition(":")
    if not (partition.isascii() and partition.isdecimal() and offset.isascii() and offset.isdecimal()):
        raise ValueError(f"{id_!r} is no id of a rejected record: write partition:offset, as 2:17")
    topic = settings.topic("rejected")
    if int(partition) >= log.partitions(topic) or int(offset) >= 1 << 40:
        return None
    records = log.read(topic, int(partition), int(offset), 1)
    if not records or records[0].offset != int(offset) or not records[0].value:
        return None
    record = records[0]
    return Rejected(record.partition, record.offset, record.timestamp_ms, orjson.loads(record.value or b"{}"))


# What waits

_COUNTED = 1_000
"""Offsets up to which the records among them are counted one by one."""


def waiting(log: Log, settings: Settings) -> dict[str, int]:
    """Records that the workers have not processed yet, by topic, of those that have any.

    Where many are left it is their offsets that are counted: on Kafka the marks of transactions have some, too.
    """
    found: dict[str, int] = {}
    topics = [settings.topic(name) for name in (SIGNALS, *INTAKE)]
    ends, positions = log.ends(topics), log.positions(group_of(settings))
    for topic in topics:
        for partition in range(log.partitions(topic)):
            position = positions.get((topic, partition))
            start = log.begin(topic, partition) if position is None else position
            lag = max(ends.get((topic, partition), 0) - start, 0)
            if 0 < lag <= _COUNTED:
                lag = len(log.read(topic, partition, start, lag))
            if lag:
                found[topic] = found.get(topic, 0) + lag
    return found


# Imports


def open_imports(log: Log, settings: Settings) -> dict[int, int]:
    """Since when (epoch ms) an import is open, by partition of ``signals``. Reads all of it."""
    topic = settings.topic("signals")
    found: dict[int, int] = {}
    for partition in range(log.partitions(topic)):
        offset = log.begin(topic, partition)
        while records := log.read(topic, partition, offset, 5_000):
            offset = records[-1].offset + 1
            for record in records:
                mark = read_mark(record.value) if record.key is None else None
                if mark is not None and mark.kind == "import_opened":
                    found.setdefault(partition, record.timestamp_ms)
                elif mark is not None and mark.kind == "import_closed":
                    found.pop(partition, None)
    return found


def waiting_of(log: Log, settings: Settings, account: str) -> int:
    """How many records of an account ``signals`` holds, scored or not."""
    topic, key = settings.topic("signals"), account.encode()
    return len(log.read_key(topic, key, partition=partition_for(key, log.partitions(topic))))
