"""What is special to workers on Kafka: several of them, transactions' markers, partitions that move, back-pressure."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import faust
import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaTimeoutError
from faust.types import TP
from kafka.admin import ConfigResource

from stream.transports.batching import Batch, BatchLimits, StaleBatch
from stream.transports.errors import LogError, RecordTooLarge
from stream.transports.kafka_positions import Member
from stream.transports.records import Append
from stream.transports.steps import watchers
from tests.kafka.cluster import Cluster
from tests.kafka.places import Owner, claim, transactional
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


async def test_workers_come_and_go(rig: KafkaRig) -> None:
    """However often partitions are assigned anew while records flow, none is left out and none comes twice."""
    first, second = Copy(rig), Copy(rig)
    first.pause = second.pause = 0.02
    limits = BatchLimits(records=20)
    sent = 0
    async with running(rig, quick(batch_app(rig, first, limits=limits))):
        for _ in range(3):
            for at in (0, 1):
                rig.append(numbered("in", at, 300, start=sent))
            sent += 300
            had = len(second.batches)
            async with running(rig, quick(batch_app(rig, second, limits=limits))):
                for at in (0, 1):
                    rig.append(numbered("in", at, 100, start=sent))
                sent += 100
                await until(lambda had=had: len(second.batches) > had)
        await all_copied(rig, sent, sent)


async def test_more_workers_than_partitions(kafka_cluster: Cluster) -> None:
    """A worker without a partition is ready and idles; it takes over when the others have gone."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", 1)
    rig.create("out", 1)
    first, second = Copy(rig), Copy(rig)
    try:
        async with AsyncExitStack() as stack:
            async with running(rig, quick(batch_app(rig, first, partitions=1))) as one:
                other = await stack.enter_async_context(running(rig, quick(batch_app(rig, second, partitions=1))))
                workers = {app: len(app.consumer.assignment()) for app in (one, other)}
                assert sorted(workers.values()) == [0, 1]
                rig.append(numbered("in", 0, 100))
                await all_copied(rig, 100)
                assert bool(first.batches) != bool(second.batches)
            rig.append(numbered("in", 0, 100, start=100))
            await all_copied(rig, 200)
            assert len(other.consumer.assignment()) == 1
    finally:
        rig.close()


async def test_a_worker_known_by_name_comes_back(rig: KafkaRig) -> None:
    """Within its session a worker with a name of its own comes back to its partitions; the others notice nothing."""
    copies = {name: Copy(rig) for name in "ab"}

    def app(name: str) -> faust.App:
        made = quick(batch_app(rig, copies[name]))
        made.transport.instance = name
        return made

    async with running(rig, app("a")) as a:
        async with running(rig, app("b")) as b:
            await until(lambda: len(a.consumer.assignment()) == len(b.consumer.assignment()) == 1)
            had, generation = b.consumer.assignment(), a.consumer_generation_id
        rig.append([*numbered("in", 0, 100), *numbered("in", 1, 100)])
        async with running(rig, app("b")) as b:
            await all_copied(rig, 100, 100)
            assert b.consumer.assignment() == had
            assert a.consumer_generation_id == generation


async def test_fenced_from_outside(rig: KafkaRig, kafka_cluster: Cluster) -> None:
    """A worker whose partition was taken over writes nothing any more, takes everything over anew, and goes on."""
    copy = Copy(rig)
    async with running(rig, batch_app(rig, copy)) as app:
        rig.append(numbered("in", 0, 100))
        await all_copied(rig, 100)
        generation = app.consumer_generation_id
        transactional(kafka_cluster, claim(rig.log, rig.name("group"), rig.name("in"), 0)).close()
        rig.append(numbered("in", 0, 100, start=100))
        await all_copied(rig, 200)
        assert len(copy.stale) == 1
        assert app.consumer_generation_id > generation


async def test_fenced_again(rig: KafkaRig, kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """Each time is told: who joins anew may well be in the same generation, with the same transactional id."""
    async with AsyncExitStack() as stack:
        for _ in range(2):
            app = await stack.enter_async_context(running(rig, quick(batch_app(rig, Copy(rig)))))
        await until(lambda: len(app.consumer.assignment()) == 1 and app.transport.writers.claim)
        tp = next(iter(app.consumer.assignment()))
        for sent in range(3):
            had = caplog.text.count("Taking over all")
            transactional(kafka_cluster, claim(rig.log, rig.name("group"), *tp)).close()
            rig.append([*numbered("in", 0, 1, start=sent), *numbered("in", 1, 1, start=sent)])
            await all_copied(rig, sent + 1, sent + 1)
            assert caplog.text.count("Taking over all") > had


async def test_what_comes_after_a_batch_that_is_void_is_void(rig: KafkaRig) -> None:
    """Of several batches that an agent holds when its partition is given back, each is stale, none a mistake of its."""
    over = asyncio.Event()

    async def work(*_: Any) -> None:
        await over.wait()

    app = batch_app(rig, work)
    app.transport.limits = BatchLimits(records=1, in_flight=2)
    async with running(rig, app):
        rig.append(numbered("in", 0, 2))
        await until(lambda: len(app.consumer._open[TP(rig.name("in"), 0)]) == 2)
        held = list(app.consumer._open[TP(rig.name("in"), 0)].values())
        await app.transport.writers.give_back()
        for batch in held:
            with pytest.raises(StaleBatch):
                await app.transport.commit_batch([], batch)
        over.set()


@pytest.mark.parametrize("decided", [True, False], ids=["committed", "left open"])
async def test_the_last_owner_is_ended_before_anything_is_read(rig: KafkaRig, *, decided: bool) -> None:
    """Up to the take-over its former owner may write state and position; from then on we know of all of it."""
    changelog, place = rig.name("group-kept-changelog"), TP(rig.name("in"), 0)
    rig.create("group-kept-changelog", 2, compact=True)
    rig.append(numbered("in", 0, 10))
    client = AIOKafkaClient(bootstrap_servers=rig.server)
    await client.bootstrap()
    former = Owner(client, rig.name("group"), place)
    await former.start()
    await former.write([Append(changelog, 0, b"k", b"before")], 3)
    copy = Copy(rig)
    app = batch_app(rig, copy)
    table = app.Table("kept", key_type=bytes, value_type=bytes, partitions=2)
    take_over = app.consumer.take_over

    async def late() -> None:
        await asyncio.sleep(0.3)  # were something read already, it would be old now
        writing = asyncio.ensure_future(former.write([Append(changelog, 0, b"k", b"late")], 7))
        if decided:
            await writing
        else:
            watchers.append(cancelling := lambda step: step == "acknowledged" and writing.cancel())
            await asyncio.wait({writing})
            watchers.remove(cancelling)
        await take_over()

    app.consumer.take_over = late
    try:
        async with running(rig, app):
            assert dict(table.data.items()) == {b"k": b"late" if decided else b"before"}
            await until(lambda: rig.position("group", "in", 0) == 10)
            assert copied(rig, 0) == list(range(7 if decided else 3, 10))
            with pytest.raises(StaleBatch):
                await former.write([Append(changelog, 0, b"k", b"zombie")], 1)
    finally:
        await former.stop()
        await client.close()


async def test_a_fault_while_partitions_move_stops_the_worker(rig: KafkaRig) -> None:
    """The client would log it and go on: a worker that has nothing and says nothing."""

    async def fail(*_: Any) -> None:
        raise RuntimeError("a mistake in an assignment")

    app = batch_app(rig, Copy(rig))
    app.consumer.on_partitions_assigned = fail
    app.finalize()
    await app.start()
    await until(lambda: app.crashed)
    await app.stop()
    assert "a mistake in an assignment" in str(app.crash_reason)


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
