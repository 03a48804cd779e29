r"""What brokers keep and both clients would never get past: header names that are not UTF-8, and emptied markers.

Kafka says that a header's name is text, but nobody checks. Java's clients put a mark where a byte is no text; here it
is spelt out (`\xff`). Only a batch with such a name is read again, by the clients' own slower parsers.

Of a compacted topic brokers take out old markers of transactions, too, and may leave the batch without its record, for
what its head says of the producer (LogCleaner). It marks nothing any more; Java's client passes over it.
"""

from __future__ import annotations

from typing import Any

import kafka.record.memory_records
from kafka.record.default_records import DefaultRecordBatch


class Spelt(bytearray):
    """Bytes whose text is never a mistake."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return Spelt(found) if isinstance(found, bytearray) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """The text, the bytes that are none spelt out."""
        return super().decode(encoding, errors)


class PatientBatch(DefaultRecordBatch):  # type: ignore[misc]  # kafka-python ships no types
    """kafka-python's batch of records."""

    _buffer: Any

    def __next__(self) -> Any:
        try:
            return super().__next__()
        except StopIteration:
            if self.is_control_batch:
                return None  # only the first of these is asked for, and None says that it is no end of a transaction
            raise

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            self._buffer = Spelt(self._buffer)  # it has not moved: the same record again
            return super()._read_msg()


def tolerate() -> None:
    """From here on kafka-python gets past all that in this process. Calling it again does nothing."""
    kafka.record.memory_records.DefaultRecordBatch = PatientBatch
