"""The consumer of the embedded log: every partition is this worker's, and new records are noticed by polling."""

# ruff: noqa: ARG002, ASYNC109  the signatures are Faust's

from __future__ import annotations

import typing
from collections.abc import Iterable, Mapping
from time import monotonic
from typing import Any, cast

from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor
from faust.transport.consumer import RecordMap
from faust.types import TP
from mode import Service
from mode.utils.times import Seconds

from stream.transports.consumer import BatchingConsumer
from stream.transports.embedded_producer import EmbeddedProducer
from stream.transports.errors import LogBusy, LogFull
from stream.transports.log import EmbeddedLog, Place
from stream.transports.records import Record, partition_for

if typing.TYPE_CHECKING:
    from stream.transports.embedded import Transport


class EmbeddedConsumer(BatchingConsumer):
    """Reads the embedded log for the one worker that may run on it."""

    poll_interval = 0.02
    """Seconds between looks for what other processes have appended; own writes wake at once."""

    upkeep_slice = 1_000
    """Records a slice of upkeep looks at, in one transaction."""
    upkeep_interval = 1.0
    """Seconds between looks for upkeep to do."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._log = cast("Transport", self.transport)
        self._assigned: set[TP] = set()
        self._subscribed: frozenset[str] | None = None
        self._counts: dict[str, int] = {}
        self._ends: dict[TP, int] = {}
        self._owed: dict[TP, int] = {}
        self._turn = 0
        self._seen = -1

    async def on_start(self) -> None:
        """Takes the worker's lock; raises WorkerRunning if another worker has it."""
        if not self.app.client_only:
            self._log.lock_worker()
        self._log.on_written.append(self._wake.set)
        await super().on_start()

    async def on_stop(self) -> None:
        """Commits what is settled and frees the lock."""
        try:
            await super().on_stop()
        finally:
            if self._wake.set in self._log.on_written:
                self._log.on_written.remove(self._wake.set)
            self._log.unlock_worker()

    @Service.task
    async def _keep_up(self) -> None:
        """Does upkeep in slices, with pauses four times as long as the slices."""
        while not self.should_stop:
            started = monotonic()
            if self._owed:
                await self._commit({})
            try:
                busy = await self._log.writing(lambda log: log.compact(self.upkeep_slice))
            except (LogFull, LogBusy) as error:
                self.log.warning("No upkeep for now: %s", error)
                busy = 0
            await self.sleep(4 * (monotonic() - started) if busy else self.upkeep_interval)

    # Assignment

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Every partition of these topics becomes ours, in the background as with a broker."""
        wanted = frozenset(topics)
        known = await self._log.reading(EmbeddedLog.topics)
        for topic in list(self.app.topics):
            # Declaring what exists finds out a wrong partition count.
            if topic.partitions or not known.keys() >= set(topic.topics):
                await topic.declare()
        known = await self._log.reading(EmbeddedLog.topics)
        self._counts = {name: len(topic.parts) for name, topic in known.items()}
        if wanted != self._subscribed:
            self._subscribed = wanted
            self.add_future(self._rebalance())

    async def _rebalance(self) -> None:
        app, subscribed = self.app, self._subscribed or frozenset()
        app.on_rebalance_start()
        before = set(self._assigned)
        if before:
            await self.on_partitions_revoked(before)
        self._assigned = {TP(name, at) for name in subscribed for at in range(self._counts[name])}
        assignor = cast("PartitionAssignor", app.assignor)
        assignor._assignment = ClientAssignment(  # noqa: SLF001  only Kafka's own client fills it else
            actives={name: list(range(self._counts[name])) for name in subscribed}, standbys={}
        )
        assignor._active_tps = set(self._assigned)  # noqa: SLF001
        app.consumer_generation_id += 1
        await self.on_partitions_assigned(set(self._assigned), app.consumer_generation_id)

    def assignment(self) -> set[TP]:
        """The partitions of this worker: all that it subscribed to."""
        return set(self._assigned)

    # Reading

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        found = await self._log.reading(lambda log: self._read(log, active_partitions or set()))
        deadline = monotonic() + timeout
        while not found and monotonic() < deadline:
            # What may be read can have changed, too, when something woke us: the caller looks again.
            if await self.rest(self.poll_interval) or await self._log.reading(EmbeddedLog.changes) != self._seen:
                break
        return found

    def _read(self, log: EmbeddedLog, wanted: set[TP]) -> dict[TP, list[Record]]:
        """In the reading thread: what there is, within the limits, starting with another partition each time."""
        limits = self._log.limits
        self._seen = log.changes()  # before the reads: what comes after them is then seen as a change
        ends = log.ends()
        behind = sorted(tp for tp in wanted if self._positions.get(tp, 0) < ends.get(tp, 0))
        self._ends.update((TP(*place), end) for place, end in ends.items())
        self._turn += 1
        at = self._turn % len(behind) if behind else 0
        found: dict[TP, list[Record]] = {}
        room = limits.bytes * 2
        for tp in behind[at:] + behind[:at]:
            offset = self._positions.get(tp, 0)
            records = log.read(tp.topic, tp.partition, offset, limits.records, max_bytes=limits.bytes)
            if records:
                found[tp] = records
                room -= sum(len(record.value or b"") for record in records)
                if room <= 0:
                    break
        return found

    def _advanced(self, tp: TP, offset: int) -> None:
        self._positions[tp] = offset

    # Positions

    async def position(self, tp: TP) -> int | None:
        """The offset that is read next."""
        return self._positions.get(tp)

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Reads on from these offsets."""
        self._forget(partitions)
        for tp, offset in partitions.items():
            self._positions[tp] = offset
            self._read_offset[tp] = offset or None
        self._sought(partitions)

    async def _seek(self, partition: TP, offset: int) -> None:
        await self.seek_wait({partition: offset})

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Reads on from the committed positions, or the beginning where there is none."""
        group = self.app.conf.id
        tps = [tp for tp in self._assigned if not self._is_changelog_tp(tp)]
        stored = await self._log.reading(lambda log: {tp: log.position(group, tp.topic, tp.partition) for tp in tps})
        for tp, offset in stored.items():
            self._positions[tp] = offset or 0
        return {tp: offset for tp, offset in stored.items() if offset is not None}

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Stores positions. Those that cannot be stored now, on a full disk say, are tried again until they are."""
        if cast(EmbeddedProducer, self.app.producer).lost:
            self.log.error("Table writes were lost: no position is stored any more, so that the records come again.")
            return False
        self._owed.update(offsets)
        owed = dict(self._owed)
        try:
            await self._log.writing(lambda log: log.commit((), self._positions_to_commit(owed)))
        except (LogFull, LogBusy) as error:
            self.log.error("Positions not stored yet: %s", error)  # noqa: TRY400  the message says it all
            return False
        self._owed = {tp: offset for tp, offset in self._owed.items() if owed.get(tp) != offset}
        return True

    def _positions_to_commit(self, offsets: Mapping[TP, int]) -> dict[Place, int]:
        return {(self.app.conf.id, tp.topic, tp.partition): offset for tp, offset in offsets.items()}

    def highwater(self, tp: TP) -> int:
        """The offset that the next record gets, as last seen."""
        return self._ends.get(tp, 0)

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """One more than the offset of the last record that is still there, so that recovery always gets to it."""

        def look(log: EmbeddedLog) -> dict[TP, int]:
            last = {tp: log.last(tp.topic, tp.partition) for tp in partitions}
            return {
                tp: log.end(tp.topic, tp.partition) if offset is None else offset + 1 for tp, offset in last.items()
            }

        return await self._log.reading(look)

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The offsets of the first records that are still there."""
        return await self._log.reading(lambda log: {tp: log.begin(tp.topic, tp.partition) for tp in partitions})

    # Topics

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a subscribed topic has."""
        return self._counts.get(topic)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """The partition of a key."""
        if partition is not None:
            return partition
        count = self._counts.get(topic)
        return None if count is None else partition_for(key, count)

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

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)
