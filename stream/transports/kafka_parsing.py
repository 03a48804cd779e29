"""Records of Kafka as the transport wants them, out of aiokafka's parser: made once, and nothing stops it.

aiokafka makes two objects of each record, of which the transport would make a third, and adds up checksums without the
processor's instruction for that: a quarter of the time in which a worker reads its accounts back. And what brokers keep
that `kafka_tolerant` names stops its compiled parser, as it does kafka-python's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

from stream.transports.kafka_tolerant import Spelt
from stream.transports.records import Record

_LENGTH_AT, _OVERHEAD = 8, 12
"""Of a batch: where its length stands, and what comes before what that counts."""
_MAGIC_AT, _CHECKSUM_AT, _CHECKED_FROM = 16, 17, 21
"""Its version, its checksum, and what that is of (https://kafka.apache.org/documentation/#recordbatch) …"""
_CHECKED_SO = 2
"""… since this version."""


class _Emptied:
    """In place of the record that an emptied marker has no more: not the end of what was taken back."""

    key = b"\x00\x00\x00\x01"
    """Version 0, type 1: what was committed."""


class _Batch:
    """A batch of records, read by the compiled parser, and once more by the other where that fails."""

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        """Asked for of markers alone."""
        return next(self._batch, _Emptied)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except UnicodeDecodeError:
            again: Any = _DefaultRecordBatchPy(self._raw)
            iter(again)  # uncompresses
            again._buffer = Spelt(again._buffer)  # noqa: SLF001  it offers no other way; tests/kafka/test_clients.py
            return iter(list(again))

    def validate_crc(self) -> bool:
        """Whether the batch is as it was sent."""
        if self._raw[_MAGIC_AT] < _CHECKED_SO:  # those before have another checksum, elsewhere
            return bool(self._batch.validate_crc())
        (told,) = struct.unpack_from(">I", self._raw, _CHECKSUM_AT)
        return bool(crc32c(self._raw[_CHECKED_FROM:]) == told)


class _Records:
    """The batches of one answer of a broker's."""

    def __init__(self, data: bytes) -> None:
        self._records = MemoryRecords(data)
        self._data = memoryview(data)
        self._at = 0

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch | None:
        batch = self._records.next_batch()
        if batch is None:
            return None
        (length,) = struct.unpack_from(">i", self._data, self._at + _LENGTH_AT)
        begin, self._at = self._at, self._at + _OVERHEAD + length
        return _Batch(batch, self._data[begin : self._at])


class _PartitionRecords(PartitionRecords):  # type: ignore[misc]  # aiokafka ships no types
    """What an answer has of one partition that is to be handed on."""

    def __iter__(self) -> Iterator[Record]:
        """All that is left; whoever stops amid them goes on there."""
        found: Iterator[Record] = self._records_iterator
        return found

    def _consumer_record(self, tp: Any, record: Any) -> Record:
        return Record(
            tp.topic, tp.partition, record.offset, record.timestamp, record.key, record.value, tuple(record.headers)
        )


def parse_so() -> None:
    """From here on aiokafka does all that in this process. Calling it again does nothing."""
    aiokafka.consumer.fetcher.MemoryRecords = _Records
    aiokafka.consumer.fetcher.PartitionRecords = _PartitionRecords
