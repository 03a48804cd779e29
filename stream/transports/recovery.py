"""Tables come back from their changelogs by the batch, and recovery ends when the position says so.

Faust ends its recovery when the very last offset of a changelog is delivered: a tail that was compacted, expired, or is
a transaction's marker makes it wait for ever. It also takes one record at a time, and swallows exceptions. Here the
changelog is read up to its end as of the assignment, whatever is at that end, and a fault stops the worker.
"""

# ruff: noqa: SLF001  Faust offers no other way in; tests/transports/test_faust_pins.py pins the names

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from aiokafka.errors import IllegalStateError, KafkaError
from faust.app.base import App
from faust.tables.base import Collection
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.types import TP
from faust.types.tuples import Message
from mode import Service

from stream.transports.errors import LogError
from stream.transports.records import Record
from stream.transports.rows import RowStore

if TYPE_CHECKING:
    from stream.transports.consumer import BatchingConsumer

log = logging.getLogger("tierline")
"""Operators follow a long recovery there: what the runtime logs is shown with --verbose only."""

RETRY = 1.0
"""Seconds before a recovery that the brokers did not let go on is begun again."""


class BatchRecovery(Recovery):
    """Recovery of whatever tables an app has, for the partitions of each new assignment."""

    progress_interval = 5.0
    """Seconds between two sentences in the log on how far a long recovery is."""

    seconds = 0.0
    """How long the last recovery took."""

    @Service.task
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):  # type: ignore[arg-type]  # asyncio's Event
                break
            self.signal_recovery_start.clear()
            generation, began = self._generation_id, monotonic()
            try:
                await self._wait(self._recover())
                self.seconds = monotonic() - began
                await self.on_recovery_completed(generation)
                while self._unsought():  # Faust goes on where looking up the positions takes too long
                    await self._wait(cast("BatchingConsumer", self.app.consumer).perform_seek())
            except (RebalanceAgain, IllegalStateError):
                continue  # assigned anew meanwhile: what was restored stays, the rest follows
            except ServiceStopped:
                break
            except (KafkaError, LogError) as error:
                log.warning("recovery cannot go on yet, and is tried again: %s", error or repr(error))
                await self.sleep(RETRY)
                self.signal_recovery_start.set()
            except Exception as error:
                if self.app.should_stop:
                    break
                self.log.exception("Recovery stopped")
                await cast(App, self.app).crash(error)
                raise

    @Service.task
    async def _slurp_changelogs(self) -> None:
        """Nothing: no changelog record comes as an event here."""

    @Service.task
    async def _publish_stats(self) -> None:
        """Nothing: Faust counts such events, and calls it an internal error where none comes for 30 s."""

    def _unsought(self) -> bool:
        return cast("BatchingConsumer", self.app.consumer).unsought and not self.should_stop

    async def _recover(self) -> None:
        consumer = cast("BatchingConsumer", self.app.consumer)
        self._set_recovery_started()
        await consumer.take_over()
        ours = self.active_tps | self.standby_tps
        for table in cast(TableManager, self.app.tables).values():
            if isinstance(table.data, RowStore):
                table.data.keep_only({tp.partition for tp in ours if self.tp_to_table[tp] is table})
        tps = {tp for tp in self.active_tps if tp.topic in self.tables._changelogs}
        starts = await self._starts(consumer, tps)
        ends = await consumer.highwaters(*tps)
        left = {tp for tp in tps if starts[tp] < ends[tp]}
        if left:
            total = sum(ends[tp] - starts[tp] for tp in left)
            log.info("restoring %d changelog records of %d partitions", total, len(left))
            began = monotonic()
            await consumer.seek_wait({tp: starts[tp] for tp in left})
            await self._read_to(consumer, left, ends)
            log.info("restored in %.1f s", monotonic() - began)
        if self.standby_tps:
            starts = await self._starts(consumer, self.standby_tps)
            await consumer.seek_wait(starts)
        consumer.follow(self.standby_tps)

    async def _starts(self, consumer: BatchingConsumer, tps: set[TP]) -> dict[TP, int]:
        """From where each changelog is to be read: what is already in is not read again."""
        first, ends = await consumer.earliest_offsets(*tps), await consumer.highwaters(*tps)
        starts: dict[TP, int] = {}
        for tp in tps:
            table = self.tp_to_table[tp]
            applied = table.persisted_offset(tp)
            if applied is not None and not (first[tp] or 0) <= applied + 1 <= ends[tp]:
                log.warning("%s/%d is not the changelog that the kept rows came from: read anew", *tp)
                cast(RowStore, cast("Collection", table).data).rows(tp.partition).reset()
                applied = None
            starts[tp] = max(first[tp] or 0, -1 if applied is None else applied + 1)
        return starts

    async def _read_to(self, consumer: BatchingConsumer, left: set[TP], ends: Any) -> None:
        """What one answer brought is taken in beside the reading of the next: packing rows holds up no other thread."""
        told, count = monotonic(), 0
        taken: asyncio.Task[None] | None = None
        try:
            while left:
                fetched = await consumer.fetch(left)
                if taken is not None:
                    await asyncio.shield(taken)
                taken = asyncio.create_task(self._take_in(fetched))
                count += sum(map(len, fetched.values()))
                left = {tp for tp in left if ((await consumer.position(tp)) or 0) < ends[tp]}
                if monotonic() - told > self.progress_interval:
                    told = monotonic()
                    log.info("restored %d changelog records so far", count)
            if taken is not None:
                await asyncio.shield(taken)
        finally:
            if taken is not None:
                await asyncio.wait({taken})  # also when called off: the next recovery goes on with the same rows
                taken.exception()  # of what went wrong in both, the reading is told of

    async def _take_in(self, fetched: Mapping[TP, Sequence[Record]]) -> None:
        for tp, records in fetched.items():
            table = cast("Collection", self.tp_to_table[tp])
            if not records:
                continue
            if isinstance(table.data, RowStore):
                await asyncio.to_thread(table.data.rows(tp.partition).restore, records)
            else:
                await self.apply(tp, records)

    async def apply(self, tp: TP, records: Sequence[Record]) -> None:
        """Puts records of a changelog into the table they belong to."""
        table = cast("Collection", self.tp_to_table[tp])
        if isinstance(table.data, RowStore):
            table.data.rows(tp.partition).restore(records)
            return
        topic = table.changelog_topic
        events = [await topic.decode(_message(tp, record), propagate=True) for record in records]
        table.apply_changelog_batch(events)
        for event in events:
            await table.on_changelog_event(event)


class BatchTableManager(TableManager):
    """Faust's tables with our recovery."""

    @property
    def recovery(self) -> BatchRecovery:
        """The recovery of this app's tables."""
        if self._recovery is None:
            self._recovery = BatchRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return cast(BatchRecovery, self._recovery)


def _message(tp: TP, record: Record) -> Message:
    return Message(
        tp.topic, tp.partition, record.offset, record.timestamp_ms / 1000, 1, None, record.key, record.value,
        None, 0, 0, tp,
    )  # fmt: skip
