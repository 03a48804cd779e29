"""The application: which agents run on which topics, and the beat that ticks, publishes and rescores between batches.

``create_app(settings)`` builds it; nothing happens on import. The agents are thin loops: what a batch means is decided
in ``agents/shard.py`` and ``agents/intake.py``, and below them in the pure core.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import orjson
from faust.types import TP

from schemas.topics import ACCOUNT_STATE, ALIASES, INTAKE, SIGNALS, TOPICS
from stream.agents.activation import activation, in_force
from stream.agents.intake import Intake
from stream.agents.memory import read_format
from stream.agents.news import tell
from stream.agents.refusals import RefusalWatch
from stream.agents.shard import Shard, Work
from stream.agents.table import Stored, partition_key
from stream.identity import Aliases
from stream.metrics import Metrics
from stream.profiles import LoadedProfile
from stream.runtime import App, bare_app
from stream.scoring.state import StateTooNew
from stream.settings import Settings
from stream.topology import group_of, open_log, partitions_of
from stream.transports.batching import Batch, StaleBatch, batch_topic
from stream.transports.errors import LogError, LogTooNew
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append
from stream.web.health import Health, mount
from stream.wire import encode_mark

T = TypeVar("T")
log = logging.getLogger("tierline")

BEAT = 0.1
"""Seconds between two looks at what is due."""
RESCORED_AT_ONCE = 500
"""Accounts taken through a profile activation between two batches."""
RETRY = 1.0
"""Seconds before a failed commit is tried again."""

REST = 60_000
"""Milliseconds without a beat in a partition in which it failed for a fault of ours."""


class Worker:
    """The parts of a running worker that agents, beat and web pages share."""

    def __init__(self, settings: Settings, profiles: Sequence[LoadedProfile], metrics: Metrics) -> None:
        self.settings = settings
        self.profiles = profiles
        self.metrics = metrics
        self.health = Health()
        self.aliases = Aliases()
        self.shards: dict[int, Shard] = {}
        self.app = bare_app(settings)
        self.stored: Stored = {}
        self.watch = RefusalWatch(metrics)
        self._locks: dict[int, asyncio.Lock] = {}
        self._resting: dict[int, int] = {}
        """Partitions whose beat failed, and until when (epoch ms) it rests."""

    def lock(self, partition: int) -> asyncio.Lock:
        """Held from reading a partition's states until what came of it is durable."""
        return self._locks.setdefault(partition, asyncio.Lock())

    def shard(self, partition: int) -> Shard:
        """The shard of a partition; taken up from the recovered table when first asked for."""
        shard = self.shards.get(partition)
        if shard is None:
            shard = Shard(partition, self.stored, self.settings, self.metrics, self.watch)
            self.shards[partition] = shard
        return shard

    def _take_up_anew(self, partition: int) -> None:
        """What the shard holds in memory is not what is stored: forget it."""
        self.shards.pop(partition).close()

    async def prepare(self) -> None:
        """Before anything is consumed: learn the aliases, and bring the profile directory into force.

        Raises LogError, also for a state that a newer release wrote, and ProfileErrors; then nothing was appended.
        """
        with open_log(self.settings) as opened:
            self._look_at(opened)
            for record in opened.scan_latest(self.settings.topic(ALIASES)):
                if record.key and record.value:
                    self.aliases.add(record.key.decode(), _canonical(record.value))
            rows = [(r.key or b"", r.value or b"") for r in opened.scan_latest(self.settings.topic("profiles"))]
            appends, told = activation(self.profiles, in_force(rows), self.settings, _now())
            opened.append(appends)
        for sentence in told:
            log.info(sentence)

    def _look_at(self, opened: EmbeddedLog) -> None:
        """Refuse a state that cannot be read, and learn from where on the agents have still to read."""
        topic = self.settings.topic(ACCOUNT_STATE)
        try:
            for partition in range(self.settings.partitions):
                for record in opened.read_key(topic, partition_key("clock", partition), partition=partition)[-1:]:
                    read_format(record.value)
        except StateTooNew as error:
            raise LogTooNew(f"{opened.path}: {error}.") from error
        for name in (SIGNALS, *INTAKE):
            topic = self.settings.topic(name)
            for partition in range(opened.partitions(topic)):
                position = opened.position(group_of(self.settings), topic, partition)
                self.health.positions[TP(topic, partition)] = (
                    opened.begin(topic, partition) if position is None else position
                )

    async def score(self, batches: AsyncIterable[Batch]) -> None:
        """The scoring agent's loop."""
        async for batch in batches:
            began = time.perf_counter()
            partition = batch.tp.partition
            async with self.lock(partition):
                shard = self.shard(partition)
                work = shard.process(batch.records, _now())
                if await self._durable(lambda work=work, batch=batch: self._commit(work.appends, batch)):  # type: ignore[misc]
                    shard.committed(work, _now())
                    tell(work)
                else:  # somebody else's states by now
                    self._take_up_anew(partition)
            self._timed("score", began, len(batch))

    async def take_in(self, batches: AsyncIterable[Batch], topic: str) -> None:
        """The loop of an intake agent."""
        intake = Intake(self.settings, self.aliases, self.metrics, self.watch)
        async for batch in batches:
            began = time.perf_counter()
            taken = intake.process(batch.records, _now())
            if await self._durable(lambda taken=taken, batch=batch: self._commit(taken.appends, batch)):  # type: ignore[misc]
                intake.committed(taken, topic)
            self._timed("intake", began, len(batch))

    async def beat(self) -> None:
        """Between batches: tick what is due, publish scores, rescore after an activation."""
        while not self.app.should_stop:
            await asyncio.sleep(BEAT)
            if not self.health.recovered:
                continue
            for partition in range(self.settings.partitions):
                await self._beat(partition)

    async def publish_rest(self) -> None:
        """Before a clean stop: publish every score that is owed, so that readers are not left behind meanwhile."""
        for partition in range(self.settings.partitions):
            async with self.lock(partition):
                shard = self.shards.get(partition)
                while shard is not None and (work := shard.flush(_now(), leaving=True)) is not None:
                    await self._keep(shard, work)

    async def measure(self) -> None:
        """Keep the gauges: apart from the beat, which stands still while nothing can be written."""
        while not self.app.should_stop:
            self._gauges()
            await asyncio.sleep(BEAT)

    async def _beat(self, partition: int) -> None:
        async with self.lock(partition):
            shard = self.shard(partition)
            now = _now()
            if now < self._resting.get(partition, 0):
                return
            try:
                work = shard.rescore(RESCORED_AT_ONCE, now) or shard.flush(now)
            except Exception:  # a fault of ours in some account: what comes in is scored all the same
                log.exception("partition %d: rescoring or publishing failed; tried again in a minute", partition)
                self._resting[partition] = now + REST
                self._take_up_anew(partition)
                return
            if work is not None:
                await self._keep(shard, work)
            if shard.wants_tick(now):
                value = encode_mark("tick", {}, source=self.settings.source, time=now, id_=f"tick/{partition}/{now}")
                shard.tick_sent = True
                await self._durable(
                    lambda: self._append([Append(self.settings.topic(SIGNALS), partition, None, value)])
                )

    async def _keep(self, shard: Shard, work: Work) -> None:
        if await self._durable(lambda: self._append(work.appends)):
            shard.committed(work, _now())

    async def _commit(self, appends: Sequence[Append], batch: Batch) -> None:
        await self.app.log_transport.commit_batch(appends, batch)
        self.health.positions[batch.tp] = batch.end

    async def _append(self, appends: Sequence[Append]) -> None:
        await self.app.log_transport.append(appends)

    async def _durable(self, write: Callable[[], Awaitable[None]]) -> bool:
        """Write until it is durable. False: the batch is not ours any more, nothing was written."""
        while True:
            try:
                await write()
            except StaleBatch:
                return False
            except LogError as error:
                # Nothing is skipped and nothing lost: a full disk is waited for.
                self.metrics.retries.inc()
                self.health.trouble = str(error)
                log.error("%s", error)  # noqa: TRY400  (the message says it; a traceback would bury it)
                await asyncio.sleep(RETRY)
            else:
                self.health.trouble = None
                return True

    def _timed(self, agent: str, began: float, records: int) -> None:
        self.metrics.batch.labels(agent).observe(time.perf_counter() - began)
        self.metrics.batch_records.labels(agent).observe(records)

    def _gauges(self) -> None:
        self.metrics.rescoring.set(sum(shard.partition.behind for shard in self.shards.values()))
        self.metrics.importing.set(sum(shard.partition.importing for shard in self.shards.values()))
        consumer = self.app.consumer
        for tp in consumer.assignment():
            name = tp.topic.removeprefix(self.settings.topic_prefix)
            end, position = consumer.highwater(tp), self.health.positions.get(tp)
            if name in TOPICS and not TOPICS[name].internal and position is not None:
                self.metrics.lag.labels(name, str(tp.partition)).set(max(0, end - position))


def create_app(settings: Settings, profiles: Sequence[LoadedProfile], metrics: Metrics | None = None) -> App:
    """The worker as a Faust app; ``app.worker`` is its ``Worker``."""
    worker = Worker(settings, profiles, metrics or Metrics())
    app = worker.app
    app.worker = worker
    changelog = app.topic(
        settings.topic(ACCOUNT_STATE),
        partitions=settings.partitions,
        compacting=True,
        key_serializer="raw",
        value_serializer="raw",
        key_type=bytes,
        value_type=bytes,
    )
    table = app.Table(
        "accounts", partitions=settings.partitions, changelog_topic=changelog, key_type=bytes, value_type=bytes
    )
    worker.stored = table.data

    def agent(name: str, loop: Callable[[Any], Awaitable[None]]) -> None:
        topic = batch_topic(app, settings.topic(name), partitions=partitions_of(settings, name))
        app.agent(topic, name=name.replace(".", "-"))(loop)

    agent(SIGNALS, worker.score)
    for name in INTAKE:
        agent(name, _intake(worker, name))

    @table.on_recover
    async def recovered() -> None:
        try:
            for partition in range(settings.partitions):
                worker.shard(partition)
        except StateTooNew as error:
            await app.crash(error)
            return
        worker.health.recovered = True

    app.task(worker.beat)
    app.task(worker.measure)
    mount(app, worker)
    return app


def _intake(worker: Worker, name: str) -> Callable[[Any], Awaitable[None]]:
    async def take_in(batches: Any) -> None:
        await worker.take_in(batches, name)

    return take_in


def _canonical(value: bytes) -> str:
    canonical: str = orjson.loads(value)["canonical"]
    return canonical


def _now() -> int:
    return time.time_ns() // 1_000_000
