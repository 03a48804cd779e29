"""What is special to a worker on Kafka: transactions' markers, positions, back-pressure, what brokers refuse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP
from kafka.admin import ConfigResource

from stream.transports.batching import Batch, BatchLimits
from stream.transports.errors import LogError, RecordTooLarge
from stream.transports.kafka_positions import Member
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.copying import Copy, all_copied, copied
from tests.kafka.places import claim, transactional
from tests.transports.rig import batch_app, numbered, running, until
from tests.transports.rig_kafka import KafkaRig, with_marker

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]


@pytest.fixture
def rig(kafka_cluster: Cluster) -> Iterator[KafkaRig]:
    """Topics `in` and `out` of this test's own."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", 2)
    rig.create("out", 2)
    yield rig
    rig.close()


async def test_no_lag_stays_behind_markers(rig: KafkaRig, kafka_cluster: Cluster) -> None:
    """Where a partition ends in the marker of a transaction, committed or not, the group's position gets past it."""
    theirs = transactional(kafka_cluster, rig.name("theirs"))
    theirs.begin_transaction()
    for number in range(5):
        theirs.send(rig.name("in"), key=b"k", value=b"%d" % number, partition=0)
    theirs.commit_transaction()
    theirs.close()
    with_marker(rig.server, rig.name("aborting"), [(rig.name("in"), 1)])
    copy = Copy(rig)
    async with running(rig, batch_app(rig, copy)) as app:
        await all_copied(rig, 5, 0)
        ends = [rig.log.end(rig.name("in"), partition) for partition in (0, 1)]
        assert ends == [6, 2]
        await until(lambda: [rig.position("group", "in", partition) for partition in (0, 1)] == ends)
        await until(lambda: all(app.consumer.behind(tp) == 0 for tp in app.consumer.assignment()))
    again = Copy(rig)
    async with running(rig, batch_app(rig, again)):
        rig.append(numbered("in", 0, 1, start=5))
        await all_copied(rig, 6, 0)
    assert [record.value for batch in again.batches for record in batch.records] == [b"5"]


async def test_a_partition_that_goes_while_its_position_is_on_the_way(rig: KafkaRig) -> None:
    """It is the next owner's to commit; here nothing is committed, and the worker goes on."""
    async with running(rig, batch_app(rig, Copy(rig))) as app:
        await until(app.consumer.assignment)
        assert not await app.consumer._commit({TP(rig.name("in"), 7): 5})
        rig.append(numbered("in", 0, 3))
        await all_copied(rig, 3, 0)
    assert rig.position("group", "in", 0) == 3


async def test_nobody_else_is_held_up(rig: KafkaRig) -> None:
    """While the agent is stuck with one partition the other goes on, and what waits is not taken into memory."""
    large = b"x" * 100_000
    rig.append([Append("in", 0, b"k", large) for _ in range(800)])
    rig.append(numbered("in", 1, 100))
    release = asyncio.Event()
    held: list[Batch] = []
    seen: list[Batch] = []
    limits = BatchLimits(bytes=1_000_000)

    async def work(app: faust.App, batch: Batch) -> None:
        if batch.tp.partition == 0 and not release.is_set():
            held.append(batch)
            return
        seen.append(batch)
        app.transport.ack(batch)

    before = resident()
    app = batch_app(rig, work, limits=limits, noack=True)
    async with running(rig, app):
        for more in range(20):
            rig.append(numbered("in", 1, 50, start=100 + 50 * more))
            await until(lambda more=more: total(seen, 1) >= 150 + 50 * more, seconds=5)
        assert len(held) == limits.in_flight
        assert resident() - before < 40_000_000  # of 80 that wait
        release.set()
        for batch in held:
            app.transport.ack(batch)
        await until(lambda: total(held, 0) + total(seen, 0) == 800, seconds=30)
    offsets = [record.offset for batch in held + seen if batch.tp.partition == 0 for record in batch.records]
    assert offsets == list(range(800))


def total(batches: list[Batch], partition: int) -> int:
    """How many records of a partition."""
    return sum(len(batch) for batch in batches if batch.tp.partition == partition)


def resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def test_positions_that_follow_name_who_may_write(rig: KafkaRig) -> None:
    """Whatever moves a position, in a transaction or after it, the next owner finds whom to fence."""
    place = rig.name("group"), rig.name("in"), 0
    rig.append(numbered("in", 0, 5))

    async def work(app: faust.App, batch: Batch) -> None:
        await app.transport.commit_batch([], batch, follows=True)

    async with running(rig, batch_app(rig, work)):
        await until(lambda: rig.position("group", "in", 0) is not None)
        first = claim(rig.log, *place)
        assert first.startswith(rig.name("group-"))
        await until(lambda: (rig.position("group", "in", 0) or 0) >= 5)
        assert claim(rig.log, *place) == first
    async with running(rig, batch_app(rig, work)):
        await until(lambda: claim(rig.log, *place) != first)


async def test_positions_that_were_not_taken_are_told_again(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Brokers that once do not take a position are told it again when nothing else is to do."""
    refused: list[Mapping[TP, int]] = []
    take = Member.commit

    async def commit(self: Member, positions: Mapping[TP, int], claim: str) -> None:
        if not refused and any(positions.values()):  # once it has taken over
            refused.append(positions)
            raise KafkaTimeoutError("nobody answers")
        await take(self, positions, claim)

    monkeypatch.setattr(Member, "commit", commit)
    rig.append(numbered("in", 0, 5))

    async def work(app: faust.App, batch: Batch) -> None:
        app.transport.ack(batch)

    app = batch_app(rig, work)
    async with running(rig, app):
        await until(lambda: bool(refused), seconds=10)
        await until(lambda: rig.position("group", "in", 0) == 5, seconds=10)


async def test_a_record_that_is_too_large(rig: KafkaRig) -> None:
    """A refused batch stays the agent's to try again; other partitions go on; once the topic takes it, it is there."""
    allow(rig, 2_000)
    large = b"%d" % 0 + b" " * 5_000  # int() takes it
    copy = Copy(rig)
    copying: set[asyncio.Task[None]] = set()

    async def work(app: faust.App, batch: Batch) -> None:
        copying.add(asyncio.ensure_future(copy(app, batch)))

    async with running(rig, batch_app(rig, work, noack=True, limits=BatchLimits(in_flight=1))):
        rig.append([Append("in", 0, b"k", large), *numbered("in", 0, 99, start=1)])
        await until(lambda: len(copy.errors) > 3)
        rig.append(numbered("in", 1, 100))
        await until(lambda: len(copied(rig, 1)) == 100)
        assert {type(error) for error in copy.errors} == {RecordTooLarge}
        assert copied(rig, 0) == []
        assert not rig.position("group", "in", 0)
        allow(rig, 100_000)
        await all_copied(rig, 100, 100)


def allow(rig: KafkaRig, size: int) -> None:
    """Sets how large a record of `out` may be."""
    asked = ConfigResource("topic", rig.name("out"), {"max.message.bytes": str(size)})
    rig.log.clients.admin().alter_configs([asked])
    time.sleep(0.2)  # the broker hears of it from the controller


async def test_appends_outside_batches(rig: KafkaRig) -> None:
    """One that is refused, or whose caller has gone, leaves the others as they are."""
    allow(rig, 2_000)
    out = rig.name("out")
    async with running(rig, batch_app(rig, Copy(rig))) as app:
        append: Any = app.transport.append
        await append([Append(out, 0, b"k", b"0")])
        gone = asyncio.ensure_future(append([Append(out, 0, b"k", b"x" * 5_000)]))
        await asyncio.sleep(0)
        gone.cancel()
        sends = [append([Append(out, 0, b"k", value)]) for value in (b"1", b"x" * 5_000, b"2")]
        done = await asyncio.gather(*sends, return_exceptions=True)
        assert isinstance(done[1], LogError)
        assert (done[0], done[2]) == ([1], [2])
    assert copied(rig, 0) == [0, 1, 2]
