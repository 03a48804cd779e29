"""Faust's producer on Kafka: for what Faust itself sends. Agents write through the transport instead."""

# ruff: noqa: ARG002, ASYNC109  the signatures are Faust's

from __future__ import annotations

import asyncio
import typing
from collections.abc import Awaitable, Mapping
from typing import Any, cast

from faust.transport.producer import Producer
from faust.types import HeadersArg, RecordMetadata
from faust.types.tuples import TP
from mode.utils.times import Seconds

from stream.transports.records import Append, as_headers

if typing.TYPE_CHECKING:
    from stream.transports.kafka_transport import KafkaTransport


class KafkaProducer(Producer):
    """Appends single records, idempotently, outside transactions."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._kafka = cast("KafkaTransport", self.transport)

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
        """Sends a record; the future ends once the brokers have it."""
        return asyncio.ensure_future(self.send_and_wait(topic, key, value, partition, timestamp, headers))

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
        """Sends a record and returns once the brokers have it. Raises LogError."""
        if partition is None:
            partition = self._kafka.partition_for(topic, key)
        time_ms = None if timestamp is None else int(timestamp * 1000)
        [offset] = await self._kafka.append([Append(topic, partition, key, value, as_headers(headers), time_ms)])
        return RecordMetadata(topic, partition, TP(topic, partition), offset, time_ms, 1)

    async def flush(self) -> None:
        """Nothing is buffered here: whoever sends waits."""
        await self.buffer.flush()

    async def on_stop(self) -> None:
        """Disconnects."""
        await super().on_stop()
        await self._kafka.disconnect()

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

    def key_partition(self, topic: str, key: bytes | None) -> TP:
        """Where a key goes."""
        return TP(topic, self._kafka.partition_for(topic, key))

    def supports_headers(self) -> bool:
        """Yes."""
        return True
