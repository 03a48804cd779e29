"""Batches get to agents whole, in order, and again until they are settled."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import time
import weakref
from pathlib import Path
from typing import Any

import faust
import pytest

from stream.transports.batching import Batch, BatchLimits, StaleBatch, batch_topic
from stream.transports.records import Append, partition_for
from tests.transports.rig import Rig, batch_app, keyed, new_app, numbered, running, until

ROOT = Path(__file__).parents[2]

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


class Seen:
    """A handler that keeps what it gets, and settles it as told."""

    def __init__(self, how: str = "ack") -> None:
        self.batches: list[Batch] = []
        self.how = how

    async def __call__(self, app: faust.App, batch: Batch) -> None:
        self.batches.append(batch)
        if self.how == "ack":
            app.transport.ack(batch)
        elif self.how == "commit":
            await app.transport.commit_batch([], batch)

    def values(self, partition: int) -> list[bytes | None]:
        return [r.value for b in self.batches if b.tp.partition == partition for r in b.records]

    def __len__(self) -> int:
        return sum(map(len, self.batches))


async def test_whole_and_in_order(rig: Rig) -> None:
    """An agent gets each record of a partition once and in order, in batches no longer than the limit."""
    rig.create("in", 2)
    rig.append([a for pair in zip(numbered("in", 0, 950), numbered("in", 1, 950), strict=True) for a in pair])
    seen = Seen()
    async with running(rig, batch_app(rig, seen, limits=BatchLimits(records=100))):
        await until(lambda: len(seen) >= 1900)
    for partition in (0, 1):
        assert seen.values(partition) == [b"%d" % n for n in range(950)]
    assert max(map(len, seen.batches)) == 100
    assert all([r.offset for r in b.records] == list(range(b.start, b.end)) for b in seen.batches)


async def test_a_settled_batch_is_let_go(rig: Rig) -> None:
    """Nothing holds what was worked through: a long backlog takes no more memory than a short one."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 500))
    passed: list[weakref.ref[Batch]] = []

    async def handle(app: faust.App, batch: Batch) -> None:
        passed.append(weakref.ref(batch))
        app.transport.ack(batch)

    gc.collect()
    gc.disable()  # cycles stay
    try:
        async with running(rig, batch_app(rig, handle, limits=BatchLimits(records=50))):
            await until(lambda: len(passed) == 10)
            await until(lambda: sum(one() is not None for one in passed) <= 2)  # what a loop has in its hand
    finally:
        gc.enable()


async def test_bytes_bound_a_batch(rig: Rig) -> None:
    """Large records make small batches, and one above the limit still comes."""
    rig.create("in", 2)
    rig.append([Append("in", 0, b"k", b"x" * 40_000) for _ in range(10)])
    seen = Seen()
    async with running(rig, batch_app(rig, seen, limits=BatchLimits(bytes=100_000))):
        await until(lambda: len(seen) >= 10)
    assert [len(b) for b in seen.batches] == [3, 3, 3, 1]


async def test_keys_and_headers_come_through(rig: Rig) -> None:
    """Null and empty keys and values, and headers in their order, arrive as they were appended."""
    rig.create("in", 2)
    sent = [
        Append("in", 0, None, None),
        Append("in", 0, None, b"no key"),
        Append("in", 0, b"no value", None),
        Append("in", 0, b"", b""),
        Append("in", 0, b"\x00\xff", b"\x00", (("ce_id", b"1"), ("a", b""), ("ce_id", b"2"))),
    ]
    rig.append(sent)
    seen = Seen()
    async with running(rig, batch_app(rig, seen)):
        await until(lambda: len(seen) >= 5)
    got = [r for b in seen.batches for r in b.records]
    assert [(r.key, r.value, r.headers) for r in got] == [(a.key, a.value, a.headers) for a in sent]


@pytest.mark.parametrize("how", ["ack", "commit"])
async def test_restart_resumes_after_the_last_settled(rig: Rig, how: str) -> None:
    """After a clean restart nothing settled comes again, and nothing else is left out."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 500))
    first, second = Seen(how), Seen(how)
    async with running(rig, batch_app(rig, first, limits=BatchLimits(records=100))):
        await until(lambda: len(first) >= 500)
    assert rig.position("group", "in", 0) == 500
    rig.append(numbered("in", 0, 100, start=500))
    async with running(rig, batch_app(rig, second)):
        await until(lambda: len(second) >= 100)
        await asyncio.sleep(0.1)
    assert second.values(0) == [b"%d" % n for n in range(500, 600)]


async def test_nothing_is_read_before_the_position_is_known(rig: Rig) -> None:
    """Faust lets records flow while it still looks up the positions; none is delivered from anywhere else."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 100))
    first, second = Seen(), Seen()
    async with running(rig, batch_app(rig, first)):
        await until(lambda: len(first) >= 100)
    rig.append(numbered("in", 0, 10, start=100))
    app = batch_app(rig, second)
    app.Table("kept", key_type=bytes, value_type=bytes, partitions=2)
    rig.create("group-kept-changelog", 2, compact=True)
    rig.append([keyed("group-kept-changelog", b"a")])  # with something to recover, reading has begun already
    seek = app.consumer.seek_to_committed

    async def slow_seek() -> Any:
        await asyncio.sleep(0.3)
        found = await seek()
        await asyncio.sleep(0.3)
        return found

    app.consumer.seek_to_committed = slow_seek
    async with running(rig, app):
        await until(lambda: len(second) >= 10)
        await asyncio.sleep(0.1)
    assert second.values(0) == [b"%d" % n for n in range(100, 110)]


async def test_unsettled_comes_again(rig: Rig) -> None:
    """A batch that was not settled before the stop is delivered again, and not more than `in_flight` were open."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 500))
    first, second = Seen("never"), Seen("commit")
    app = batch_app(rig, first, limits=BatchLimits(records=100, in_flight=2), noack=True)
    async with running(rig, app):
        await until(lambda: len(first) >= 200)
        await asyncio.sleep(0.2)
        app.consumer.stop_budget = 0.1
    assert len(first) == 200
    async with running(rig, batch_app(rig, second)):
        await until(lambda: len(second) >= 500)
    assert second.values(0) == [b"%d" % n for n in range(500)]


async def test_a_failing_agent_stops_the_worker(rig: Rig) -> None:
    """An exception acknowledges nothing: the worker stops, and the next one gets the batch."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 10))

    async def fail(_app: faust.App, _batch: Batch) -> None:
        raise RuntimeError("a mistake in the agent")

    app = batch_app(rig, fail, limits=BatchLimits(records=5))
    app.consumer.stop_budget = 0.1
    async with running(rig, app):
        rig.append(numbered("in", 0, 10, start=10))
        await until(lambda: app.crashed or app.should_stop, seconds=20)
    again = Seen()
    async with running(rig, batch_app(rig, again)):
        await until(lambda: len(again) >= 20)
    assert again.values(0)[:10] == [b"%d" % n for n in range(10)]


async def test_effects_and_position_go_together(rig: Rig) -> None:
    """What `commit_batch` appends is there once for each input, across a restart."""
    rig.create("in", 2)
    rig.create("out", 2)
    rig.append(numbered("in", 1, 300))

    async def copy(app: faust.App, batch: Batch) -> None:
        await app.transport.commit_batch([Append(rig.name("out"), 1, r.key, r.value) for r in batch.records], batch)

    for more in (300, 400):
        async with running(rig, batch_app(rig, copy, limits=BatchLimits(records=64))):
            await until(lambda more=more: len(rig.read("out", 1)) >= more)
        rig.append(numbered("in", 1, 100, start=300) if more == 300 else [])
    assert [r.value for r in rig.read("out", 1)] == [b"%d" % n for n in range(400)]
    assert rig.position("group", "in", 1) == 400


async def test_a_stale_batch_writes_nothing(rig: Rig) -> None:
    """A batch settled twice, or from before the partition was read anew, is refused and leaves no trace."""
    rig.create("in", 2)
    rig.create("out", 2)
    rig.append(numbered("in", 0, 10))
    refused: list[Batch] = []

    async def work(app: faust.App, batch: Batch) -> None:
        await app.consumer.perform_seek()  # as a rebalance does
        try:
            await app.transport.commit_batch([Append(rig.name("out"), 0, b"k", b"stale")], batch)
        except StaleBatch:
            refused.append(batch)

    app = batch_app(rig, work, noack=True)
    app.consumer.stop_budget = 0.1
    async with running(rig, app):
        await until(lambda: refused)
        with pytest.raises(StaleBatch):
            app.transport.ack(refused[0])
    assert rig.read("out", 0) == []
    assert not rig.position("group", "in", 0)


async def test_batches_are_committed_in_order(rig: Rig) -> None:
    """A later batch cannot move the position over one that is still open."""
    rig.create("in", 2)
    rig.append(numbered("in", 0, 10))
    seen = Seen("never")
    app = batch_app(rig, seen, limits=BatchLimits(records=5), noack=True)
    async with running(rig, app):
        await until(lambda: len(seen.batches) == 2)
        first, second = seen.batches
        with pytest.raises(ValueError, match="not settled"):
            await app.transport.commit_batch([], second)
        app.transport.ack(second)
        await app.consumer.commit()
        assert not rig.position("group", "in", 0)
        await app.transport.commit_batch([], first)
        assert rig.position("group", "in", 0) in (5, 10)
    assert rig.position("group", "in", 0) == 10


async def test_ordinary_agents_work_beside(rig: Rig) -> None:
    """A plain topic is delivered record by record with Faust's own acknowledgement, and resumes."""
    rig.create("plain", 2)
    rig.append(numbered("plain", 0, 300))
    got: list[bytes] = []

    def app() -> faust.App:
        made = new_app(rig)

        @made.agent(made.topic(rig.name("plain"), value_type=bytes, value_serializer="raw", partitions=2))
        async def take(values: faust.StreamT[bytes]) -> None:
            async for value in values:
                got.append(value)  # noqa: PERF401  as an agent does it

        return made

    async with running(rig, app()):
        await until(lambda: len(got) >= 300)
    rig.append(numbered("plain", 0, 10, start=300))
    async with running(rig, app()):
        await until(lambda: len(got) >= 310)
    assert got == [b"%d" % n for n in range(310)]
    assert rig.position("group", "plain", 0) == 310


async def test_one_topic_is_read_one_way(rig: Rig) -> None:
    """Reading a topic both in batches and record by record is refused at once."""
    app = new_app(rig)
    app.topics.add(batch_topic(app, rig.name("in"), partitions=2))
    with pytest.raises(ValueError, match="both"):
        app.topics.add(app.topic(rig.name("in")))


async def test_faust_producers_append(rig: Rig) -> None:
    """`send`, `send_soon` and `transport.append` put records where their keys belong, headers kept."""
    seen = Seen()
    app = batch_app(rig, seen)
    async with running(rig, app):
        topic = app.topic(rig.name("in"), key_serializer="raw", value_serializer="raw", partitions=2)
        await (await topic.send(key=b"acme.com", value=b"1", headers={"ce_id": b"7"}))
        topic.send_soon(key=b"acme.com", value=b"2")
        await app.producer.flush()
        assert await app.transport.append([keyed(rig.name("in"), b"acme.com", b"3")]) == [2]
        await until(lambda: len(seen) >= 3)
    at = partition_for(b"acme.com", 2)
    assert [(r.value, r.headers) for r in rig.read("in", at)] == [(b"1", (("ce_id", b"7"),)), (b"2", ()), (b"3", ())]
    assert seen.values(at) == [b"1", b"2", b"3"]


async def test_another_process_is_heard(rig: Rig) -> None:
    """What another process appends arrives within a moment."""
    rig.create("in", 2)
    seen = Seen()
    async with running(rig, batch_app(rig, seen)):
        command = [sys.executable, "-m", "tests.transports.elsewhere", rig.broker, rig.name("in"), "5"]
        started = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stderr=subprocess.PIPE)
        _, errors = await started.communicate()
        assert started.returncode == 0, errors
        await until(lambda: len(seen) >= 5, seconds=1)
        began = time.monotonic()
        rig.append(numbered("in", 0, 1, start=5))
        await until(lambda: len(seen) >= 6, seconds=1)
        assert time.monotonic() - began < 0.5
