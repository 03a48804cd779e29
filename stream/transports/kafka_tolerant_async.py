"""What `kafka_tolerant` is for kafka-python, for aiokafka, whose parser is compiled."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import aiokafka.consumer.fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

from stream.transports.kafka_tolerant import Spelt

_LENGTH_AT, _OVERHEAD = 8, 12
"""Of a batch: where its length stands, and what comes before what that counts."""


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


def tolerate() -> None:
    """From here on aiokafka gets past all that in this process. Calling it again does nothing."""
    aiokafka.consumer.fetcher.MemoryRecords = _Records
