"""A shard of ``signals`` without any process: records in, outputs out, over a dict as the store. Restarts on demand."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from stream.agents.shard import Shard
from stream.agents.work import Work
from stream.metrics import Metrics
from stream.profiles.document import read_document
from stream.settings import Settings, load_settings
from stream.transports.records import Append, Headers, Record
from stream.transports.rows import MemoryRows
from stream.wire import MarkKind, encode_mark

START = 1_790_000_000_000
"""The wall clock at the beginning, epoch ms."""


class Desk:
    """One shard, its log and its outputs. ``now`` is the wall clock, and with it the append time of what is put in."""

    def __init__(self, *profiles: dict[str, Any], number: int = 0, **settings: Any) -> None:
        self.settings: Settings = load_settings({}, **{"partitions": 1, **settings})
        self.stored = MemoryRows()
        self.now = START
        self.log: list[Record] = []
        self.number = number
        self.out: list[Append] = []
        self.restart()
        for document in profiles:
            self.activate(document)

    def restart(self) -> None:
        """Take everything up anew from what is stored, as a new process does."""
        self.metrics = Metrics()
        self.shard = Shard(self.number, self.stored, self.settings, self.metrics)

    def activate(self, document: dict[str, Any]) -> None:
        """Activate a profile version."""
        self.mark("profile_activated", {"profile": document})

    def mark(self, kind: MarkKind, data: dict[str, Any] | None = None) -> list[Append]:
        """Put a mark in."""
        return self.put((None, encode_mark(kind, data or {}, source="tierline", time=self.now, id_="m")))

    def tell(self, *documents: dict[str, Any], waiting: int = 0) -> list[Append]:
        """Put signals in, one batch, each keyed by its subject; so many more wait in the log."""
        records = ((one["subject"].encode(), json.dumps(one).encode()) for one in documents)
        return self.put(*records, waiting=waiting)

    def put(
        self, *records: tuple[bytes | None, bytes | None], headers: Headers = (), waiting: int = 0
    ) -> list[Append]:
        """Put records in, one batch; what came out."""
        batch = [
            Record(self.settings.topic("signals"), self.number, len(self.log) + at, self.now, key, value, headers)
            for at, (key, value) in enumerate(records)
        ]
        self.log += batch
        return self.done(self.shard.process(batch, self.now, waiting=waiting))

    def beat(self) -> list[Append]:
        """What a beat between batches brings, its tick included."""
        found: list[Append] = []
        work = self.shard.rescore(500, self.now) or self.shard.flush(self.now)
        if work is not None:
            found += self.done(work)
        if self.shard.wants_tick(self.now):
            found += self.mark("tick")
        return found

    def done(self, work: Work) -> list[Append]:
        """The work is durable."""
        self.shard.committed(work, self.now)
        self.out += work.appends
        return work.appends

    def documents(self, name: str, appends: Sequence[Append] | None = None) -> list[dict[str, Any]]:
        """Documents that came out on a topic: all, or those of ``appends``."""
        topic = self.settings.topic(name)
        found = self.out if appends is None else appends
        return [json.loads(one.value or b"{}") for one in found if one.topic == topic]

    def metric(self, name: str, **labels: str) -> float:
        """The value of a sample."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0




def document(text: str) -> dict[str, Any]:
    """The document of a profile written as YAML."""
    value: dict[str, Any] = read_document("p.yaml", text.encode()).value
    return value
