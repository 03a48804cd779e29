"""The Faust transport on Kafka: for agents it is ``CommitsBatches``, as the embedded log's is.

``TIERLINE_BROKER=kafka://host:9092``. A batch's effects are one transaction: see ``kafka_writer.py``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, ClassVar, cast

import faust
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError
from faust.transport import base
from faust.types import TP

from stream.transports.batching import Batch, BatchingConductor, BatchLimits, StaleBatch
from stream.transports.errors import LogUnavailable, LogUnreachable, UnknownTopic
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_consumer import ANSWER_BYTES, FETCH_BYTES, FETCH_WAIT_MS, KafkaConsumer
from stream.transports.kafka_positions import Member
from stream.transports.kafka_producer import KafkaProducer
from stream.transports.kafka_sending import REQUEST_TIMEOUT_MS, InDoubt, Producer
from stream.transports.kafka_writer import Lost
from stream.transports.kafka_writers import Writers
from stream.transports.records import Append, partition_for

SCHEME = "kafkabatches"
"""Of the ``broker`` setting of Faust: its own driver has ``kafka``."""


class KafkaTransport(base.Transport):
    """Faust's transport over Kafka. ``connection`` must be set before the app starts."""

    Consumer: ClassVar[type] = KafkaConsumer
    Producer: ClassVar[type] = KafkaProducer
    Conductor: ClassVar[type] = BatchingConductor

    driver_version = "kafka in batches"
    default_port = 9092

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.limits = BatchLimits(in_flight=1)  # what the client has fetched meanwhile is one batch then
        self.outputs: list[faust.Topic] = []
        self.connection = Connection(tuple(f"{url.host}:{url.port or self.default_port}" for url in self.url))
        self.session_seconds = 10.0
        """Without a sign of life for so long a worker's partitions are given to others."""
        self.instance: str | None = None
        """A name that outlives restarts of this worker, so that they cause no new assignment."""
        self.writers = Writers(self.app.conf.id)
        self._client: AIOKafkaClient | None = None
        self._plain: Producer | None = None
        self._void: Member | None = None
        """The assignment of which a writer was lost: several may be of one generation."""
        self._connecting = asyncio.Lock()

    @property
    def take_over_seconds(self) -> float:
        """How long former owners' transactions may take to end."""
        return 60.0

    # For agents

    async def commit_batch(self, appends: Sequence[Append], batch: Batch, *, follows: bool = False) -> list[int]:
        """See ``CommitsBatches``. All of it in one transaction: after a crash either all or nothing is there.

        A position in it is almost half of what a transaction costs the brokers.
        """
        consumer = cast(KafkaConsumer, self.app.consumer)
        consumer.check_open(batch)
        offsets = await self._write(batch.tp, appends, None if follows else batch.end)
        consumer.settle(batch, committed=not follows)
        return offsets

    async def append_for(self, tp: TP, appends: Sequence[Append]) -> list[int]:
        """See ``CommitsBatches``."""
        return await self._write(tp, appends, None)

    async def _write(self, tp: TP, appends: Sequence[Append], position: int | None) -> list[int]:
        try:
            return await self.writers.write(tp, appends, position)
        except StaleBatch as error:
            consumer = cast(KafkaConsumer, self.app.consumer)
            consumer.abandon(tp)  # what came after it is void, too
            ours = not self.app.should_stop and not self.app.rebalancing and tp in consumer.assignment()
            if isinstance(error, Lost) and ours:
                if self._void is not consumer.member:  # else it was said, and asked for, already
                    self._void = consumer.member
                    consumer.log.warning("Taking over all partitions anew. %s", error)
                consumer.rejoin()
            raise

    async def append(self, appends: Sequence[Append]) -> list[int]:
        """See ``CommitsBatches``."""
        await self.client()
        producer = cast(Producer, self._plain)
        try:
            return await asyncio.shield(producer.send_all(appends))
        except KafkaError as error:
            if isinstance(error, InDoubt) and self._plain is producer:
                self._plain = None  # the next one counts anew
                await producer.stop()
            raise LogUnavailable(f"the brokers did not take a record ({type(error).__name__}: {error}).") from error

    def ack(self, batch: Batch) -> None:
        """See ``CommitsBatches``."""
        cast(KafkaConsumer, self.app.consumer).settle(batch)

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """See ``CommitsBatches``. Raises UnknownTopic."""
        count = cast(KafkaConsumer, self.app.consumer).topic_partitions(topic)
        if count is None:
            raise UnknownTopic(f"topic {topic!r} does not exist. Make the topics: tierline topics create")
        return partition_for(key, count)

    def lock_worker(self) -> None:
        """See ``CommitsBatches``."""

    def unlock_worker(self) -> None:
        """See ``CommitsBatches``."""

    def close(self) -> None:
        """See ``CommitsBatches``."""

    # Clients

    def new_consumer(self) -> AIOKafkaConsumer:
        """A consumer that is a member of the group, not started."""
        from stream.transports.kafka_parsing import parse_so  # and with it kafka-python: see kafka_refusals.py

        session = int(self.session_seconds * 1000)
        parse_so()
        return AIOKafkaConsumer(
            **self.connection.aiokafka(),
            client_id="tierline",
            group_id=self.app.conf.id,
            group_instance_id=self.instance,
            partition_assignment_strategy=[self.app.assignor],
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            fetch_max_bytes=ANSWER_BYTES,
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=session,
            request_timeout_ms=session + REQUEST_TIMEOUT_MS,  # joining waits for members that are missed by then
            heartbeat_interval_ms=session // 5,
            rebalance_timeout_ms=60_000,
            max_poll_interval_ms=24 * 3_600_000,  # whether the worker gets on is for its own health page to say
            metadata_max_age_ms=60_000,
        )

    async def client(self) -> AIOKafkaClient:
        """The client that all producers share; connects when first asked for. Raises LogUnreachable."""
        async with self._connecting:
            try:
                if self._client is None:
                    self._client = await self._connected()
                if self._plain is None:
                    plain = Producer(self._client, None)
                    await plain.start()
                    self._plain = plain
            except KafkaError as error:
                raise LogUnreachable(
                    f"{', '.join(self.connection.servers)}: cannot connect ({error}). Look whether the brokers run"
                    " and TIERLINE_BROKER names them."
                ) from error
            return self._client

    async def _connected(self) -> AIOKafkaClient:
        client = AIOKafkaClient(
            **self.connection.aiokafka(),
            client_id="tierline",
            metadata_max_age_ms=60_000,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
        )
        try:
            await client.bootstrap()
        except KafkaError:
            await client.close()
            raise
        return client

    async def disconnect(self) -> None:
        """Closes what is open."""
        client, plain, self._client, self._plain = self._client, self._plain, None, None
        await self.writers.give_back()
        if plain is not None:
            await plain.stop()
        if client is not None:
            await client.close()
