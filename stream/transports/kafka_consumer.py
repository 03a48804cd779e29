"""The consumer on Kafka: Faust's assignment, whole fetched batches, and only what is committed.

It runs on the worker's own event loop. Nothing of a partition is read before its former owner is fenced.
"""

# ruff: noqa: ASYNC109  the signatures are Faust's
# ruff: noqa: SLF001  aiokafka offers no other way; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import asyncio
import typing
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, cast

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.errors import ConsumerStoppedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition
from faust.transport.consumer import RecordMap
from faust.types import TP
from mode.utils.times import Seconds

from stream.transports.kafka_positions import Member
from stream.transports.kafka_refusals import NOT_ALLOWED, RefusedConsumer
from stream.transports.records import Record, partition_for

if typing.TYPE_CHECKING:
    from stream.transports.batching import BatchingConductor
    from stream.transports.kafka_transport import KafkaTransport

FETCH_BYTES = 4 * 1024 * 1024
"""Of a partition at once; a larger record comes alone."""
ANSWER_BYTES = 4 * 1024 * 1024
"""Of all partitions at once: while much is read, several answers are in memory."""
COMMIT_TIMEOUT = 2.0
"""Seconds for the brokers to take positions: whoever stops must not wait for one that is away."""
FETCH_WAIT_MS = 25
"""How long a broker may hold back an answer that has nothing. A partition that was read just now is not in the request
under way: so much later is its next record seen."""


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Hands assignments on to Faust."""

    def __init__(self, consumer: KafkaConsumer) -> None:
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called before each rejoin with all that was ours."""
        self._consumer.app.on_rebalance_start()
        await self._or_crash(self._consumer.on_partitions_revoked(_tps(revoked)))

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called after each rejoin with all that is ours now. No heartbeat is sent until it returns."""
        member = self._consumer.member = Member(self._consumer.client)
        self._consumer.app.consumer_generation_id = member.generation
        await self._or_crash(self._consumer.on_partitions_assigned(_tps(assigned), member.generation))

    async def _or_crash(self, work: Awaitable[None]) -> None:
        """The client would only log what goes wrong here, and the worker idle on."""
        try:
            await work
        except Exception as error:
            await self._consumer.app.crash(error)
            raise


class KafkaConsumer(RefusedConsumer):
    """Reads Kafka as a member of the group."""

    consumer_stopped_errors = (ConsumerStoppedError,)

    client: AIOKafkaConsumer
    member: Member | None = None
    """What the last assignment has made us."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kafka, self._tidied = cast("KafkaTransport", self.transport), dict[TP, int]()

    async def on_start(self) -> None:
        """Connects. Raises LogUnreachable, LogRefused."""
        self.client = self._kafka.new_consumer()
        await self.client.start()
        await super().on_start()

    async def on_stop(self) -> None:
        """Commits what is settled, and leaves the group at once so that others go on."""
        try:
            await super().on_stop()
        finally:
            await self._kafka.writers.give_back()
            await self.client.stop()

    # Assignment

    async def subscribe(self, topics: Iterable[str]) -> None:
        """Joins the group for these topics."""
        self.client.subscribe(topics=set(topics), listener=Listener(self))

    def assignment(self) -> set[TP]:
        """The partitions that are ours now."""
        return _tps(self.client.assignment())

    async def take_over(self) -> None:
        """Fences the former owners of the partitions that agents read."""
        batched = cast("BatchingConductor", self.app.topics).batched
        tps = {tp for tp in self.assignment() if tp.topic in batched}
        member = cast("Member", self.member)
        try:
            await self._kafka.writers.take_over(await self._kafka.client(), member, tps, self._kafka.take_over_seconds)
        except NOT_ALLOWED as error:
            self._refused(error)
            raise

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Lets agents finish what they hold; after that they can write no more."""
        await super().on_partitions_revoked(revoked)
        if self.member is not None:
            self.member.over()
        await self._kafka.writers.give_back()
        for tp in revoked:
            self._positions.pop(tp, None)
            self._tidied.pop(tp, None)

    def rejoin(self) -> None:
        """Has all partitions assigned anew: what we know of one is void."""
        self.client._coordinator.request_rejoin()

    # Reading

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:
        wanted = [TopicPartition(*tp) for tp in active_partitions or ()]
        asked = self.client.getmany(*wanted, timeout_ms=int(timeout * 1000), max_records=self._kafka.limits.records)
        fetched = await self._if_allowed(asked)
        found: dict[TP, list[Record]] = {TP(*tp): records for tp, records in fetched.items()}
        for tp, records in found.items():
            self._cut(tp, records)
        for tp in wanted:
            position = self._position(tp)
            if position is not None:
                self._positions[TP(*tp)] = position
        if not fetched:
            await self._commit_past_markers()
        return found

    def _cut(self, tp: TP, records: list[Record]) -> None:
        """Leaves out, to be fetched again, what comes after the record that passes the limit: a fetch is compressed."""
        size, most = 0, self._kafka.limits.bytes
        for at, record in enumerate(records, 1):
            size += len(record.key or b"") + len(record.value or b"")
            if record.headers:  # most have none
                size += sum(len(name) + len(value or b"") for name, value in record.headers)
            if size >= most and at < len(records):
                self.client.seek(TopicPartition(*tp), records[at].offset)
                del records[at:]
                return

    def _give_back(self, tp: TP, records: Sequence[Record]) -> None:
        """Reads the records again, unless somebody has set another position since."""
        place = TopicPartition(*tp)
        if records and self._positions.get(tp) is not None and self._positions[tp] == self._position(place):
            self.client.seek(place, records[0].offset)
            self._positions[tp] = records[0].offset

    def _position(self, tp: TopicPartition) -> int | None:
        subscription = self.client._subscription.subscription
        assignment = subscription and subscription.assignment
        state = assignment and assignment.state_value(tp)
        return state._position if state is not None and state.has_valid_position else None

    async def _commit_past_markers(self) -> None:
        """Where a partition ends in transactions' markers, moves the group's position past them: no lag stays."""
        past = {
            tp: position
            for tp, position in self._positions.items()
            if tp not in self._unsought
            and tp not in self._followed
            and not self._is_changelog_tp(tp)
            and not self._open.get(tp)
            and not self._window.get(tp)
            and position > max(self._committed_offset.get(tp) or 0, self._tidied.get(tp, 0))
        }
        if past and await self._commit(past):
            self._tidied.update(past)

    # Positions

    async def position(self, tp: TP) -> int | None:
        """The offset that is read next: past markers and compacted records, too."""
        return self._position(TopicPartition(*tp))

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        """Reads on from these offsets."""
        self._forget(partitions)
        for tp, offset in partitions.items():
            self.client.seek(TopicPartition(*tp), offset)
            self._positions[tp] = offset
            self._read_offset[tp] = offset or None
        self._sought(partitions)

    async def _seek(self, partition: TP, offset: int) -> None:
        await self.seek_wait({partition: offset})

    async def seek_to_committed(self) -> Mapping[TP, int]:
        """Reads on from the committed positions, or the beginning where there is none."""
        tps = {tp for tp in self.assignment() if not self._is_changelog_tp(tp)}
        member = cast("Member", self.member)
        stored = await member.stored(tps, settled=True) if tps else {}
        committed = {tp: found.offset for tp, found in stored.items()}
        first = await member.begins(tps - stored.keys())
        for tp, offset in {**first, **committed}.items():
            self.client.seek(TopicPartition(*tp), offset)
            self._positions[tp] = offset
        return committed

    async def _commit_offsets(self, offsets: Mapping[TP, int], *args: Any, **options: Any) -> bool:
        """Faust takes positions that were not taken for committed: they would not be told again."""
        before = {tp: self._committed_offset[tp] for tp in offsets}
        done = bool(await super()._commit_offsets(offsets, *args, **options))
        if not done:
            self._committed_offset.update(before)
        return done

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        ours = {tp: offset for tp, offset in offsets.items() if tp in self.assignment()}
        claim = self._kafka.writers.claim
        if not ours or claim is None or self.member is None:  # given back meanwhile
            return False
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT):
                await self.member.commit(ours, claim)
        except IllegalStateError as error:
            self.log.info("Positions not committed: %s", error)
            return False
        except (KafkaError, TimeoutError) as error:
            self.log.warning("Positions not committed yet: %r", error)
            return False
        return True

    def highwater(self, tp: TP) -> int:
        """The end of the partition as last seen."""
        try:
            return self.client.highwater(TopicPartition(*tp)) or 0
        except IllegalStateError:
            return 0

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        """The ends up to which these partitions can be read: the last stable offsets."""
        if not partitions:
            return {}
        return _by_tp(await self.client.end_offsets([TopicPartition(*tp) for tp in partitions]))

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        """The offsets at which these partitions begin."""
        if not partitions:
            return {}
        return _by_tp(await self.client.beginning_offsets([TopicPartition(*tp) for tp in partitions]))

    # Topics

    def topic_partitions(self, topic: str) -> int | None:
        """How many partitions a topic has."""
        found = self.client.partitions_for_topic(topic)
        return None if found is None else len(found)

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        """The partition of a key."""
        if partition is not None:
            return partition
        count = self.topic_partitions(topic)
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
        """Nothing: topics are made by ``tierline topics create``, and looked at before the start."""

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)


def _tps(tps: Iterable[TopicPartition]) -> set[TP]:
    return {TP(tp.topic, tp.partition) for tp in tps}


def _by_tp(offsets: Mapping[TopicPartition, int]) -> dict[TP, int]:
    return {TP(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
