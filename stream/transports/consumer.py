"""The Faust consumer that delivers batches; a transport adds where the records come from."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, cast

from faust.transport.consumer import Consumer
from faust.types import TP, ConsumerMessage
from mode import ServiceT
from mode.utils.futures import notify

from stream.transports.batching import Batch, BatchAbandoned, BatchingConductor, CommitsBatches, StaleBatch, message_of
from stream.transports.records import Record
from stream.transports.recovery import BatchRecovery


class BatchingConsumer(Consumer):
    """Delivery, acknowledgement and shutdown in batches, over Faust's bookkeeping.

    A subclass provides `_getmany` (up to the limits from each partition asked for, in order), and may override
    `_advanced` and `_give_back`, depending on whether its fetch moves its read position, and `take_over`.
    """

    stop_budget = 5.0
    """Seconds that a stop or a revocation waits for the batches that agents hold."""
    room_wait = 0.01
    """Seconds after which partitions whose agents are busy are asked for again, even if nothing comes of the others."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._window: defaultdict[TP, deque[int]] = defaultdict(deque)
        self._open: defaultdict[TP, dict[int, Batch]] = defaultdict(dict)
        self._seeks = 0
        self._positions: dict[TP, int] = {}  # what is read next
        self._unsought: set[TP] = set()  # assigned, and nobody has said yet from where to read
        self._followed: set[TP] = set()  # changelogs of which we keep a standby copy
        self._wake = asyncio.Event()
        super().__init__(*args, **kwargs)

    async def on_start(self) -> None:
        """Creates the topics that agents append to."""
        await super().on_start()
        for topic in cast("CommitsBatches", self.transport).outputs:
            await topic.declare()

    # Delivery

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        try:
            while not (self.should_stop or fetcher.should_stop):
                await self._drain_once()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:
            self.log.exception("Reading stopped")  # else the fetcher would end in silence, and the worker idle on
            await self.app.crash(error)
            raise

    async def _drain_once(self) -> None:
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]  # mode means asyncio's Event too
            return
        generation, seeks = self.app.consumer_generation_id, self._seeks
        ready = {tp for tp in self._get_active_partitions() - self._unsought if not self._is_changelog_tp(tp)}
        wanted = {tp for tp in ready if self._has_room(tp)} | self._followed
        if not wanted:
            await self.rest(1.0)
            return
        fetched = await self._getmany(wanted, 1.0 if ready <= wanted else self.room_wait)
        for tp, records in fetched.items():
            current = self.flow_active and self._seeks == seeks and self.app.consumer_generation_id == generation
            if current and tp in self._followed:
                self._advanced(tp, records[-1].offset + 1)
                await cast(BatchRecovery, cast(Any, self.app.tables).recovery).apply(tp, records)
            elif current and tp not in self._paused_partitions and tp not in self._unsought:
                await self._deliver(tp, records, generation)
            else:
                self._give_back(tp, records)

    async def rest(self, seconds: float) -> bool:
        """Waits until something was settled, resumed or written, at most so long; True if so."""
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return False
        self._wake.clear()
        return True

    async def _deliver(self, tp: TP, records: Sequence[Record], generation: int) -> None:
        last = records[-1].offset
        self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
        self._read_offset[tp] = last
        self._advanced(tp, last + 1)
        acks = self.app.topics.acks_enabled_for(tp.topic)
        if tp.topic in cast("BatchingConductor", self.app.topics).batched:
            if acks:
                self._window[tp].append(last)
            await self._unless_suspended(self.callback(self._batch_message(tp, records, generation)))
            return
        if acks:
            self._window[tp].extend(record.offset for record in records)
        await self._unless_suspended(self._one_by_one(tp, records))

    async def _one_by_one(self, tp: TP, records: Sequence[Record]) -> None:
        callback, to_message = self.callback, self._to_message
        for at, record in enumerate(records):
            await callback(to_message(tp, record))
            if not at % 100:
                await asyncio.sleep(0)

    async def _unless_suspended(self, delivery: Awaitable[None]) -> None:
        """Delivers, or gives up when the flow is suspended: then everything is read again from the position."""
        await self.wait_first(delivery, self.suspend_flow.wait())

    def _batch_message(self, tp: TP, records: Sequence[Record], generation: int) -> ConsumerMessage:
        batch = Batch(tp, records)
        self._open[tp][batch.end - 1] = batch
        return message_of(batch, generation)

    def _to_message(self, tp: TP, record: Record) -> ConsumerMessage:
        return ConsumerMessage(
            record.topic, record.partition, record.offset, record.timestamp_ms / 1000, 1, list(record.headers),
            record.key, record.value, None, None, None, tp, generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def _has_room(self, tp: TP) -> bool:
        waiting = self._open[tp]
        for batch in waiting.values():
            if batch.message.tracked and batch.message.refcount <= 1:
                raise BatchAbandoned(
                    f"{batch!r}: the agent went on or failed without commit_batch or ack. Look for its error above;"
                    " an agent that settles later must read `.noack()`."
                )
        return len(waiting) < cast(CommitsBatches, self.transport).limits.in_flight

    def _advanced(self, tp: TP, offset: int) -> None:
        """Called before records up to `offset` are handed over."""

    def _give_back(self, tp: TP, records: Sequence[Record]) -> None:
        """Called for what was fetched and cannot be handed over now."""

    # Recovery

    async def take_over(self) -> None:
        """Called first after an assignment: on return no former owner can write for our partitions any more."""

    async def fetch(self, tps: set[TP]) -> Mapping[TP, Sequence[Record]]:
        """What there is next of these partitions, past the agents; waits up to a second for something."""
        fetched = await self._getmany(tps, 1.0)
        for tp, records in fetched.items():
            self._advanced(tp, records[-1].offset + 1)
        return fetched

    def follow(self, tps: set[TP]) -> None:
        """From now on, what comes in of these changelogs, and of no others, goes into their tables."""
        self._followed = set(tps)

    # Settling

    def behind(self, tp: TP) -> int | None:
        """How many offsets of a partition are there and not settled; None where nothing is known of it yet."""
        position = self._positions.get(tp)
        if position is None or tp in self._unsought:
            return None
        batches = self._open.get(tp)
        start = min(batch.start for batch in batches.values()) if batches else position
        return max(0, self.highwater(tp) - start)

    def check_open(self, batch: Batch) -> None:
        """Raises StaleBatch unless `batch` may be settled, ValueError if an earlier one of its partition is open."""
        if self._open[batch.tp].get(batch.end - 1) is not batch:
            raise StaleBatch(f"{batch!r} was settled already, or its partition has been read anew since.")
        settled = self._acked_index[batch.tp]
        for offset in self._window[batch.tp]:
            if offset == batch.end - 1:
                return
            if offset not in settled:
                raise ValueError(f"{batch!r}: the messages before it, up to offset {offset}, are not settled yet.")

    def settle(self, batch: Batch, *, committed: bool = False) -> None:
        """Marks a batch as done; `committed`: its position is stored already. Raises StaleBatch."""
        tp, offset = batch.tp, batch.end - 1
        if self._open[tp].get(offset) is not batch:
            raise StaleBatch(f"{batch!r} was settled already, or its partition has been read anew since.")
        del self._open[tp][offset]
        batch.message.acked = True
        self._unacked_messages.discard(batch.message)
        self._acked_index[tp].add(offset)
        self._acked[tp].append(offset)
        self._n_acked += 1
        if committed:
            window, settled = self._window[tp], self._acked_index[tp]
            while window and window[0] <= offset:
                settled.discard(window.popleft())
            self._committed_offset[tp] = batch.end
            self.app.monitor.on_tp_commit({tp: batch.end})
        self.app.sensors.on_message_out(tp, offset, batch.message)
        del batch.message  # each has the other: so much would wait for the collector
        notify(self._waiting_for_ack)
        self._wake.set()

    def _new_offset(self, tp: TP) -> int | None:
        window, settled = self._window[tp], self._acked_index[tp]
        last: int | None = None
        while window and window[0] in settled:
            last = window.popleft()
            settled.discard(last)
        self._acked[tp].clear()
        return None if last is None else last + 1

    def _forget(self, tps: Iterable[TP]) -> None:
        """What was delivered of these partitions no longer counts: it is read again, here or elsewhere."""
        self._seeks += 1
        for tp in list(tps):
            for batch in self._open.pop(tp, {}).values():
                self._unacked_messages.discard(batch.message)
                del batch.message
            for kept in (self._window, self._acked, self._acked_index):
                cast("dict[TP, Any]", kept).pop(tp, None)

    def abandon(self, tp: TP) -> None:
        """A partition cannot be written for any more: what was delivered of it is void, and no more is read of it."""
        self._unsought.add(tp)
        self._forget({tp})
        notify(self._waiting_for_ack)

    # Flow

    async def perform_seek(self) -> None:
        """Reads on from the committed positions.

        Faust lets the flow go on before and while it seeks: what it would read then is from another place.
        """
        tps = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        self._unsought |= tps
        self._forget(tps)
        await super().perform_seek()
        self._sought(tps)

    @property
    def unsought(self) -> bool:
        """Whether nobody has said yet from where to read some partition that agents wait for."""
        return any(not self._is_changelog_tp(tp) for tp in self._unsought & self.assignment())

    def _sought(self, tps: Iterable[TP]) -> None:
        self._unsought.difference_update(tps)
        self._wake.set()

    def resume_flow(self) -> None:
        """Lets records flow."""
        super().resume_flow()
        self._wake.set()

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Reads these partitions again."""
        super().resume_partitions(tps)
        self._wake.set()

    def on_buffer_drop(self, tp: TP) -> None:
        """An agent has caught up."""
        super().on_buffer_drop(tp)
        self._wake.set()

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Nothing is read of them until their positions are known."""
        self._unsought, self._followed = set(assigned), set()
        self._forget(assigned)
        await super().on_partitions_assigned(assigned, generation_id)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Lets agents finish what they hold and commits it; only then are the acknowledgements dropped."""
        self.stop_flow()
        self.app.flow_control.suspend()
        self.app.flow_control.clear()
        await self.wait_empty()
        self._forget(revoked)
        await super().on_partitions_revoked(revoked)

    async def wait_empty(self) -> None:
        """Waits for the batches that agents hold, at most `stop_budget` seconds, and commits what is settled."""
        deadline = monotonic() + self.stop_budget
        while not self.should_stop and self._unacked_messages and monotonic() < deadline:
            await self._wait_for_ack(timeout=1)
            self._clean_unacked_messages()
        if self._unacked_messages:
            self.log.warning("Not waiting any longer for %s; it will be delivered again.", list(self._unacked_messages))
        await self.commit_and_end_transactions()
