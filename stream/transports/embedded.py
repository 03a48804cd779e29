"""The Faust transport on the embedded log: `faust.App(broker="sqlite:///path/to/tierline.db")`.

The one worker of a file is given every partition of what it subscribes to. Reads and writes each have a thread and a
connection of their own, so that neither the disk's syncs nor one another hold up the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast
from urllib.parse import quote

import faust
from faust.transport import base
from faust.types import TP
from mode.utils.times import Seconds, want_seconds

from stream.transports.batching import Batch, BatchingConductor, BatchLimits, StaleBatch
from stream.transports.embedded_consumer import EmbeddedConsumer
from stream.transports.embedded_producer import EmbeddedProducer
from stream.transports.errors import StalePosition
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog, Place
from stream.transports.records import Append, partition_for

T = TypeVar("T")


def broker_url(path: str | Path) -> str:
    """The `broker` setting for the log at `path`."""
    return f"sqlite://{quote(str(Path(path).absolute()))}"


class Transport(base.Transport):
    """Faust's transport over one embedded log; for agents it is `CommitsBatches`."""

    Consumer: ClassVar[type] = EmbeddedConsumer
    Producer: ClassVar[type] = EmbeddedProducer
    Conductor: ClassVar[type] = BatchingConductor

    driver_version = "embedded"
    default_port = 0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = BatchLimits()
        self.outputs: list[faust.Topic] = []
        self.path = Path("/" + self.url[0].path.lstrip("/"))
        self.on_written: list[Callable[[], None]] = []
        """Called on the event loop after each write of this process."""
        self.lock_name = ""
        """Of the app whose one worker this is; the scoring workers have none."""
        self._lock: WorkerLock | None = None
        self._writer: _Hand | None = None
        self._reader: _Hand | None = None

    # For agents

    async def commit_batch(self, appends: Sequence[Append], batch: Batch, *, follows: bool = False) -> list[int]:  # noqa: ARG002
        """See `CommitsBatches`. All of it in one transaction: after a crash either all or nothing is there.

        The position, too, in any case: there it costs nothing.
        """
        consumer = cast("EmbeddedConsumer", self.app.consumer)
        consumer.check_open(batch)
        place = (self.app.conf.id, batch.tp.topic, batch.tp.partition)
        try:
            offsets = await self.write(appends, {place: batch.end}, {place: batch.start})
        except StalePosition as error:
            await consumer.perform_seek()  # somebody moved the position: read on from there
            raise StaleBatch(str(error)) from error
        consumer.settle(batch, committed=True)
        return offsets

    async def append(self, appends: Sequence[Append]) -> list[int]:
        """See `CommitsBatches`."""
        return await self.write(appends, {})

    async def append_for(self, tp: TP, appends: Sequence[Append]) -> list[int]:  # noqa: ARG002  every one is ours
        """See `CommitsBatches`."""
        return await self.write(appends, {})

    def ack(self, batch: Batch) -> None:
        """See `CommitsBatches`."""
        cast("EmbeddedConsumer", self.app.consumer).settle(batch)

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """See `CommitsBatches`."""
        return partition_for(key, self._hand("_writer").log.partitions(topic))

    # For the consumer and the producer

    async def write(
        self, appends: Sequence[Append], positions: Mapping[Place, int], expected: Mapping[Place, int] | None = None
    ) -> list[int]:
        """One transaction, in the writing thread. It ends as it ends even if the caller is cancelled."""
        offsets = await self.writing(lambda log: log.commit(appends, positions, expected=expected))
        for wake in self.on_written:
            wake()
        return offsets

    async def writing(self, work: Callable[[EmbeddedLog], T]) -> T:
        """Runs `work` in the writing thread."""
        return await self._hand("_writer").run(work)

    async def reading(self, work: Callable[[EmbeddedLog], T]) -> T:
        """Runs `work` in the reading thread."""
        return await self._hand("_reader").run(work)

    async def create_topic(
        self, name: str, partitions: int, *, retention: Seconds | None, compacting: bool | None
    ) -> None:
        """Creates a topic, `retention` in seconds; raises TopicMismatch."""
        retention_ms = None if retention is None or compacting else int(want_seconds(retention) * 1000)
        await self.writing(
            lambda log: log.create_topic(name, partitions, compact=bool(compacting), retention_ms=retention_ms)
        )

    def lock_worker(self) -> None:
        """Takes the one worker's lock; does nothing if this transport has it. Raises WorkerRunning.

        The consumer does it at its start; do it first to have a second worker fail before its web server starts.
        """
        if self._lock is None:
            self._lock = WorkerLock(self.path, self.lock_name)

    def unlock_worker(self) -> None:
        """Lets the next worker in."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def close(self) -> None:
        """Waits for writes under way and closes the log; it opens again when used again."""
        for hand in (self._writer, self._reader):
            if hand is not None:
                hand.close()
        self._writer = self._reader = None

    def _hand(self, name: str) -> _Hand:
        hand: _Hand | None = getattr(self, name)
        if hand is None:
            hand = _Hand(self.path, name.strip("_"))
            setattr(self, name, hand)
        return hand


class _Hand:
    """A connection to the log with a thread to use it."""

    def __init__(self, path: Path, name: str) -> None:
        self.log = EmbeddedLog(path)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"log-{name}")

    async def run(self, work: Callable[[EmbeddedLog], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self.log)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self.log.close()
