"""Partitions that move between workers on Kafka: who comes and goes, is fenced, or takes over what was left open."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any

import faust
import pytest
from aiokafka.client import AIOKafkaClient
from faust.types import TP

from stream.transports.batching import BatchLimits, StaleBatch
from stream.transports.records import Append
from stream.transports.steps import watchers
from tests.kafka.cluster import Cluster
from tests.kafka.copying import Copy, all_copied, copied, quick
from tests.kafka.places import Owner, claim, transactional
from tests.transports.rig import batch_app, numbered, running, until
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]


@pytest.fixture
def rig(kafka_cluster: Cluster) -> Iterator[KafkaRig]:
    """Topics `in` and `out` of this test's own."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", 2)
    rig.create("out", 2)
    yield rig
    rig.close()


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
