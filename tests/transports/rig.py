"""What the behavioural suite needs of a transport: a place to run apps on, and a way to look at it from outside."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Protocol

import faust

from stream.transports.batching import Batch, BatchLimits, batch_topic
from stream.transports.embedded import broker_url
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append, Record, partition_for
from stream.transports.recovery import BatchTableManager


class Rig(Protocol):
    """One fresh log, or names of its own on a cluster, seen from outside any worker.

    Everything here takes names without the prefix; apps use `name`.
    """

    broker: str
    prefix: str

    def name(self, topic: str) -> str:
        """What a topic, or a group, is called by apps."""

    def create(self, topic: str, partitions: int, *, compact: bool = False) -> None:
        """Creates a topic."""

    def append(self, records: Sequence[Append]) -> None:
        """Appends records; they are durable on return."""

    def read(self, topic: str, partition: int) -> list[Record]:
        """All there is of a partition."""

    def position(self, group: str, topic: str, partition: int) -> int | None:
        """What a group reads next."""

    def compact(self) -> None:
        """Has everything compacted and expired that can be."""

    def prepare(self, app: faust.App) -> None:
        """Does what has to be done from outside before an app starts."""

    def close(self) -> None:
        """Gives everything back."""


class EmbeddedRig:
    """The embedded log in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "log.db"
        self.log = EmbeddedLog(self.path)
        self.broker = broker_url(self.path)
        self.prefix = ""
        self.position = self.log.position
        self.close = self.log.close

    def name(self, topic: str) -> str:
        return topic

    def create(self, topic: str, partitions: int, *, compact: bool = False) -> None:
        self.log.create_topic(topic, partitions, compact=compact)

    def append(self, records: Sequence[Append]) -> None:
        self.log.append(records)

    def read(self, topic: str, partition: int) -> list[Record]:
        return self.log.read(topic, partition, 0, 1_000_000)

    def compact(self) -> None:
        while self.log.compact(1_000, tombstones_ms=0):
            pass

    def prepare(self, app: faust.App) -> None:
        pass  # the worker makes its topics itself


def keyed(topic: str, key: bytes, value: bytes | None = b"v", *, partitions: int = 2) -> Append:
    """A record in the partition that its key belongs to."""
    return Append(topic, partition_for(key, partitions), key, value)


def numbered(topic: str, partition: int, count: int, *, start: int = 0) -> list[Append]:
    """`count` records whose values are their numbers."""
    return [Append(topic, partition, b"k", b"%d" % number) for number in range(start, start + count)]


def new_app(rig: Rig, app_id: str = "group", *, partitions: int = 2, **options: Any) -> faust.App:
    """An app as Tierline makes them."""
    return faust.App(
        rig.name(app_id),
        broker=rig.broker,
        env={},
        store="memory://",
        TableManager=BatchTableManager,
        topic_partitions=partitions,
        topic_disable_leader=True,
        stream_wait_empty=True,
        web_enabled=False,
        datadir=Path(gettempdir()) / "tierline-tests",
        **options,
    )


Handler = Callable[[faust.App, Batch], Any]


def batch_app(
    rig: Rig, handler: Handler, *, limits: BatchLimits | None = None, noack: bool = False, partitions: int = 2
) -> faust.App:
    """An app with one agent on `in` that awaits `handler(app, batch)`."""
    app = new_app(rig, partitions=partitions)
    source = batch_topic(app, rig.name("in"), partitions=partitions)

    @app.agent(source)
    async def work(batches: faust.StreamT[Batch]) -> None:
        async for batch in batches.noack() if noack else batches:
            await handler(app, batch)

    if limits:
        app.transport.limits = limits
    return app


@asynccontextmanager
async def running(rig: Rig, app: faust.App) -> AsyncIterator[faust.App]:
    """The app, started, recovered and ready to process; stopped at the end."""
    app.finalize()
    rig.prepare(app)
    await app.start()
    try:
        await until(lambda: app.tables.recovery.completed.is_set() and not app.rebalancing)
        yield app
    finally:
        await app.stop()


async def until(holds: Callable[[], Any], *, seconds: float = 10.0) -> None:
    """Waits until `holds()` is true; fails after so many seconds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        await asyncio.sleep(0.005)
