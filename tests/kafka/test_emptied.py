"""Of a compacted topic brokers may keep the head of a transaction's marker without its record."""

from __future__ import annotations

import struct
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from aiokafka.consumer import fetcher as asynchronous
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.structs import TopicPartition
from kafka.consumer import fetcher as synchronous
from kafka.record import MemoryRecords
from kafka.record import memory_records as parsers

from stream.transports import kafka_parsing, kafka_tolerant

PLACE = TopicPartition("account-state", 0)
PRODUCER = 7


def batch(offset: int, value: bytes) -> bytes:
    """A record of a transaction."""
    made = DefaultRecordBatchBuilder(
        magic=2, compression_type=0, is_transactional=True, producer_id=PRODUCER, producer_epoch=0, base_sequence=0,
        batch_size=1_000,
    )  # fmt: skip
    made.append(0, timestamp=1, key=b"k", value=value, headers=[])
    return struct.pack(">q", offset) + bytes(made.build())[8:]


def marker(offset: int, *, aborts: bool | None) -> bytes:
    """The end of a transaction, as a batch of version 2; ``aborts=None``: only its head is left."""
    if aborts is None:
        record, count = b"", 0
    else:
        key = struct.pack(">hh", 0, 0 if aborts else 1)
        value = struct.pack(">hi", 0, 0)
        body = b"\x00\x00\x00" + bytes([2 * len(key)]) + key + bytes([2 * len(value)]) + value + b"\x00"
        record, count = bytes([2 * len(body)]) + body, 1
    transactional_control = 0x30
    head = struct.pack(">hiqqqhii", transactional_control, 0, 1, 1, PRODUCER, 0, -1, count)
    return struct.pack(">qiibI", offset, 9 + len(head) + len(record), 0, 2, 0) + head + record


def read_by_aiokafka(data: bytes, aborted: list[tuple[int, int]]) -> tuple[list[bytes], int]:
    """The values of a fetched answer, and the position after it."""
    kafka_parsing.parse_so()
    found = asynchronous.PartitionRecords(
        PLACE, asynchronous.MemoryRecords(data), aborted, 0, None, None, False, asynchronous.READ_COMMITTED
    )
    return [record.value for record in found], found.next_fetch_offset


def read_by_kafka_python(data: bytes, aborted: list[tuple[int, int]]) -> tuple[list[bytes], int]:
    """The same, by the other client."""
    kafka_tolerant.tolerate()
    assert parsers.DefaultRecordBatch is kafka_tolerant.PatientBatch
    told = [SimpleNamespace(producer_id=producer, first_offset=offset) for producer, offset in aborted]
    committed = synchronous.IsolationLevel.READ_COMMITTED
    found = synchronous.Fetcher.PartitionRecords(
        0, PLACE, MemoryRecords(data), check_crcs=False, aborted_transactions=told, isolation_level=committed
    )
    return [record.value for record in found.take()], found.next_fetch_offset


@pytest.mark.parametrize("read", [read_by_aiokafka, read_by_kafka_python])
def test_an_emptied_marker_is_passed_over(read: Callable[..., tuple[list[bytes], int]]) -> None:
    """What comes before and after it is read, and so is what comes after a marker that has its record."""
    data = [batch(3, b"a"), marker(4, aborts=None), marker(5, aborts=False), batch(6, b"b"), marker(9, aborts=None)]
    assert read(b"".join(data), []) == ([b"a", b"b"], 10)


@pytest.mark.parametrize("read", [read_by_aiokafka, read_by_kafka_python])
def test_what_was_taken_back_still_ends_with_its_marker(read: Callable[..., tuple[list[bytes], int]]) -> None:
    """An emptied marker ends nothing; the one that takes back does."""
    data = [batch(3, b"no"), marker(4, aborts=None), batch(5, b"no"), marker(6, aborts=True), batch(7, b"yes")]
    assert read(b"".join(data), [(PRODUCER, 3)]) == ([b"yes"], 8)
