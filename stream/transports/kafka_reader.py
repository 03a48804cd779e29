"""Reading partitions of Kafka one question after the other, with one consumer.

Whether there is more is decided by comparing the consumer's position with the end, never by waiting for a record: what
lies before the end may be nothing but the marker of a transaction, records that were taken back, or holes that
compaction left.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from kafka import TopicPartition

from stream.transports.errors import LogError, LogUnavailable, LogUnreachable
from stream.transports.kafka_clients import Clients
from stream.transports.kafka_errors import unreachable
from stream.transports.records import Record

POLL_MS = 10
AT_ONCE = 4_096
LOOK_BACK = 64
"""Offsets before the end among which the last record is looked for first."""


class Reader:
    """Reads for one log; one call at a time runs."""

    def __init__(self, clients: Clients, name: str, patience: float) -> None:
        self._clients = clients
        self._name = name
        self._patience = patience
        self._lock = threading.RLock()
        self._at: tuple[Any, int] | None = None
        """The partition that the consumer is assigned, and its position there as we left it."""
        self._ends: dict[Any, int] = {}

    def read(self, topic: str, partition: int, offset: int, limit: int, max_bytes: int | None) -> list[Record]:
        """See `Log.read`."""
        tp = TopicPartition(topic, partition)
        found: list[Record] = []
        size, offset = 0, max(offset, 0)
        with self._lock:
            while len(found) < limit:
                if offset >= self._ends.get(tp, 0):
                    self._ends[tp] = self.ends([tp])[tp]
                    if offset >= self._ends[tp]:
                        break
                with self._asking() as consumer:
                    records, offset = self._more(consumer, tp, offset, min(limit - len(found), AT_ONCE))
                for record in records:
                    found.append(record)
                    size += len(record.key or b"") + len(record.value or b"")
                    if max_bytes is not None and size >= max_bytes:
                        return found
        return found

    @contextmanager
    def _asking(self) -> Iterator[Any]:
        """The consumer; after an error the next one starts afresh."""
        with self._lock:
            try:
                yield self._clients.consumer()
            except BaseException:
                self._at = None
                self._ends.clear()
                self._clients.drop("consumer")
                raise

    def _more(self, consumer: Any, tp: Any, offset: int, limit: int) -> tuple[list[Record], int]:
        """What the next answer has from `offset` on, and where the one after that begins."""
        if self._at is None or self._at[0] != tp:
            consumer.assign([tp])
        if self._at != (tp, offset):
            consumer.seek(tp, offset)
        self._at = None  # known again once all went well
        until = time.monotonic() + self._patience
        while True:
            found = consumer.poll(timeout_ms=POLL_MS, max_records=limit).get(tp, [])
            position = consumer.position(tp, timeout_ms=int(self._patience * 1000))
            if position is not None and position < offset:
                raise LogError(
                    f"{self._name}: {tp.topic}/{tp.partition} ends before offset {offset}, up to which it was known."
                    " The topic was deleted, or records were lost. Start again."
                )
            if found or (position is not None and position > offset):
                self._at = (tp, position)
                return [_record(one) for one in found], position
            if time.monotonic() > until:
                raise LogUnreachable(unreachable(self._name, f"{tp.topic}/{tp.partition} cannot be read at {offset}"))

    def ends(self, places: Iterable[Any]) -> dict[Any, int]:
        """Up to where each partition can be read: what an open transaction holds back does not count."""
        with self._asking() as consumer:
            return self._of_all(consumer.end_offsets, list(places))

    def begins(self, places: Iterable[Any]) -> dict[Any, int]:
        """Where each partition begins."""
        with self._asking() as consumer:
            return self._of_all(consumer.beginning_offsets, list(places))

    def _of_all(self, ask: Callable[[list[Any]], dict[Any, int]], places: list[Any]) -> dict[Any, int]:
        """Asked of topics that were made a moment ago, the client leaves out what its broker has not heard of yet."""
        until = time.monotonic() + self._patience
        while True:
            try:
                found = ask(places)
            except KeyError:
                found = {}
            lacking = sorted({place.topic for place in set(places) - found.keys()})
            if not lacking:
                return found
            if time.monotonic() > until:
                raise LogUnavailable(
                    f"{self._name}: the brokers do not tell the offsets of {', '.join(lacking)}. Look whether each"
                    " partition has a leader, then try again."
                )
            time.sleep(0.2)

    def last(self, topic: str, partition: int) -> int | None:
        """See `Log.last`: looks back from the end, further each time."""
        tp = TopicPartition(topic, partition)
        with self._lock:
            begin, end = self.begins([tp])[tp], self.ends([tp])[tp]
            back, upto = LOOK_BACK, end
            while upto > begin:
                offset = max(begin, end - back)
                newest = None
                while records := self.read(topic, partition, offset, AT_ONCE, None):
                    newest = records[-1].offset
                    offset = newest + 1
                    if newest >= upto:
                        break
                if newest is not None:
                    return newest
                upto = max(begin, end - back)
                back *= 8
        return None


def _record(found: Any) -> Record:
    headers = tuple((name, b"" if value is None else value) for name, value in found.headers)
    return Record(found.topic, found.partition, found.offset, found.timestamp, found.key, found.value, headers)
