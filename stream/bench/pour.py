"""Pouring a load into Kafka as quickly as the brokers take it: the batches are made before the clock starts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from stream.transports.records import Append

BATCH_BYTES = 900_000


class Poured:
    """When a load was poured, in seconds since the epoch."""

    def __init__(self, began: float, ended: float) -> None:
        self.began = began
        self.ended = ended


def pour(connection: dict[str, Any], records: Sequence[Append]) -> Poured:
    """Append all of it, each partition's in order. ``connection``: keyword arguments of aiokafka's.

    Raises KafkaError.
    """
    return asyncio.run(_pour(connection, records))


async def _pour(connection: dict[str, Any], records: Sequence[Append]) -> Poured:
    producer = AIOKafkaProducer(**connection, max_batch_size=BATCH_BYTES, max_request_size=8 * BATCH_BYTES)
    await producer.start()
    try:
        places: dict[tuple[str, int], list[Any]] = {}
        for record in records:
            batches = places.setdefault((record.topic, record.partition), [])
            if not batches or not _put(batches[-1], record):
                batches.append(producer.create_batch())
                _put(batches[-1], record)
        for batches in places.values():
            for batch in batches:
                batch.close()
        began = time.time()
        await asyncio.gather(*(_send(producer, place, batches) for place, batches in places.items()))
        return Poured(began, time.time())
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, place: tuple[str, int], batches: list[Any]) -> None:
    for batch in batches:
        await (await producer.send_batch(batch, place[0], partition=place[1]))


def _put(batch: Any, record: Append) -> bool:
    return batch.append(key=record.key, value=record.value, timestamp=record.timestamp_ms) is not None
