"""What has to come out: the engine over the records of the log, partition by partition, with the log's own times."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.values import TierChange
from stream.transports.records import Record
from stream.wire import Incoming, change_document, decode, read_mark

Changes = dict[str, bytes]
"""Of each tier change its id, and a digest of all of it but for the moment at which it was detected."""


@dataclass(slots=True)
class Verdict:
    """How what came out compares with what should."""

    expected: int
    missing: int
    different: int
    unexpected: int
    twice: int

    @property
    def right(self) -> bool:
        """Whether every change is there as it should be, once; no changes at all prove nothing."""
        return self.expected > 0 and not (self.missing or self.different or self.unexpected or self.twice)

    def __str__(self) -> str:
        """In words."""
        if self.right:
            return f"all {self.expected:,} tier changes right"
        return (
            f"of {self.expected:,} tier changes {self.missing:,} are missing and {self.different:,} different;"
            f" {self.unexpected:,} should not be, {self.twice:,} are there twice"
        )


def expected(
    partitions: Iterable[Iterable[Record]], source: str, documents: Sequence[Mapping[str, Any]] = (), at: int = 0
) -> Changes:
    """The tier changes of these records, marks of our own log obeyed.

    ``documents``: profiles that are in force from ``at`` (epoch ms) on, where the log does not say so.
    """
    found: Changes = {}
    engine = Engine(Limits())
    for records in partitions:
        partition = Partition(engine, Memory())
        for document in documents:
            partition.activate(compile_profile(document), at)
        changes = [change for record in records for change in _apply(partition, record)]
        changes += partition.rescore()  # a profile came into force after signals that it counts
        for change in changes:
            document = change_document(change, source=source, importing=False, detected_at=0)
            found[document["id"]] = _digest(document)
    return found


def _apply(partition: Partition, record: Record) -> Sequence[TierChange]:
    mark = read_mark(record.value)
    if mark is not None:
        match mark.kind:
            case "tick":
                return partition.tick(record.timestamp_ms)
            case "profile_activated":
                partition.activate(compile_profile(mark.data["profile"]), record.timestamp_ms)
            case "profile_retired":
                partition.retire(mark.data["profile"], record.timestamp_ms)
        return ()
    incoming = decode(record.value, record.headers)
    if not isinstance(incoming, Incoming) or incoming.signal.account.encode() != record.key:
        return ()
    return partition.signal(incoming.signal, record.timestamp_ms).changes


def compared(wanted: Changes, values: Iterable[bytes]) -> Verdict:
    """Compare published tier changes with those expected."""
    seen: Changes = {}
    twice = 0
    for value in values:
        document = orjson.loads(value)
        twice += document["id"] in seen
        seen[document["id"]] = _digest(document)
    missing = wanted.keys() - seen.keys()
    different = sum(digest != wanted[id_] for id_, digest in seen.items() if id_ in wanted)
    return Verdict(len(wanted), len(missing), different, len(seen.keys() - wanted.keys()), twice)


def _digest(document: dict[str, Any]) -> bytes:
    document["data"].pop("detected_at")
    return hashlib.blake2b(orjson.dumps(document), digest_size=16).digest()
