"""Positions are read as they are: an answer with none is not that there are none, and what is open is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupAuthorizationFailedError, IllegalStateError
from faust.types import TP
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from stream.transports.kafka_positions import Member
from tests.kafka.cluster import Cluster
from tests.kafka.places import transactional
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

LOADING, NOT_COORDINATOR, NOT_ALLOWED = 14, 16, 30


@pytest.fixture
def rig(kafka_cluster: Cluster) -> Iterator[KafkaRig]:
    """A topic `in` of this test's own."""
    rig = KafkaRig(kafka_cluster.bootstrap)
    rig.create("in", 2)
    yield rig
    rig.close()


@asynccontextmanager
async def member(rig: KafkaRig) -> AsyncIterator[Member]:
    """The only member of the group."""
    consumer = AIOKafkaConsumer(
        rig.name("in"), bootstrap_servers=rig.server, group_id=rig.name("group"), enable_auto_commit=False
    )
    await consumer.start()
    try:
        yield Member(consumer)
    finally:
        await consumer.stop()


def places(rig: KafkaRig) -> list[TP]:
    """The partitions of `in`."""
    return [TP(rig.name("in"), partition) for partition in (0, 1)]


async def test_what_was_set_is_read(rig: KafkaRig) -> None:
    """A position comes back with its note; a partition that has none is not in the answer."""
    first, second = places(rig)
    async with member(rig) as ours:
        assert await ours.stored(places(rig), settled=True) == {}
        await ours.commit({second: 7}, "a note")
        assert await ours.stored(places(rig), settled=True) == {second: (7, "a note")}
        assert await ours.begins([first]) == {first: 0}


async def test_open_transactions_are_waited_for(rig: KafkaRig, kafka_cluster: Cluster) -> None:
    """What a transaction is about to set is read once that has ended; or at once, as it was before."""
    first, _ = places(rig)
    async with member(rig) as ours:
        await ours.commit({first: 1}, "before")
        other = transactional(kafka_cluster, rig.name("other"))
        other.begin_transaction()
        after = {TopicPartition(*first): OffsetAndMetadata(5, "after", -1)}
        other.send_offsets_to_transaction(after, rig.name("group"))
        waiting = asyncio.ensure_future(ours.stored(places(rig), settled=True))
        assert await ours.stored(places(rig), settled=False) == {first: (1, "before")}
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(other.commit_transaction)
        assert await waiting == {first: (5, "after")}
        other.close()


@pytest.mark.parametrize("code", [LOADING, NOT_COORDINATOR])
async def test_a_coordinator_that_does_not_know(rig: KafkaRig, code: int) -> None:
    """While the coordinator moves or loads it is asked again: an empty answer would set all positions back."""
    first, _ = places(rig)
    async with member(rig) as ours:
        await ours.commit({first: 7}, "kept")
        with answering(ours, code) as asked:
            assert await ours.stored(places(rig), settled=True) == {first: (7, "kept")}
        assert len(asked) == 2


async def test_what_is_refused_is_told(rig: KafkaRig) -> None:
    """What asking again does not mend is an error."""
    async with member(rig) as ours:
        with answering(ours, NOT_ALLOWED), pytest.raises(GroupAuthorizationFailedError):
            await ours.stored(places(rig), settled=True)


async def test_of_a_former_assignment(rig: KafkaRig) -> None:
    """Once the partitions are assigned anew, nothing is read or set for the former assignment."""
    first, _ = places(rig)
    async with member(rig) as ours:
        await ours.commit({first: 7}, "kept")
        ours.over()
        with pytest.raises(IllegalStateError):
            await ours.commit({first: 3}, "late")
        with pytest.raises(IllegalStateError):
            await ours.stored(places(rig), settled=False)
        assert rig.position("group", "in", 0) == 7


@contextmanager
def answering(ours: Member, code: int) -> Iterator[list[Any]]:
    """Has the coordinator's next answer say that, as brokers do: with no partition in it."""
    asked: list[Any] = []
    send = ours._coordinator._send_req

    async def answer(request: Any) -> Any:
        found = await send(request)
        if type(request).__module__ == Member.__module__:  # the client asks for others, too
            asked.append(request)
            if len(asked) == 1:
                found.topics, found.error_code = [], code
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ours._coordinator, "_send_req", answer)
        yield asked
