"""A loop by hand: aiokafka, a dict of live states, batches out, the position after. The practical limit in Python.

It keeps its states in memory and nowhere else, so a restart would have forgotten them. With the option `keep` it
also writes each state that a batch changed to a changelog before it commits, as one would have to.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from job import Job, read_job
from scorer import Scorer

from stream.scoring.state import AccountState
from stream.wire import Refusal

Out = tuple[str, bytes | None, bytes]
"""Topic, key, value."""
BATCH_BYTES = 900_000


class Loop:
    """Reads, scores and writes until it is cancelled."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._scorer = Scorer(job.documents)
        self._states: dict[bytes, AccountState] = {}
        self._changelog = job.options.get("keep")

    async def run(self) -> None:
        """The loop."""
        self._producer = AIOKafkaProducer(bootstrap_servers=self._job.servers, max_batch_size=BATCH_BYTES)
        consumer = AIOKafkaConsumer(
            self._job.signals,
            bootstrap_servers=self._job.servers,
            group_id=self._job.group,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await self._producer.start()
        await consumer.start()
        try:
            while True:
                fetched = await consumer.getmany(timeout_ms=200)
                writes = []
                for tp, records in fetched.items():
                    writes.append(asyncio.create_task(self._write(tp.partition, self._score(records))))
                    await asyncio.sleep(0)  # off it goes, while the next partition is scored
                await asyncio.gather(*writes)
                if fetched:
                    await consumer.commit({tp: records[-1].offset + 1 for tp, records in fetched.items()})
        finally:
            await consumer.stop()
            await self._producer.stop()

    def _score(self, records: Sequence[Any]) -> list[Out]:
        scorer, states, job = self._scorer, self._states, self._job
        out: list[Out] = []
        changed: dict[bytes, AccountState] = {}
        for record in records:
            place = (record.topic, record.partition, record.offset)
            incoming = scorer.decode(record.value)
            if isinstance(incoming, Refusal):
                out.append((job.rejected, record.key, scorer.rejection(incoming, record.value, record.key, place)))
                continue
            scored = scorer.score(states.get(record.key), incoming, record.timestamp)
            if scored.state is not None:
                states[record.key] = scored.state
                if scored.changed:
                    changed[record.key] = scored.state
            out += [(job.changes, record.key, change) for change in scored.changes]
            if scored.refusal is not None:
                rejection = scorer.rejection(scored.refusal, record.value, record.key, place)
                out.append((job.rejected, record.key, rejection))
        if self._changelog:
            for key, state in changed.items():
                rows = scorer.dump(state)
                out += [(self._changelog, key + b"/" + name.encode(), row) for name, row in rows]
        return out

    async def _write(self, partition: int, out: Sequence[Out]) -> None:
        batches: dict[str, Any] = {}
        sent = []
        for topic, key, value in out:
            batch = batches.get(topic) or batches.setdefault(topic, self._producer.create_batch())
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append(await self._producer.send_batch(batch, topic, partition=partition))
                batches[topic] = self._producer.create_batch()
                batches[topic].append(key=key, value=value, timestamp=None)
        for topic, batch in batches.items():
            sent.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*sent)


async def main() -> None:
    """Until SIGTERM."""
    task = asyncio.create_task(Loop(read_job()).run())
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with suppress(asyncio.CancelledError):
        await task


if __name__ == "__main__":
    asyncio.run(main())
