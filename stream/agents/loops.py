"""The loops of a worker: scoring, intake, and the beat that ticks, publishes and rescores between batches.

They decide nothing: what a batch means is decided in ``shard.py`` and ``intake.py``, and below them in the pure core.
Batches of different partitions overlap: while one waits for the log, the next is worked through.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, cast

from faust.types import TP

from schemas.topics import ACCOUNT_STATE, ACCOUNTS, SIGNALS
from stream.agents.durably import RETRY, Durably
from stream.agents.intake import Intake
from stream.agents.lags import Lags
from stream.agents.news import tell, told_partitions
from stream.agents.refusals import RefusalWatch
from stream.agents.shard import Shard
from stream.agents.skipped import tell_skipped
from stream.agents.start import bring_into_force, incarnations, learn_aliases
from stream.agents.work import Work
from stream.identity import Aliases
from stream.metrics import Metrics
from stream.profiles import LoadedProfile
from stream.settings import Settings
from stream.transports.batching import Batch
from stream.transports.errors import LogError
from stream.transports.logcore import now_ms
from stream.transports.records import Append
from stream.transports.rows import Rows, RowsClosed, RowStore
from stream.transports.steps import passed
from stream.web.health import Health
from stream.wire import encode_mark

if TYPE_CHECKING:
    from stream.runtime import App
    from stream.transports.consumer import BatchingConsumer
    from stream.transports.recovery import BatchTableManager

log = logging.getLogger("tierline")

BEAT = 0.1
"""Seconds between two looks at what is due."""
RESCORED_AT_ONCE = 500
"""Accounts taken through a profile activation between two batches."""
REST = 60_000
"""Milliseconds without a beat in a partition in which it failed for a fault of ours."""


class Worker:
    """The parts of a running worker that agents, beat and web pages share."""

    def __init__(self, app: App, settings: Settings, profiles: Sequence[LoadedProfile], metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.profiles = profiles
        self.metrics = metrics
        self.health = Health()
        self.aliases = Aliases()
        self.watch = RefusalWatch(metrics)
        self.store: RowStore
        self.shards: dict[int, Shard] = {}
        self.owned: set[int] = set()
        """Partitions of ``signals`` that are ours and recovered."""
        self._dealt = 0
        """How often the partitions were dealt out anew."""
        self._incarnation = ""
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._resting: dict[int, int] = {}
        """Partitions whose beat failed, and until when (epoch ms) it rests."""
        self._lags = Lags(metrics, settings)
        self._durably = Durably(app, metrics, self.health)
        self._works: set[asyncio.Task[None]] = set()

    # Assignment

    async def prepare(self) -> None:
        """Before anything is consumed. Raises LogError and ProfileErrors; then nothing was appended."""
        await asyncio.to_thread(bring_into_force, self.settings, self.profiles, now_ms())
        self.aliases.become(await asyncio.to_thread(learn_aliases, self.settings))
        signals, states = await asyncio.to_thread(incarnations, self.settings, SIGNALS, ACCOUNT_STATE)
        self._incarnation = signals
        self.store.incarnation = states

    async def recovered(self) -> None:
        """Our partitions are restored: take up their accounts. Raises StateTooNew."""
        topic = self.settings.topic(SIGNALS)
        dealt = self._dealt
        assigned = self.app.consumer.assignment()
        owned = {tp.partition for tp in assigned if tp.topic == topic}
        for partition in self.shards.keys() - owned:
            self._drop(self.shards[partition])
        fresh: dict[int, int] = {}
        for partition in sorted(owned):
            shard = self.shards.get(partition)
            if shard is not None and not shard.current(self.store.rows(partition)):
                self._drop(shard)
            if partition not in self.shards:
                # Seconds where there are many accounts: meanwhile the brokers have to hear of us.
                shard = await asyncio.to_thread(self._new_shard, partition, self.store.rows(partition))
                if dealt != self._dealt:
                    shard.close()
                    return  # dealt out anew meanwhile: what is ours is found out again
                self.shards[partition] = shard
                fresh |= {partition: shard.applied} if shard.applied else {}
        if fresh and not self.settings.embedded:
            await asyncio.to_thread(tell_skipped, self.settings, fresh)
        if TP(self.settings.topic(ACCOUNTS), 0) in assigned:  # whoever had it before may have added some
            await self._learn_aliases()
        if dealt != self._dealt:
            return
        self.owned, self.health.recovered = owned, True
        self.metrics.assignments.inc()
        self.metrics.partitions.set(len(owned))
        self.metrics.recovery.set(cast("BatchTableManager", self.app.tables).recovery.seconds)
        if not self.settings.embedded:
            log.info("has %s", told_partitions(self.settings.partitions, owned))

    async def _learn_aliases(self) -> None:
        found = await self._durably.ask(lambda: learn_aliases(self.settings))
        if found is not None:
            self.aliases.become(found)

    async def revoked(self) -> None:
        """Our partitions are being dealt out anew: until that is over, none is ours."""
        if self.owned and not self.app.should_stop:
            log.info("the partitions are being dealt out anew")
        self._dealt += 1
        self.owned = set()
        self.health.recovered = False
        self.metrics.partitions.set(0)

    def _take_up(self, partition: int) -> Shard:
        shard = self.shards.get(partition)
        if shard is None:
            shard = self.shards[partition] = self._new_shard(partition, self.store.rows(partition))
        return shard

    def _new_shard(self, partition: int, rows: Rows) -> Shard:
        return Shard(partition, rows, self.settings, self.metrics, self.watch, self._incarnation)

    def _drop(self, shard: Shard) -> None:
        """What the shard holds in memory is not what is stored, or no longer ours: forget it."""
        if self.shards.get(shard.number) is shard:
            del self.shards[shard.number]
            shard.close()

    # Agents

    async def score(self, batches: AsyncIterable[Batch]) -> None:
        """The scoring agent's loop."""
        async for batch in batches:
            self._start(self._score(batch))

    async def _score(self, batch: Batch) -> None:
        partition = batch.tp.partition
        async with self._lock(batch.tp):
            if partition not in self.owned:
                return  # it comes again, here or elsewhere
            began = time.perf_counter()
            shard = self._take_up(partition)
            work = shard.process(batch.records, now_ms(), waiting=self._waiting(batch))
            commit = self.app.log_transport.commit_batch
            await self._keep(shard, work, lambda: commit(work.appends, batch, follows=True))
            self._timed("score", began, len(batch))

    def _waiting(self, batch: Batch) -> int:
        """Records that wait behind a batch, or in another partition of ours: there is one worker for all."""
        return max(self.app.consumer.highwater(batch.tp) - batch.end, self._lags.most)

    async def take_in(self, batches: AsyncIterable[Batch], topic: str) -> None:
        """The loop of an intake agent."""
        intake = Intake(self.settings, self.aliases, self.metrics, self.watch)
        async for batch in batches:
            self._start(self._take_in(intake, batch, topic))

    async def _take_in(self, intake: Intake, batch: Batch, topic: str) -> None:
        async with self._lock(batch.tp):
            began = time.perf_counter()
            taken = intake.process(batch.records, now_ms())
            if await self._durably.write(lambda: self.app.log_transport.commit_batch(taken.appends, batch)) is not None:
                intake.committed(taken, topic)
            elif taken.aliases:  # not written: whoever takes the batch in next must take them for news
                await self._learn_aliases()
            self._timed("intake", began, len(batch))

    def _lock(self, tp: TP) -> asyncio.Lock:
        """Held from reading a partition's states until what came of it is durable; taken in the order of asking."""
        return self._locks.setdefault((tp.topic, tp.partition), asyncio.Lock())

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._works.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._works.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, RowsClosed):
            log.critical("a batch could not be worked through", exc_info=error)
            self._start(self.app.crash(error))

    # Beat

    async def beat(self) -> None:
        """Between batches: tick what is due, publish scores, rescore after an activation."""
        while not self.app.should_stop:
            await asyncio.sleep(BEAT)
            beats: list[asyncio.Task[None]] = []
            for partition in sorted(self.owned):
                beats.append(asyncio.create_task(self._beat(partition)))
                await asyncio.sleep(0)  # what has come in is scored in between
            await asyncio.gather(*beats)  # they write together

    async def _beat(self, partition: int) -> None:
        tp = TP(self.settings.topic(SIGNALS), partition)
        async with self._lock(tp):
            now = now_ms()
            if now < self._resting.get(partition, 0) or partition not in self.owned:
                return
            shard = self._take_up(partition)
            try:
                work = shard.rescore(RESCORED_AT_ONCE, now)
                work = work or shard.flush(now, unless_since=now - int(BEAT * 1000), waiting=self._lags.most)
            except RowsClosed:
                return
            except Exception:  # a fault of ours in some account: what comes in is scored all the same
                log.exception("partition %d: rescoring or publishing failed; tried again in a minute", partition)
                self._resting[partition] = now + REST
                self._drop(shard)
                return
            if work is not None:
                await self._keep(shard, work, lambda: self.app.log_transport.append_for(tp, work.appends))
            if shard.wants_tick(now):
                value = encode_mark("tick", {}, source=self.settings.source, time=now, id_=f"tick/{partition}/{now}")
                shard.tick_sent = True
                await self._durably.write(lambda: self.app.log_transport.append([Append(*tp, None, value)]))

    async def publish_rest(self) -> None:
        """Before a clean stop: publish every score that is owed, so that readers are not left behind meanwhile."""
        for partition in sorted(self.owned):
            tp = TP(self.settings.topic(SIGNALS), partition)
            async with self._lock(tp):
                shard = self.shards.get(partition)
                while shard and not self.app.should_stop and (work := shard.flush(now_ms(), leaving=True)):
                    if not await self._keep(shard, work, lambda: self.app.log_transport.append_for(tp, work.appends)):  # noqa: B023
                        break

    # Durability

    async def _keep(self, shard: Shard, work: Work, write: Callable[[], Awaitable[Sequence[int]]]) -> bool:
        """Write a shard's work and take it into the rows. False: the partition is somebody else's by now."""
        offsets = await self._durably.write(write)
        if offsets is None:
            self._drop(shard)
            return False
        changelog = self.settings.topic(ACCOUNT_STATE)
        written = [at for at, append in zip(offsets, work.appends, strict=True) if append.topic == changelog]
        end = max(written) + 1 if written else None
        while True:
            try:
                shard.committed(work, now_ms(), end)
            except RowsClosed:  # we are stopping, or it moves: whoever has it next reads it from the changelog
                self._drop(shard)
                return False
            except LogError as error:
                self._durably.troubled(error)
                await asyncio.sleep(RETRY)
            else:
                break
        passed("stored")
        tell(work)
        return True

    # Measuring

    async def measure(self) -> None:
        """Keep the gauges: apart from the beat, which stands still while nothing can be written."""
        while not self.app.should_stop:
            self._gauges()
            await asyncio.sleep(BEAT)

    def _timed(self, agent: str, began: float, records: int) -> None:
        self.metrics.batch.labels(agent).observe(time.perf_counter() - began)
        self.metrics.batch_records.labels(agent).observe(records)

    def _gauges(self) -> None:
        self.metrics.rescoring.set(sum(shard.partition.behind for shard in self.shards.values()))
        self.metrics.put_off.set(sum(shard.partition.put_off for shard in self.shards.values()))
        self.metrics.importing.set(sum(shard.partition.importing for shard in self.shards.values()))
        self._lags.show(cast("BatchingConsumer", self.app.consumer))
