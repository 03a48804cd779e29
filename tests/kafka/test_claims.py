"""Who takes partitions over fences whom the group's positions name, and then writes for all of them at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IllegalStateError
from faust.types import TP
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from stream.transports import kafka_writer
from stream.transports.errors import RecordTooLarge
from stream.transports.kafka_positions import Member
from stream.transports.kafka_writer import Lost
from stream.transports.kafka_writers import Writers
from stream.transports.records import Append
from stream.transports.steps import watchers
from tests.kafka.cluster import Cluster
from tests.kafka.places import claim
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

PARTITIONS = 3


@pytest.fixture
def rig(kafka_cluster: Cluster) -> Iterator[KafkaRig]:
    """Topics `in` and `out` of this test's own."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", PARTITIONS)
    rig.create("out", PARTITIONS, max_message_bytes="100000")
    yield rig
    rig.close()


@asynccontextmanager
async def connected(rig: KafkaRig) -> AsyncIterator[AIOKafkaClient]:
    """A client, as the one that all producers of a worker share."""
    client = AIOKafkaClient(bootstrap_servers=rig.server)
    await client.bootstrap()
    try:
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def joined(rig: KafkaRig) -> AsyncIterator[AIOKafkaConsumer]:
    """A member of the group, once it has partitions of `in`."""
    consumer = AIOKafkaConsumer(
        rig.name("in"), bootstrap_servers=rig.server, group_id=rig.name("group"), enable_auto_commit=False,
        heartbeat_interval_ms=200,
    )  # fmt: skip
    await consumer.start()
    try:
        yield consumer
    finally:
        await consumer.stop()


@asynccontextmanager
async def owning(rig: KafkaRig) -> AsyncIterator[Writers]:
    """The writers of the only member of the group, everything taken over."""
    async with connected(rig) as client, joined(rig) as consumer:
        writers = Writers(rig.name("group"))
        await writers.take_over(client, Member(consumer), places(rig), 10)
        try:
            yield writers
        finally:
            await writers.give_back()


def places(rig: KafkaRig) -> list[TP]:
    """The partitions of `in`."""
    return [TP(rig.name("in"), partition) for partition in range(PARTITIONS)]


def effect(rig: KafkaRig, partition: int, value: bytes) -> list[Append]:
    """A record in the same partition of `out`."""
    return [Append(rig.name("out"), partition, b"k", value)]


def seen(rig: KafkaRig) -> list[list[bytes | None]]:
    """What is in each partition of `out` for whoever reads what was committed."""
    return [[record.value for record in rig.read("out", partition)] for partition in range(PARTITIONS)]


async def shows(rig: KafkaRig, wanted: list[list[bytes]]) -> None:
    """Waits until just that is there."""
    async with asyncio.timeout(5):
        while seen(rig) != wanted:  # noqa: ASYNC110  (another process writes)
            await asyncio.sleep(0.02)


@asynccontextmanager
async def counting(step: str) -> AsyncIterator[list[str]]:
    """How often a step is passed."""
    found: list[str] = []
    watchers.append(watch := lambda passed: found.append(passed) if passed == step else None)
    try:
        yield found
    finally:
        watchers.remove(watch)


# Taking over


async def test_taken_over_or_not(rig: KafkaRig) -> None:
    """Partitions are taken over together, with a new id; those given back, or never ours, refuse to write."""
    tp = places(rig)[0]
    async with connected(rig) as client, joined(rig) as consumer:
        writers, member = Writers(rig.name("group")), Member(consumer)
        await writers.take_over(client, member, places(rig)[:2], 10)
        first = writers.claim
        assert claim(rig.log, rig.name("group"), *tp) == first
        assert rig.position("group", "in", 0) == 0
        assert await writers.write(tp, [], 1) == []
        assert claim(rig.log, rig.name("group"), *tp) == first
        with pytest.raises(Exception, match="not this worker's"):
            await writers.write(places(rig)[2], [], 1)
        await writers.take_over(client, member, places(rig)[:2], 10)  # ourselves, too
        assert claim(rig.log, rig.name("group"), *tp) == writers.claim
        assert rig.position("group", "in", 0) == 1
        await writers.give_back()
        with pytest.raises(Exception, match="not this worker's"):
            await writers.write(tp, [], 9)
        assert rig.position("group", "in", 0) == 1


async def test_the_next_owner_fences_the_last(rig: KafkaRig) -> None:
    """Who was taken over from writes nothing more, for none of what it had, until it has taken over what is left."""
    group = rig.name("group")
    async with connected(rig) as client, connected(rig) as other, joined(rig) as consumer:
        first, second = Writers(group), Writers(group)
        await first.take_over(client, Member(consumer), places(rig), 10)
        await first.write(places(rig)[0], effect(rig, 0, b"a"), 5)
        async with joined(rig) as newcomer:
            async with asyncio.timeout(15):
                while not (newcomer.assignment() and len(consumer.assignment()) < PARTITIONS):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)  # the client tells nobody
            theirs = [TP(*tp) for tp in newcomer.assignment()]
            left = [tp for tp in places(rig) if tp not in theirs]
            await second.take_over(other, Member(newcomer), theirs, 10)
            for tp in places(rig):
                with pytest.raises(Lost, match="somebody else"):
                    await first.write(tp, effect(rig, tp.partition, b"zombie"), 9)
            await first.take_over(client, Member(consumer), left, 10)
            for tp in left:
                await first.write(tp, effect(rig, tp.partition, b"b"), None)
            for tp in theirs:  # neither disturbs the other
                await second.write(tp, effect(rig, tp.partition, b"b"), None)
            await second.give_back()
        await first.give_back()
    await shows(rig, [[b"a", b"b"], [b"b"], [b"b"]])
    assert rig.position("group", "in", 0) == 5


async def test_of_a_former_assignment(rig: KafkaRig) -> None:
    """What was assigned anew is not ours to claim, nor are its positions ours to set, whatever they were."""
    async with connected(rig) as client, joined(rig) as consumer:
        former, writers = Member(consumer), Writers(rig.name("group"))
        await writers.take_over(client, former, places(rig), 10)
        held = writers.claim or ""
        consumer._coordinator.request_rejoin()
        async with asyncio.timeout(15):
            while consumer._coordinator.generation == former.generation:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        with pytest.raises(IllegalStateError):
            await former.commit({places(rig)[0]: 7}, held)
        with pytest.raises(IllegalStateError):
            await writers.take_over(client, former, places(rig), 10)
        assert writers.claim is None
        assert rig.position("group", "in", 0) == 0
        assert claim(rig.log, rig.name("group"), *places(rig)[0]) == held


async def test_the_brokers_take_claims_of_the_present_only(rig: KafkaRig) -> None:
    """A zombie believes to be in a generation that is over: that nobody has told it does not help it."""
    async with connected(rig) as client, joined(rig) as consumer:
        first = Member(consumer).generation
        consumer._coordinator.request_rejoin()
        async with asyncio.timeout(15):
            while consumer._coordinator.generation == first:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        member, writers = Member(consumer), Writers(rig.name("group"))
        await writers.take_over(client, member, places(rig), 10)
        held = writers.claim
        consumer._coordinator.generation = member.generation = first
        with pytest.raises(IllegalStateError):
            await Writers(rig.name("group")).take_over(client, member, places(rig), 10)
        assert claim(rig.log, rig.name("group"), *places(rig)[0]) == held


async def test_positions_that_nobody_of_ours_has_set(rig: KafkaRig) -> None:
    """Where a tool has set positions anew there is nobody to fence; they are kept, and name us from now on."""
    by_hand = {0: OffsetAndMetadata(4, "", -1), 1: OffsetAndMetadata(5, "a note", -1)}
    by_place = {TopicPartition(rig.name("in"), partition): position for partition, position in by_hand.items()}
    rig.log.clients.admin().alter_group_offsets(rig.name("group"), by_place)
    async with owning(rig) as writers:
        assert [rig.position("group", "in", partition) for partition in range(3)] == [4, 5, 0]
        assert {claim(rig.log, rig.name("group"), *tp) for tp in places(rig)} == {writers.claim}


# Together


async def test_who_is_ready_shares_a_transaction(rig: KafkaRig) -> None:
    """Partitions that write while a transaction is under way are all in the next one; each gets its offsets."""
    first, *others = places(rig)
    async with owning(rig) as writers, counting("begun") as transactions:
        writing = asyncio.ensure_future(writers.write(first, effect(rig, 0, b"a") * 2, 1))
        while not transactions:  # noqa: ASYNC110  (one turn of the loop at a time)
            await asyncio.sleep(0)
        together = [writers.write(tp, effect(rig, tp.partition, b"b") * 3, None) for tp in others]
        assert await asyncio.gather(*together) == [[0, 1, 2], [0, 1, 2]]
        assert await writing == [0, 1]
        assert len(transactions) == 2
    await shows(rig, [[b"a"] * 2, [b"b"] * 3, [b"b"] * 3])
    assert rig.position("group", "in", 0) == 1


async def test_who_writes_together_shares_a_transaction(rig: KafkaRig) -> None:
    """Partitions that come to write one right after the other are in one transaction from the start."""

    async def soon(turns: int, tp: TP) -> list[int]:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await writers.write(tp, effect(rig, tp.partition, b"a"), None)

    async with owning(rig) as writers, counting("begun") as transactions:
        await asyncio.gather(*(soon(turns, tp) for turns, tp in enumerate(places(rig))))
        assert len(transactions) == 1


async def test_no_transaction_grows_without_end(rig: KafkaRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would make it too large is in the next; one that is too large by itself has one of its own."""
    monkeypatch.setattr(kafka_writer, "TOGETHER", 5)
    async with owning(rig) as writers, counting("begun") as transactions:
        records = [effect(rig, at, b"a") * many for at, many in enumerate((2, 2, 8))]
        writing = [writers.write(tp, its, None) for tp, its in zip(places(rig), records, strict=True)]
        assert await asyncio.gather(*writing) == [[0, 1], [0, 1], list(range(8))]
        assert len(transactions) == 2


async def test_what_one_may_not_write_holds_up_nobody_else(rig: KafkaRig) -> None:
    """Of those that share a transaction, only the one whose record is refused hears of it, and may try again."""
    first, second, third = places(rig)
    large = effect(rig, 1, b"x" * 200_000)
    async with owning(rig) as writers:
        for turn in range(2):
            found = await asyncio.gather(
                writers.write(first, effect(rig, 0, b"a"), turn), writers.write(second, large, 9),
                writers.write(third, effect(rig, 2, b"a"), None), return_exceptions=True,
            )  # fmt: skip
            assert isinstance(found[1], RecordTooLarge)
            assert rig.name("in") + "/1" in str(found[1])
            assert not isinstance(found[0], BaseException)
            assert not isinstance(found[2], BaseException)
        await writers.write(second, effect(rig, 1, b"b"), 3)
    await shows(rig, [[b"a"] * 2, [b"b"], [b"a"] * 2])
    assert [rig.position("group", "in", partition) for partition in range(3)] == [1, 3, 0]


async def test_a_write_that_is_given_up(rig: KafkaRig) -> None:
    """One that still waits is left out; with one that is under way all is lost, for nobody knows what became of it."""
    first, second, third = places(rig)
    async with owning(rig) as writers, counting("begun") as transactions:
        writing = asyncio.ensure_future(writers.write(first, effect(rig, 0, b"a"), None))
        while not transactions:  # noqa: ASYNC110  (one turn of the loop at a time)
            await asyncio.sleep(0)
        waits = asyncio.ensure_future(writers.write(second, effect(rig, 1, b"never"), None))
        goes_on = asyncio.ensure_future(writers.write(third, effect(rig, 2, b"a"), None))
        await asyncio.sleep(0)
        waits.cancel()
        await asyncio.gather(writing, goes_on)
        assert waits.cancelled()
        await shows(rig, [[b"a"], [], [b"a"]])

        tasks = [asyncio.ensure_future(writers.write(tp, effect(rig, tp.partition, b"never"), 9)) for tp in places(rig)]
        watchers.append(watch := lambda step: step == "acknowledged" and tasks[1].cancel())
        found = await asyncio.gather(*tasks, return_exceptions=True)
        watchers.remove(watch)
        assert [type(one) for one in found] == [Lost, asyncio.CancelledError, Lost]
        with pytest.raises(Lost, match="left open"):
            await writers.write(first, [], 9)
    async with owning(rig):
        assert seen(rig) == [[b"a"], [], [b"a"]]


async def test_given_up_while_each_is_written_alone(rig: KafkaRig) -> None:
    """After a refusal, too, nobody waits for ever for a write that was given up."""
    large = effect(rig, 1, b"x" * 200_000)
    async with owning(rig) as writers, counting("begun") as transactions:
        effects = [effect(rig, 0, b"a"), large, effect(rig, 2, b"a")]
        tasks = [
            asyncio.ensure_future(writers.write(tp, its, None)) for tp, its in zip(places(rig), effects, strict=True)
        ]
        watchers.append(watch := lambda step: step == "begun" and len(transactions) == 2 and tasks[0].cancel())
        async with asyncio.timeout(10):
            found = await asyncio.gather(*tasks, return_exceptions=True)
        watchers.remove(watch)
        assert [type(one) for one in found] == [asyncio.CancelledError, Lost, Lost]


async def test_given_up_before_the_next_is_begun(rig: KafkaRig) -> None:
    """Who comes just as a write that is through is given up hears that all is lost: it does not wait for ever."""
    first, second, _ = places(rig)
    async with owning(rig) as writers:
        given_up = asyncio.ensure_future(writers.write(first, effect(rig, 0, b"a"), None))
        await asyncio.sleep(0)
        writing = writers._writer._writing  # type: ignore[union-attr]
        while not writing.done():  # type: ignore[union-attr]  # noqa: ASYNC110  (one turn of the loop at a time)
            await asyncio.sleep(0)
        given_up.cancel()
        async with asyncio.timeout(3):
            with pytest.raises(Lost, match="left open"):
                await writers.write(second, effect(rig, 1, b"never"), None)
        assert given_up.cancelled()


async def test_given_back_while_others_wait(rig: KafkaRig) -> None:
    """Whoever writes, or waits to, hears at once that it is over, whatever was under way; nothing waits for ever."""
    for moment in range(30):
        async with owning(rig) as writers:
            effects = [(tp, effect(rig, tp.partition, b"a")) for tp in places(rig)]
            writing = [asyncio.ensure_future(writers.write(tp, its, None)) for tp, its in effects]
            await asyncio.sleep(0.0003 * moment)
            late = asyncio.ensure_future(writers.write(places(rig)[0], effect(rig, 0, b"late"), None))
            await asyncio.sleep(0)
            await writers.give_back()
            async with asyncio.timeout(3):
                found = await asyncio.gather(*writing, late, return_exceptions=True)
            assert [one for one in found if not isinstance(one, Lost | list)] == []
            assert isinstance(found[-1], Lost)
