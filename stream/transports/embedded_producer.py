"""The producer of the embedded log: what is sent while one transaction runs goes together into the next."""

# ruff: noqa: ARG002, ASYNC109  the signatures are Faust's

from __future__ import annotations

import asyncio
import typing
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from faust.transport.producer import Producer, ProducerBuffer
from faust.types import HeadersArg, RecordMetadata
from faust.types.tuples import TP, FutureMessage
from mode import Service
from mode.utils.times import Seconds

from stream.transports.errors import LogBusy, LogFull
from stream.transports.records import Append, as_headers

if typing.TYPE_CHECKING:
    from stream.transports.embedded import Transport


_Queued = tuple[Append, "asyncio.Future[RecordMetadata]"]


class StrictBuffer(ProducerBuffer):
    """Faust's buffer of `send_soon`, which counts the message in flight and flushes until nothing is left."""

    in_flight = 0

    async def _send_pending(self, fut: FutureMessage) -> None:
        self.in_flight += 1
        try:
            await super()._send_pending(fut)
        finally:
            self.in_flight -= 1

    async def flush(self) -> None:
        """Returns once everything has been handed to the producer, or cannot be any more because of a crash."""
        while (self.size or self.in_flight) and not self.should_stop:  # noqa: ASYNC110  Faust offers no event
            await asyncio.sleep(0.001)


class EmbeddedProducer(Producer):
    """Appends single records; agents that commit whole batches use the transport instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.buffer = StrictBuffer(loop=self.loop, beacon=self.beacon)
        self.buffer.app = self.app
        self._log = cast("Transport", self.transport)
        self._pending: list[_Queued] = []
        self._some = asyncio.Event()
        self._running = 0
        self.lost = False
        """A table write could not be appended: no position may be stored any more."""

    async def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> Awaitable[RecordMetadata]:
        """Queues a record; the future ends once the log has it, or with the LogError."""
        if partition is None:
            partition = self.key_partition(topic, key).partition
        time_ms = None if timestamp is None else int(timestamp * 1000)
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        self._pending.append((Append(topic, partition, key, value, as_headers(headers), time_ms), future))
        self._some.set()
        return future

    async def send_and_wait(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        partition: int | None,
        timestamp: float | None,
        headers: HeadersArg | None,
        *,
        transactional_id: str | None = None,
    ) -> RecordMetadata:
        """Appends a record and returns once the log has it. Raises LogError."""
        return await (await self.send(topic, key, value, partition, timestamp, headers))

    @Service.task
    async def _append_pending(self) -> None:
        while not self.should_stop:
            await self._some.wait()
            await self._append_all()

    async def _append_all(self) -> None:
        self._some.clear()
        taken, self._pending = self._pending, []
        self._running += 1
        try:
            if taken:
                await self._append_together(taken)
        except asyncio.CancelledError:
            for _, future in taken:
                future.cancel()
            raise
        finally:
            self._running -= 1

    async def _append_together(self, taken: list[_Queued]) -> None:
        try:
            offsets = await self._log.append([append for append, _ in taken])
        except (LogFull, LogBusy) as error:
            await self._refuse(taken, error)
        except Exception as error:  # noqa: BLE001  it goes to whoever sent the record
            if len(taken) == 1:
                await self._refuse(taken, error)
            else:  # one bad record, an unknown topic say, must not take the others with it
                for one in taken:
                    await self._append_together([one])
        else:
            for (append, future), offset in zip(taken, offsets, strict=True):
                if not future.done():
                    tp = TP(append.topic, append.partition)
                    future.set_result(RecordMetadata(*tp, tp, offset, append.timestamp_ms, 1))

    async def _refuse(self, taken: list[_Queued], error: Exception) -> None:
        """Tells the senders. Nobody waits for a table write: there the worker stops, or state would be lost."""
        self.log.error("%d records were not appended: %s", len(taken), error)
        for append, future in taken:
            if not future.done():
                future.set_exception(error)
                future.exception()  # without this a sender that does not look is reported a second time
            if append.topic in self.app.tables.changelog_topics:
                self.lost = True
                await self.app.crash(error)

    async def flush(self) -> None:
        """Returns once everything sent is in the log or its future has failed."""
        await self.buffer.flush()
        self.lost = self.lost or bool(self.buffer.size)
        while self._pending or self._running:
            if self.should_stop and not self._running:
                await self._append_all()  # after a crash nobody else does
            await asyncio.sleep(0.001)

    async def on_stop(self) -> None:
        """Appends what is still queued, then closes the log."""
        while self._pending or self._running:
            await self._append_all()
            await asyncio.sleep(0)
        await super().on_stop()
        self._log.close()

    async def create_topic(
        self,
        topic: str,
        partitions: int,
        replication: int,
        *,
        config: Mapping[str, Any] | None = None,
        timeout: Seconds = 30.0,
        retention: Seconds | None = None,
        compacting: bool | None = None,
        deleting: bool | None = None,
        ensure_created: bool = False,
    ) -> None:
        """Creates a topic if it is missing; raises TopicMismatch."""
        await self._log.create_topic(topic, partitions, retention=retention, compacting=compacting)

    def key_partition(self, topic: str, key: bytes | None) -> TP:
        """Where a key goes."""
        return TP(topic, self._log.partition_for(topic, key))

    def supports_headers(self) -> bool:
        """Yes."""
        return True
