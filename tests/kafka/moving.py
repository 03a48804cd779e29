"""What is moved by the tests of `tierline migrate`, and what a log has of it afterwards."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import orjson

from schemas.topics import DAY, SIGNALS, TOPICS
from stream.agents.table import partition_key
from stream.settings import Settings, load_settings
from stream.topology import open_log
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append, Record
from stream.transports.seam import Log
from tests.worker.processes import records

NOW = time.time_ns() // 1_000_000
YEAR = 365 * DAY


class Nobody:
    """Watches, and says nothing."""

    def begin(self, what: str, total: int) -> None: ...

    def further(self, records: int) -> None: ...


def a_file(folder: Path, count: int = 300) -> Settings:
    """A file whose records have all that records can have."""
    settings = load_settings({}, broker=f"sqlite:///{folder}/here.db", partitions=2)
    fill(settings, count)
    return settings


def fill(settings: Settings, count: int) -> None:
    """Every topic with old and new records, headers, tombstones and holes; groups at several places."""
    rng = random.Random(3)
    with open_log(settings) as log:
        assert isinstance(log, EmbeddedLog)
        for name, about in TOPICS.items():
            topic = settings.topic(name)
            appends = []
            for number in range(count):
                key = f"k{number % 40}".encode()
                value = None if about.compacted and rng.random() < 0.2 else orjson.dumps({"v": 1, "number": number})
                headers = (("ce_id", b"\xff\x00"), ("ce_id", b""), ("é", str(number).encode())) if number % 3 else ()
                # within what the brokers keep; what they keep for ever may be of any time
                begin = NOW - 2 * YEAR if about.retention is None or about.compacted else NOW - about.retention // 2
                time_ms = begin + number if number % 50 else NOW + YEAR
                partition = number % log.partitions(topic)
                keyed = key if about.compacted or number % 7 else None
                appends.append(Append(topic, partition, keyed, value, headers, time_ms))
            if not about.compacted:
                appends.append(Append(topic, 0, None, None, (("only", b"headers"),), NOW))
            log.append(appends)
            log.erase_key(topic, b"k0", partition=0)
        state = settings.topic("account-state")
        row = {"v": 1, "clock": NOW, "importing": False, "outside": 0, "applied": 7, "log": "file"}
        log.append([Append(state, 1, partition_key("clock", 1), orjson.dumps(row))])
        signals = settings.topic(SIGNALS)
        log.commit([], {("tierline", signals, 0): 0, ("tierline", signals, 1): count // 4, ("other", signals, 0): 40})
        log.commit([], {("tierline", settings.topic("accounts"), 0): log.end(settings.topic("accounts"), 0)})


def contents(log: Log, settings: Settings) -> dict[str, list[Any]]:
    """What all topics hold, but for offsets, and up to where the state says that the log was applied.

    Of a compacted topic the newest of each key: the brokers may have been through it.
    """
    found: dict[str, list[Any]] = {}
    for name, about in TOPICS.items():
        there = records(log, settings.topic(name))
        if about.compacted:
            newest = {(record.partition, record.key): record for record in there}
            there = [newest[at] for at in sorted(newest) if newest[at].value is not None]
        found[name] = [_same(record) for record in there]
    return found


def _same(record: Record) -> tuple[Any, ...]:
    value = record.value
    if value is not None and b'"applied"' in value:
        value = orjson.dumps({**orjson.loads(value), "applied": 0, "log": ""})
    return record.partition, record.timestamp_ms, record.key, value, record.headers


def next_of(log: Log, settings: Settings, group: str) -> dict[tuple[str, int], Any]:
    """The record that a group reads next, at each of its places."""
    found = {}
    for (topic, partition), at in log.positions(group).items():
        if not topic.startswith(settings.topic_prefix):
            continue  # a group of that name of another test's, on the same broker
        came = log.read(topic, partition, at, 1)
        found[topic.removeprefix(settings.topic_prefix), partition] = _same(came[0]) if came else None
    return found
