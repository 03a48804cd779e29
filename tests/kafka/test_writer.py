"""What comes of a batch is written in one transaction, by whoever has the partition, or not at all."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from faust.types import TP
from kafka.admin import ConfigResource

from stream.transports.errors import RecordTooLarge
from stream.transports.kafka_writer import Lost
from stream.transports.records import Append
from stream.transports.steps import STEPS, watchers
from tests.kafka.cluster import Cluster
from tests.kafka.places import Owner, transactional
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]


@pytest.fixture
def rig(kafka_cluster: Cluster) -> Iterator[KafkaRig]:
    """Topics `in`, `out` and `changelog` of this test's own."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", 2)
    rig.create("out", 2, max_message_bytes="100000")
    rig.create("changelog", 2)
    yield rig
    rig.close()


@pytest.fixture(autouse=True)
def _no_noise(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever fails, asyncio has nothing to complain of: an operator reads of it once, in our words."""
    yield
    gc.collect()
    told = [record.getMessage() for record in [*caplog.get_records("call"), *caplog.records]]
    assert [one for one in told if "never retrieved" in one or "was destroyed" in one] == []


@asynccontextmanager
async def writer(rig: KafkaRig, partition: int = 0) -> AsyncIterator[Owner]:
    """The writer of a partition of `in`, from the take-over on."""
    client = AIOKafkaClient(bootstrap_servers=rig.server)
    await client.bootstrap()
    made = Owner(client, rig.name("group"), TP(rig.name("in"), partition))
    try:
        await made.start()
        yield made
    finally:
        await made.stop()
        await client.close()


@contextmanager
def at(step: str, act: Callable[[], Any]) -> Iterator[None]:
    """Has `act` called once, when a write passes that step; nothing else runs in this process meanwhile."""
    calls = iter([act])

    def watch(passed: str) -> None:
        if passed == step:
            for one in calls:
                one()

    watchers.append(watch)
    try:
        yield
    finally:
        watchers.remove(watch)


def effects(rig: KafkaRig, *values: bytes) -> list[Append]:
    """Outputs in two partitions and one changelog record."""
    outputs = [Append(rig.name("out"), at % 2, b"k", value) for at, value in enumerate(values)]
    return [*outputs, Append(rig.name("changelog"), 0, b"k", values[-1])]


def seen(rig: KafkaRig) -> list[bytes | None]:
    """All that a `read_committed` consumer sees, the changelog last."""
    places = [("out", 0), ("out", 1), ("changelog", 0)]
    return [record.value for place in places for record in rig.read(*place)]


def shown(rig: KafkaRig) -> tuple[list[bytes | None], int | None]:
    """What is there, with the group's position."""
    return seen(rig), rig.position("group", "in", 0)


async def test_all_at_once(rig: KafkaRig) -> None:
    """Until the commit nobody sees anything of a batch, after it all of it, and the group's position is past it."""
    looks: list[Any] = []

    def look() -> None:
        looks.append(shown(rig))

    async with writer(rig) as made:
        with at("acknowledged", look), at("positioned", look):
            offsets = await made.write(effects(rig, b"a", b"b", b"c"), 7)
    assert offsets == [0, 0, 1, 0]
    assert looks == [([], None), ([], None)]
    assert shown(rig) == ([b"a", b"c", b"b", b"c"], 7)


async def test_one_after_the_other(rig: KafkaRig) -> None:
    """Writes with nothing in them, with no position, or with a position alone are transactions like others."""
    async with writer(rig) as made:
        assert await made.write([], None) == []
        await made.write(effects(rig, b"a"), None)
        assert rig.position("group", "in", 0) is None
        assert await made.write([], 3) == []
        assert await made.write(effects(rig, b"b"), 4) == [2, 2]  # a commit's marker has an offset, too
    assert shown(rig) == ([b"a", b"b", b"a", b"b"], 4)


async def test_what_was_left_open_is_taken_back(rig: KafkaRig) -> None:
    """A write that was cancelled is never seen: whoever takes over ends it, and begins where the position is."""

    async def cancelled(made: Owner) -> None:
        task = asyncio.ensure_future(made.write(effects(rig, b"never"), 9))
        with at("acknowledged", task.cancel):
            await asyncio.wait({task})
        assert task.cancelled()
        with pytest.raises(Lost, match="left open"):
            await made.write(effects(rig, b"never"), 9)

    async with writer(rig) as first:
        await first.write(effects(rig, b"a"), 3)
        await cancelled(first)
        assert shown(rig) == ([b"a", b"a"], 3)
        async with writer(rig) as second:
            assert seen(rig) == [b"a", b"a"]  # at once: what is in doubt ends with the take-over
            await second.write(effects(rig, b"b"), 4)
    assert shown(rig) == ([b"a", b"b", b"a", b"b"], 4)


async def test_the_next_owner_fences_the_last(rig: KafkaRig) -> None:
    """Once somebody else has taken over, nothing of the former owner's gets in any more, whatever it tries."""
    async with writer(rig) as zombie:
        await zombie.write(effects(rig, b"a"), 1)
        async with writer(rig) as owner:
            with pytest.raises(Lost, match="somebody else"):
                await zombie.write(effects(rig, b"zombie"), 9)
            await owner.write(effects(rig, b"b"), 2)
            with pytest.raises(Lost):
                await zombie.write([], 9)
            with pytest.raises(Lost):
                await zombie.write(effects(rig, b"zombie"), None)
    assert shown(rig) == ([b"a", b"b", b"a", b"b"], 2)


@pytest.mark.parametrize("step", STEPS[:4])
async def test_fenced_in_the_middle(rig: KafkaRig, kafka_cluster: Cluster, step: str) -> None:
    """Whoever takes over while a transaction is open, at any step of it, by whatever client, ends it unseen."""
    transaction = f"{rig.name('group')}-{rig.name('in')}-0"
    async with writer(rig) as zombie:
        await zombie.write(effects(rig, b"a"), 1)
        with at(step, lambda: transactional(kafka_cluster, transaction).close()), pytest.raises(Lost):
            await zombie.write(effects(rig, b"zombie", b"zombie"), 9)
        with pytest.raises(Lost):
            await zombie.write(effects(rig, b"zombie"), 9)
    assert shown(rig) == ([b"a", b"a"], 1)


async def test_partitions_are_fenced_one_by_one(rig: KafkaRig) -> None:
    """Taking over one partition leaves the others to those who have them."""
    async with writer(rig, 0) as first, writer(rig, 1) as second, writer(rig, 0) as third:
        await second.write(effects(rig, b"a"), 1)
        await third.write(effects(rig, b"b"), 1)
        with pytest.raises(Lost):
            await first.write([], 5)
    assert shown(rig) == ([b"a", b"b", b"a", b"b"], 1)


async def test_a_record_that_is_too_large(rig: KafkaRig) -> None:
    """It is refused with what to do, nothing of its batch is seen, and the same call works once it may be as large."""
    large = effects(rig, b"b", b"x" * 200_000, b"c", b"d")
    async with writer(rig) as made:
        await made.write(effects(rig, b"a", b"a"), 1)  # so that the brokers know this producer already
        for _ in range(2):
            with pytest.raises(RecordTooLarge, match=r"max\.message\.bytes"):
                await made.write(large, 9)
        assert shown(rig) == ([b"a", b"a", b"a"], 1)
        await made.write(effects(rig, b"between", b"between"), 2)
        allowed = ConfigResource("topic", rig.name("out"), {"max.message.bytes": "300000"})
        rig.log.clients.admin().alter_configs([allowed])
        for _ in range(50):
            try:
                await made.write(large, 9)
            except RecordTooLarge:
                await asyncio.sleep(0.05)
            else:
                break
    large_one = [b"x" * 200_000]
    assert shown(rig) == ([b"a", b"between", b"b", b"c", b"a", b"between", *large_one, b"d", b"a", b"between", b"d"], 9)


async def test_nothing_of_a_refused_batch_gets_into_the_next(rig: KafkaRig) -> None:
    """However much of a refused batch was still to be sent, none of it comes with the transaction after it."""
    rest = [Append(rig.name("changelog"), at % 2, b"%d" % at, b"refused" * 40_000) for at in range(60)]
    refused = [Append(rig.name("out"), 0, b"k", b"x" * 200_000), *rest]
    async with writer(rig) as made:
        for position in range(1, 6):
            with pytest.raises(RecordTooLarge):
                await made.write(refused, 99)
            await made.write(effects(rig, b"a", b"a"), position)
    assert shown(rig) == ([b"a"] * 15, 5)
    assert rig.read("changelog", 1) == []


async def test_more_than_a_request(rig: KafkaRig) -> None:
    """A batch of several megabytes is many requests, one transaction, and keeps its order."""
    appends = [Append(rig.name("changelog"), at % 2, b"%d" % at, b"%d " % at * 5_000) for at in range(400)]
    async with writer(rig) as made:
        offsets = await made.write(appends, 1)
    assert offsets == [at // 2 for at in range(400)]
    for partition in (0, 1):
        found = [int((record.value or b"").split()[0]) for record in rig.read("changelog", partition)]
        assert found == list(range(partition, 400, 2))


async def test_sequence_numbers_begin_again(rig: KafkaRig) -> None:
    """After two thousand million records of one producer in one partition, it goes on."""
    async with writer(rig) as made:
        numbers = made.writer._producer._txn_manager._sequence_numbers
        numbers.default_factory = lambda: 2**31 - 3  # the brokers take any first number
        for position in range(1, 5):
            await made.write(effects(rig, b"a", b"b", b"c", b"d"), position)
    assert shown(rig) == ([b"a", b"c"] * 4 + [b"b", b"d"] * 4 + [b"d"] * 4, 4)


async def test_out_of_step_with_the_brokers(rig: KafkaRig) -> None:
    """Where the brokers have other numbers than we, the partition is taken over anew instead of tried for ever."""
    async with writer(rig) as made:
        await made.write(effects(rig, b"a"), 1)
        for numbered in list(made.writer._producer._txn_manager._sequence_numbers):
            made.writer._producer._txn_manager._sequence_numbers[numbered] += 5
        with pytest.raises(Lost):
            await made.write(effects(rig, b"b"), 2)
    async with writer(rig) as made:
        await made.write(effects(rig, b"b"), 2)
    assert shown(rig) == ([b"a", b"b", b"a", b"b"], 2)
