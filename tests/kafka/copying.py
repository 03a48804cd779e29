"""Workers that copy a topic to another: whatever becomes of them, each number is there once, and in order."""

from __future__ import annotations

import asyncio
import time

import faust

from stream.transports.batching import Batch, StaleBatch
from stream.transports.errors import LogError
from stream.transports.records import Append
from tests.transports.rig_kafka import KafkaRig


class Copy:
    """A handler that copies each record to the same partition of `out`, and does what a worker does on errors."""

    def __init__(self, rig: KafkaRig) -> None:
        self.out = rig.name("out")
        self.stale: list[Batch] = []
        self.errors: list[LogError] = []
        self.batches: list[Batch] = []
        self.pause = 0.0

    async def __call__(self, app: faust.App, batch: Batch) -> None:
        self.batches.append(batch)
        await asyncio.sleep(self.pause)
        copies = [Append(self.out, batch.tp.partition, record.key, record.value) for record in batch.records]
        while True:
            try:
                await app.transport.commit_batch(copies, batch)
            except StaleBatch:
                self.stale.append(batch)
            except LogError as error:
                self.errors.append(error)
                await asyncio.sleep(0.05)
                continue
            return


def quick(app: faust.App) -> faust.App:
    """The app, which hears of others' coming and going sooner."""
    app.transport.session_seconds = 3.0
    return app


def copied(rig: KafkaRig, partition: int) -> list[int]:
    """The numbers in `out`, as everybody else sees them."""
    return [int(record.value or b"") for record in rig.read("out", partition)]


async def all_copied(rig: KafkaRig, *counts: int, seconds: float = 20.0) -> None:
    """Waits until so many numbers are in each partition of `out`; each is there once, and in order."""
    deadline = time.monotonic() + seconds
    for partition, count in enumerate(counts):
        while len(found := copied(rig, partition)) < count:
            assert time.monotonic() < deadline, (partition, len(found))
            await asyncio.sleep(0.05)
        assert found == list(range(count))
