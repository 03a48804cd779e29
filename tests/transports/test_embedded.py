"""What only the embedded transport promises: one transaction a batch, a full disk survived, one worker a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faust
import pytest

from stream.transports.batching import Batch, BatchLimits, StaleBatch
from stream.transports.embedded import broker_url
from stream.transports.errors import LogFull, TopicMismatch, UnknownTopic, WorkerRunning
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append
from tests.transports.rig import EmbeddedRig, batch_app, new_app, numbered, running, until

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


def set_room(app: faust.App, pages: int) -> None:
    """Lets the worker's file grow to so many pages."""
    with app.transport._writer.log.reading() as db:
        db.execute(f"PRAGMA max_page_count = {pages}")


async def test_a_full_disk_is_survived(embedded: EmbeddedRig) -> None:
    """On a full disk a commit writes nothing and may be made again; once there is room all is there once."""
    embedded.append(numbered("in", 0, 200))
    refused: list[LogFull] = []

    async def copy(app: faust.App, batch: Batch) -> None:
        effects = [Append("out", 0, r.key, (r.value or b"") + b"x" * 5_000) for r in batch.records]
        while True:
            try:
                await app.transport.commit_batch(effects, batch)
            except LogFull as error:
                refused.append(error)
                await asyncio.sleep(0.01)
            else:
                return

    app = batch_app(embedded, copy, limits=BatchLimits(records=20))
    async with running(embedded, app):
        set_room(app, 60)
        embedded.append(numbered("in", 0, 50, start=200))
        await until(lambda: len(refused) > 3)
        assert embedded.position("group", "in", 0) == embedded.log.end("out", 0) < 250
        set_room(app, 100_000)
        await until(lambda: embedded.log.end("out", 0) == 250)
    assert [int((r.value or b"").rstrip(b"x")) for r in embedded.read("out", 0)] == list(range(250))
    assert embedded.position("group", "in", 0) == 250


async def test_a_position_moved_from_outside(embedded: EmbeddedRig) -> None:
    """Where somebody has moved the group on, its batch is refused, writes nothing, and reading goes on from there."""
    embedded.append(numbered("in", 0, 10))
    seen: list[list[int]] = []

    async def copy(app: faust.App, batch: Batch) -> None:
        if not seen:
            embedded.log.commit([], {("group", "in", 0): 7})
        seen.append([r.offset for r in batch.records])
        try:
            await app.transport.commit_batch([Append("out", 0, r.key, r.value) for r in batch.records], batch)
        except StaleBatch:
            return

    async with running(embedded, batch_app(embedded, copy)):
        await until(lambda: embedded.position("group", "in", 0) == 10)
    assert seen == [list(range(10)), [7, 8, 9]]
    assert [r.value for r in embedded.read("out", 0)] == [b"7", b"8", b"9"]


async def test_owed_positions_are_stored_later(embedded: EmbeddedRig) -> None:
    """Where an acknowledged position could not be stored for lack of room, it is stored when there is some."""
    seen: list[Batch] = []

    async def take(app: faust.App, batch: Batch) -> None:
        seen.append(batch)
        app.transport.ack(batch)

    app = batch_app(embedded, take)
    async with running(embedded, app):
        embedded.append(numbered("in", 0, 10))
        await until(lambda: seen)
        real, app.consumer._log.writing = app.consumer._log.writing, failing_once(app.consumer._log.writing)
        await app.consumer.commit()
        assert not embedded.position("group", "in", 0)
        await until(lambda: embedded.position("group", "in", 0) == 10)
        app.consumer._log.writing = real


def failing_once(real: Callable[..., Any]) -> Callable[..., Any]:
    """`writing`, whose next call finds the disk full."""
    calls = iter([LogFull("no room")])

    async def writing(work: Callable[..., Any]) -> Any:
        for error in calls:
            raise error
        return await real(work)

    return writing


async def test_one_bad_record_fails_alone(embedded: EmbeddedRig) -> None:
    """Records that are sent at the same time go in one transaction, but a bad one fails only itself."""
    app = new_app(embedded)
    async with running(embedded, app):
        sends = [app.producer.send_and_wait(topic, b"k", b"v", 0, None, None) for topic in ("out", "nowhere", "out")]
        first, bad, last = await asyncio.gather(*sends, return_exceptions=True)
    assert isinstance(bad, UnknownTopic)
    assert (first.offset, last.offset) == (0, 1)


async def test_a_lost_table_write_stops_the_worker(embedded: EmbeddedRig) -> None:
    """Faust only logs a changelog record that could not be sent; here the worker stops."""

    async def take(app: faust.App, batch: Batch) -> None:
        app.transport.ack(batch)

    app = batch_app(embedded, take)
    table = app.Table("kept", key_type=bytes, value_type=bytes, partitions=2)
    async with running(embedded, app):
        set_room(app, 1)
        for _ in range(50):
            table.send_changelog(0, b"k", b"x" * 100_000)
        await until(lambda: app.crashed)
        set_room(app, 100_000)


async def test_partition_counts_are_fixed(embedded: EmbeddedRig) -> None:
    """A worker that asks for another partition count stops at its start with what to do."""

    async def take(_app: faust.App, _batch: Batch) -> None:
        raise AssertionError

    app = batch_app(embedded, take, partitions=3)
    app.finalize()
    await app.start()
    await until(lambda: app.crashed)
    await app.stop()
    assert isinstance(app.crash_reason, TopicMismatch)
    assert "has 2 partitions, not 3" in str(app.crash_reason)


async def test_one_worker_a_file(embedded: EmbeddedRig) -> None:
    """A second worker does not start and says who runs; an early lock is the same lock; a stop frees it."""
    app = new_app(embedded)
    app.transport.lock_worker()
    async with running(embedded, app):
        with pytest.raises(WorkerRunning, match="another worker"):
            new_app(embedded).transport.lock_worker()
    WorkerLock(embedded.path).release()


async def test_the_event_loop_goes_on(embedded: EmbeddedRig) -> None:
    """While thousands of records a transaction are committed, the event loop is never held up for long."""
    embedded.append([Append("in", 0, b"k%d" % n, b"x" * 400) for n in range(40_000)])

    async def copy(app: faust.App, batch: Batch) -> None:
        await app.transport.commit_batch([Append("out", 0, r.key, r.value) for r in batch.records], batch)

    waits = []
    async with running(embedded, batch_app(embedded, copy)):
        while embedded.log.end("out", 0) < 40_000:
            began = time.monotonic()
            await asyncio.sleep(0.001)
            waits.append(time.monotonic() - began)
    # each of ten commits would show; a single one may be the machine, giving the core to another process
    assert sorted(waits)[-2] < 0.5


async def test_urls_carry_any_path(tmp_path: Path) -> None:
    """The broker setting leads to the file it was made from, whatever its name."""
    folder = tmp_path / "größe 100% #1?;x"
    folder.mkdir()
    with EmbeddedLog(folder / "log.db") as log:
        log.create_topic("in", 2)
    app = faust.App("x", broker=broker_url(folder / "log.db"), env={})
    assert app.transport.path == folder / "log.db"
