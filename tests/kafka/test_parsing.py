"""Records out of aiokafka's parser: as the transport hands them on, and only such as came as they were sent."""

from __future__ import annotations

import struct
from itertools import islice

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.structs import TopicPartition

from stream.transports.kafka_parsing import parse_so
from stream.transports.records import Record

PLACE = TopicPartition("signals", 3)
HEADERS = [("ce_id", b"1"), ("trace", b"")]


def batch(offset: int, count: int, *, packed: int = 0) -> bytes:
    """So many records; the first is a tombstone."""
    made = DefaultRecordBatchBuilder(
        magic=2, compression_type=packed, is_transactional=False, producer_id=-1, producer_epoch=-1, base_sequence=-1,
        batch_size=100_000,
    )  # fmt: skip
    for at in range(count):
        made.append(at, timestamp=1_000 + at, key=b"k%d" % at, value=b"v" * 40 if at else None, headers=HEADERS)
    return struct.pack(">q", offset) + bytes(made.build())[8:]


def legacy(magic: int) -> bytes:
    """A record as brokers before 0.11 wrote it."""
    made = LegacyRecordBatchBuilder(magic=magic, compression_type=0, batch_size=100_000)
    made.append(0, timestamp=7, key=b"k", value=b"v" * 40)
    return bytes(made.build())


def parsed(data: bytes) -> fetcher.PartitionRecords:
    """What an answer has of one partition."""
    parse_so()
    return fetcher.PartitionRecords(
        PLACE, fetcher.MemoryRecords(data), [], 0, None, None, True, fetcher.READ_COMMITTED
    )  # fmt: skip


@pytest.mark.parametrize("packed", [0, 1, 4], ids=["plain", "gzip", "zstd"])
def test_records_are_the_transports_own(packed: int) -> None:
    """Each once, with all that the transport knows of a record."""
    found = list(parsed(batch(20, 2, packed=packed) + batch(22, 1)))
    assert [type(record) for record in found] == [Record] * 3
    assert found[:2] == [
        Record("signals", 3, 20, 1_000, b"k0", None, tuple(HEADERS)),
        Record("signals", 3, 21, 1_001, b"k1", b"v" * 40, tuple(HEADERS)),
    ]
    assert found[2].offset == 22


def test_whoever_stops_goes_on_there() -> None:
    """A fetch takes no more than it may; the next one takes what comes then, and nothing twice."""
    records = parsed(batch(0, 5) + batch(5, 5))
    assert [record.offset for record in islice(records, 3)] == [0, 1, 2]
    assert records.next_fetch_offset == 3
    assert [record.offset for record in records] == [3, 4, 5, 6, 7, 8, 9]
    assert next(records, None) is None
    assert records.next_fetch_offset == 10


@pytest.mark.parametrize(
    "data",
    [batch(0, 3), batch(0, 3, packed=4), legacy(0), legacy(1)],
    ids=["plain", "zstd", "version 0", "version 1"],
)
def test_a_batch_that_is_not_as_it_was_sent_is_not_handed_on(data: bytes) -> None:
    """Whatever bit is another on the way from the disk of a broker: the checksum tells, in every version."""
    assert list(parsed(data))
    for at in range(len(data) - 8, len(data)):
        spoilt = bytearray(data)
        spoilt[at] ^= 1
        with pytest.raises(CorruptRecordException):
            list(parsed(bytes(spoilt)))
