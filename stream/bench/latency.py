"""How long it takes from a signal's append until its tier change can be read, for who reads what was committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.structs import TopicPartition

from stream.bench.load import Entry, event
from stream.settings import Settings
from stream.transports.kafka_connection import Connection
from stream.transports.records import partition_for

PROBES = 50
"""Accounts whose tier each of their signals changes."""
SLOT = 0.05
"""Seconds between two handfuls of the load beside."""
GRACE = 5.0
"""Seconds to wait for the last changes."""
SETTLE = 1.0
"""Seconds of load before anything is measured."""


@dataclass(slots=True)
class Latencies:
    """Milliseconds of each probe; ``lost``: those whose change did not come in time."""

    rate: float
    """Signals a second that were sent beside."""
    probes: list[float] = field(default_factory=list)
    lost: int = 0

    def quantile(self, share: float) -> float:
        """So many of the probes took no longer (ms)."""
        ordered = sorted(self.probes)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")

    def document(self) -> dict[str, float]:
        """For ``--json``."""
        told = {"p50_ms": round(self.quantile(0.5), 1), "p99_ms": round(self.quantile(0.99), 1)}
        return {"signals_per_second": round(self.rate), "probes": len(self.probes), "lost": self.lost, **told}


def measure(settings: Settings, load: Sequence[Entry], rate: float, seconds: float, probes: float = 50) -> Latencies:
    """Send ``probes`` a second for so long, and beside them the load at ``rate`` a second, over and over.

    The moment of append is the broker's (LogAppendTime), that of reading is this machine's: run it where they agree.
    Raises KafkaError.
    """
    return asyncio.run(_Measurement(settings, load, rate, seconds, probes).run())


class _Measurement:
    def __init__(self, settings: Settings, load: Sequence[Entry], rate: float, seconds: float, probes: float) -> None:
        self._settings = settings
        self._load = load
        self._rate = rate
        self._seconds = seconds
        self._pause = 1 / probes
        self._connection = Connection.of(settings).aiokafka()
        self._topic = settings.topic("signals")
        self._appended: dict[str, float] = {}
        self._read: dict[str, float] = {}
        self._sent = 0
        self._tag = f"probe-{time.time_ns():x}"
        """The accounts are new in each measurement, so that each of their signals changes a tier."""

    async def run(self) -> Latencies:
        """Everything at once, until the time is over."""
        producer = AIOKafkaProducer(**self._connection, max_batch_size=900_000)
        changes = self._settings.topic("tier-changes")
        consumer = AIOKafkaConsumer(**self._connection, isolation_level="read_committed", enable_auto_commit=False)
        await producer.start()
        await consumer.start()
        try:
            places = [TopicPartition(changes, number) for number in range(self._settings.partitions)]
            consumer.assign(places)
            await consumer.seek_to_end(*places)
            reading = asyncio.create_task(self._reader(consumer))
            beside = asyncio.create_task(self._beside(producer))
            await asyncio.sleep(SETTLE if self._rate else 0)
            began, before = time.monotonic(), self._sent
            await self._probe(producer)
            found = Latencies((self._sent - before) / (time.monotonic() - began))
            beside.cancel()
            until = time.monotonic() + GRACE
            while self._appended.keys() - self._read.keys() and time.monotonic() < until:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # simpler than an event, and nothing is measured any more
            reading.cancel()
            await asyncio.gather(beside, reading, return_exceptions=True)
            found.lost = len(self._appended.keys() - self._read.keys())
            found.probes = [self._read[id_] - at for id_, at in self._appended.items() if id_ in self._read]
            return found
        finally:
            await consumer.stop()
            await producer.stop()

    async def _reader(self, consumer: AIOKafkaConsumer) -> None:
        async for record in consumer:
            now = time.time() * 1000
            trigger = orjson.loads(record.value)["data"]["trigger"] or {}
            self._read.setdefault(trigger.get("id", ""), now)

    async def _probe(self, producer: AIOKafkaProducer) -> None:
        waiting: list[asyncio.Task[None]] = []
        began = time.monotonic()
        for number in range(int(self._seconds / self._pause)):
            await asyncio.sleep(max(0.0, began + number * self._pause - time.monotonic()))
            waiting.append(asyncio.create_task(self._one(producer, number)))
        await asyncio.gather(*waiting)

    async def _one(self, producer: AIOKafkaProducer, number: int) -> None:
        id_, account = f"{self._tag}-{number}", f"{self._tag}-{number % PROBES}.com"
        on = number // PROBES % 2 == 0
        value = event(id_, "account_update", account, int(time.time() * 1000), {"facts": _facts(on=on)}, "bench:probe")
        partition = partition_for(account.encode(), self._settings.partitions)
        told = await producer.send_and_wait(self._topic, value, account.encode(), partition)
        self._appended[id_] = told.timestamp

    async def _beside(self, producer: AIOKafkaProducer) -> None:
        if not self._rate:
            return
        began, at, sends = time.monotonic(), 0, set[asyncio.Task[None]]()
        while True:
            due = int((time.monotonic() - began) * self._rate) - self._sent
            batches: dict[int, Any] = {}
            for _ in range(min(due, int(self._rate))):
                entry = self._load[at % len(self._load)]
                at += 1
                batch = batches.get(entry.partition) or batches.setdefault(entry.partition, producer.create_batch())
                # repeats of what was sent before would be dropped: the ids have to be new
                value = entry.value.replace(b'"id":"', b'"id":"%d-' % (at // len(self._load)), 1)
                if batch.append(key=entry.key, value=value, timestamp=None) is not None:
                    self._sent += 1
            for partition, batch in batches.items():
                task = asyncio.create_task(self._send(producer, batch, partition))
                sends.add(task)
                task.add_done_callback(sends.discard)
            await asyncio.sleep(SLOT)

    async def _send(self, producer: AIOKafkaProducer, batch: Any, partition: int) -> None:
        await (await producer.send_batch(batch, self._topic, partition=partition))


def _facts(*, on: bool) -> Mapping[str, Any]:
    """Facts that take an account from tier to tier in the example profile ``points``, there and back."""
    technologies = ["salesforce"] if on else ["stripe"]
    return {"annual_revenue_usd": 300_000_000, "industry": "technology", "technologies": technologies}
