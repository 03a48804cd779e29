"""The loops of alerting: gather, decide, and dispatch with retries. They decide nothing (`work.py`).

An attempt runs in a task of its own, so many a channel and so many in all; nothing waits for it but what is behind it
in its lane. What came of attempts is written together, by the one loop that also sees to what time brings.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, cast

from faust.types import TP

from schemas.topics import ALERT_QUEUE, ALERT_STATE, TIER_CHANGES
from stream.agents.durably import RETRY, Durably
from stream.delivery.counting import count, gauge, gauge_lag
from stream.delivery.documents import alert_of
from stream.delivery.facts import facts_in
from stream.delivery.kept import Message
from stream.delivery.loading import LoadedRoutes, RoutesFile
from stream.delivery.message import Outcome, Refused, TryAgain
from stream.delivery.queue import ready
from stream.delivery.work import Desk, Work, changes_of, gather
from stream.metrics import Metrics
from stream.settings import Settings
from stream.topology import connect
from stream.transports.batching import Batch, CommitsBatches
from stream.transports.errors import LogError
from stream.transports.log import EmbeddedLog
from stream.transports.rows import RowStore
from stream.web.health import Health

if TYPE_CHECKING:
    from stream.runtime import App
    from stream.transports.consumer import BatchingConsumer

log = logging.getLogger("tierline")

BEAT = 0.25
"""Seconds between two looks at what is due."""
RELOAD = 2.0
"""Seconds between two looks at the routes file."""
EACH, MOST = 4, 64
"""Attempts under way at once: of one channel, and in all."""
LONGEST = 120.0
"""Seconds of an attempt at most, whatever its channel thinks."""


class AlertWorker:
    """The parts of a running alerting app that agents, dispatch and web pages share."""

    def __init__(self, app: App, settings: Settings, routes: RoutesFile, metrics: Metrics) -> None:
        self.app = app
        self.settings = settings
        self.metrics = metrics
        self.file = routes
        self.health = Health()
        self._durably = Durably(app, metrics, self.health)
        self.store: RowStore
        self._desk: Desk | None = None
        self._owned = False
        self._since = _now()
        self._locks: dict[str, asyncio.Lock] = {}
        self._outcomes: list[tuple[str, Outcome]] = []
        self._attempts: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._leaving: list[LoadedRoutes] = []
        self._log = connect(settings, create=False)
        self._facts = facts_in(self._log, settings)
        self._asking = asyncio.Lock()

    @property
    def loaded(self) -> LoadedRoutes:
        """The routes in force."""
        return self.file.loaded

    # Assignment

    async def prepare(self) -> None:
        """Before anything is consumed: alerting begins with its first start, not with the history. Raises LogError."""
        if isinstance(self._log, EmbeddedLog):
            await asyncio.to_thread(self._begin_here, self._log)
        log.info("alerts by %s", self.loaded.told)

    def _begin_here(self, opened: EmbeddedLog) -> None:
        topic, group = self.settings.topic(TIER_CHANGES), self.app.conf.id
        for partition in range(opened.partitions(topic)):
            if opened.position(group, topic, partition) is None:
                opened.commit((), {(group, topic, partition): opened.end(topic, partition)})

    async def recovered(self) -> None:
        """Our partitions are restored. Raises StateTooNew."""
        self._owned = TP(self.settings.topic(ALERT_QUEUE), 0) in self.app.consumer.assignment()
        self._desk = Desk(self.store.rows(0), self.settings, self._since) if self._owned else None
        self.health.recovered = True

    async def revoked(self) -> None:
        """Our partitions are being dealt out anew: until that is over, none is ours."""
        self._owned, self._desk = False, None
        self._outcomes.clear()
        self.health.recovered = False

    # Agents

    async def gather(self, batches: AsyncIterable[Batch]) -> None:
        """The loop of the agent on tier changes."""
        async for batch in batches:
            async with self._lock(batch.tp):
                began = time.perf_counter()
                changes, _ = changes_of(batch.records)
                live = {change.account for change in changes if not change.importing}
                facts = await self._facts_of(live) if live else {}
                work = gather(changes, facts, self.loaded.routes, self.settings, _now())
                write = partial(self._transport.commit_batch, work.appends, batch)
                if await self._durably.write(write) is not None:
                    count(self.metrics, work, _now())
                self._timed("alerts-gather", began, len(batch))

    async def decide(self, batches: AsyncIterable[Batch]) -> None:
        """The loop of the agent on the queue."""
        async for batch in batches:
            async with self._lock(batch.tp):
                desk = self._desk
                if desk is None:
                    continue  # it comes again, here or elsewhere
                began = time.perf_counter()
                work = desk.process(batch.records, self.loaded.routes, _now())
                await self._keep(desk, work, partial(self._transport.commit_batch, work.appends, batch))
                self._timed("alerts-decide", began, len(batch))
            self._wake.set()

    async def _facts_of(self, accounts: set[str]) -> Mapping[str, Mapping[str, object]]:
        while True:
            try:
                async with self._asking:
                    return await asyncio.to_thread(self._facts.of, accounts)
            except LogError as error:
                self._durably.troubled(error)
                await asyncio.sleep(RETRY)

    # Dispatch

    async def dispatch(self) -> None:
        """Settle what was tried, see to what is due, and try what is ready."""
        tp = TP(self.settings.topic(ALERT_QUEUE), 0)
        while not self.app.should_stop:
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._wake.wait()
            self._wake.clear()
            async with self._lock(tp):
                if self._desk is not None:
                    await self._turn(tp, self._desk)

    async def _turn(self, tp: TP, desk: Desk) -> None:
        routes, now = self.loaded.routes, _now()
        try:
            if self._outcomes:
                outcomes, self._outcomes = self._outcomes, []
                jitter = [random.uniform(0.5, 1.5) for _ in outcomes]  # noqa: S311  spreads load, guards nothing
                work = desk.outcomes(outcomes, routes, now, jitter)
                if not await self._keep(desk, work, lambda: self._transport.append_for(tp, work.appends)):
                    return
            due = desk.beat(routes, now)
        except Exception:  # a fault of ours: what comes in is decided all the same
            log.exception("alerting could not see to what is due; tried again")
            desk.forget()
            await asyncio.sleep(RETRY)
            return
        if due.appends and not await self._keep(desk, due, lambda: self._transport.append_for(tp, due.appends)):
            return
        for message in ready(desk.state, routes, now, each=EACH):
            if len(self._attempts) >= MOST:
                break
            desk.state.flying.add(message.key)
            task = asyncio.get_running_loop().create_task(self._attempt(message))
            self._attempts.add(task)
            task.add_done_callback(self._attempts.discard)

    async def _attempt(self, message: Message) -> None:
        loaded = self.loaded
        channel = loaded.channels.get(message.channel)
        outcome: Outcome
        try:
            if channel is None:
                outcome = Refused(f"there is no channel {message.channel} in the routes file any more")
            else:
                alert = alert_of(message, loaded.routes, loaded.labels)
                outcome = await asyncio.wait_for(channel.deliver(alert), LONGEST)
        except TimeoutError:
            outcome = TryAgain(f"no answer within {LONGEST:g} s")
        except Exception:  # a fault of ours in the channel: it must neither stop the others nor be lost
            log.exception("the channel %s failed", message.channel)
            outcome = TryAgain("the channel failed for a fault of Tierline; see its log")
        self._outcomes.append((message.key, outcome))
        self._wake.set()

    async def settle_rest(self) -> None:
        """Before a clean stop: let attempts under way end, and write what came of them."""
        if self._attempts:
            await asyncio.wait(self._attempts)
        tp = TP(self.settings.topic(ALERT_QUEUE), 0)
        async with self._lock(tp):
            desk, outcomes = self._desk, self._outcomes
            if desk is not None and outcomes:
                work = desk.outcomes(outcomes, self.loaded.routes, _now(), [1.0] * len(outcomes))
                await self._keep(desk, work, lambda: self._transport.append_for(tp, work.appends))

    # The routes file

    async def follow_routes(self) -> None:
        """Take up a changed routes file; a broken one leaves the last good one in force."""
        while not self.app.should_stop:
            await asyncio.sleep(RELOAD)
            before = self.loaded
            told = await asyncio.to_thread(self.file.reload)
            if told is not None:
                (log.error if self.file.broken else log.info)("%s", told)
            self.metrics.routes_broken.set(self.file.broken)
            if self.loaded is not before:
                self._leaving.append(before)
                self._wake.set()
            elif self._leaving and not self._attempts:  # nobody uses those any more
                await self._close_channels(self._leaving.pop())

    async def close(self) -> None:
        """Let go of channels and of the log."""
        for loaded in (*self._leaving, self.loaded):
            await self._close_channels(loaded)
        self._log.close()

    async def _close_channels(self, loaded: LoadedRoutes) -> None:
        for channel in loaded.channels.values():
            await channel.close()

    # Durability

    @property
    def _transport(self) -> CommitsBatches:
        return self.app.log_transport

    def _lock(self, tp: TP) -> asyncio.Lock:
        """Held from reading a partition's state until what came of it is durable."""
        return self._locks.setdefault(f"{tp.topic}/{tp.partition}", asyncio.Lock())

    async def _keep(self, desk: Desk, work: Work, write: Callable[[], Awaitable[Sequence[int]]]) -> bool:
        """Write a work and take it into the rows. False: the queue is somebody else's by now."""
        offsets = await self._durably.write(write)
        if offsets is None:
            desk.forget()
            return False
        topic = self.settings.topic(ALERT_STATE)
        written = [at for at, append in zip(offsets, work.appends, strict=True) if append.topic == topic]
        self.store.rows(0).write(work.rows, max(written) + 1 if written else None)
        desk.committed()
        count(self.metrics, work, _now())
        return True

    # Measuring

    def _timed(self, agent: str, began: float, records: int) -> None:
        self.metrics.batch.labels(agent).observe(time.perf_counter() - began)
        self.metrics.batch_records.labels(agent).observe(records)

    async def measure(self) -> None:
        """Keep the gauges."""
        topics = {self.settings.topic(name): name for name in (TIER_CHANGES, ALERT_QUEUE)}
        while not self.app.should_stop:
            gauge_lag(self.metrics, cast("BatchingConsumer", self.app.consumer), topics)
            gauge(self.metrics, None if self._desk is None else self._desk.state, _now())
            await asyncio.sleep(1)


def _now() -> int:
    return time.time_ns() // 1_000_000
