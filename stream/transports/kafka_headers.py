r"""Header names that are not UTF-8: the brokers take them, and both clients would never get past such a record.

Kafka says that a header's name is text, but nobody checks. Java's clients put a mark where a byte is no text; here it
is spelt out (`\xff`). Only a batch with such a name is read again, by the clients' own slower parsers.
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

    def _read_msg(self) -> Any:
        try:
            return super()._read_msg()
        except UnicodeDecodeError:
            self._buffer = Spelt(self._buffer)  # it has not moved: the same record again
            return super()._read_msg()


def tolerate() -> None:
    """From here on kafka-python reads such records in this process. Calling it again does nothing."""
    kafka.record.memory_records.DefaultRecordBatch = PatientBatch
