"""Whether what came of a batch fits into the log: an account may not remember more than one record can hold."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from schemas.topics import MOST_MESSAGE_BYTES
from stream.agents.refusals import sender_of
from stream.agents.table import NUL
from stream.transports.records import Append, Record
from stream.wire import Incoming, Refusal, decode, read_mark

ROOM = MOST_MESSAGE_BYTES - 64 * 1024
"""Bytes of a record's key and value: the rest is for headers and what Kafka puts around."""


def last_straw(
    appends: Iterable[Append], records: Sequence[Record], poisoned: Container[int]
) -> tuple[Record, Refusal] | None:
    """The record after which an account no longer fits, and why it is refused; None where all fits.

    It is the last one of the batch that is keyed by the account: without it there is less to remember.
    """
    for append in appends:
        if append.value is None or len(append.value) + len(append.key or b"") <= ROOM:
            continue
        account = (append.key or b"").partition(NUL)[0]
        for record in reversed(records):
            if record.key == account and record.offset not in poisoned:
                return record, _refusal(record, len(append.value))
    return None


def _refusal(record: Record, size: int) -> Refusal:
    told = f"with it the account would take {size:,} bytes, over the {ROOM:,} that a record of the log may have; "
    if read_mark(record.value) is not None:  # an account was joined with it, and does not fit beside it
        return Refusal("too_large", told + "what was remembered of the other name is kept here")
    told += "send fewer or shorter facts"
    incoming = decode(record.value, record.headers)
    return Refusal("too_large", told, sender_of(incoming.signal) if isinstance(incoming, Incoming) else None)
