"""The records of a log, alike for every transport, and the rule that gives a key its partition."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from mypy_extensions import i64

Headers = tuple[tuple[str, bytes], ...]

_MASK: Final = 0xFFFFFFFF
_SEED: Final = 0x9747B28C
_M: Final = 0x5BD1E995


class Record(NamedTuple):
    """One record as read from a log."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    """Milliseconds since the epoch: when the log took the record, unless the sender named a time."""
    key: bytes | None
    value: bytes | None
    """None is a tombstone: in a compacted topic it takes the key out."""
    headers: Headers = ()


class Append(NamedTuple):
    """One record to be appended."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    """None: the append time, which never goes backwards within a partition."""


def as_headers(headers: Any) -> Headers:
    """Headers given as a mapping or pairs, or not at all."""
    if not headers:
        return ()
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, bytes(value)) for name, value in pairs)


def murmur2(data: bytes) -> int:
    """Kafka's 32-bit murmur2 of `data`, unsigned."""
    length = len(data)
    h: i64 = (_SEED ^ length) & _MASK
    whole = length & ~3
    for at in range(0, whole, 4):
        k: i64 = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24
        k = (k * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    if length > whole:
        rest: i64 = int.from_bytes(data[whole:], "little")
        h = ((h ^ rest) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


def partition_for(key: bytes | None, partitions: int) -> int:
    """The partition of a key, as Kafka's Java client and aiokafka choose it; any one at random without a key."""
    if key is None:
        return random.randrange(partitions)  # noqa: S311  spreads load, guards nothing
    return (murmur2(key) & 0x7FFFFFFF) % partitions
