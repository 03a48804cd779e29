"""Failures after which the brokers may have more of a transaction than the worker was told: it is all or nothing."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.produce import ProduceRequest
from faust.types import TP
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from ops.kafka.security import USER
from stream.settings import load_settings
from stream.transports.errors import LogError, LogRefused
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_sending import InDoubt, Producer
from stream.transports.kafka_writer import Lost
from stream.transports.records import Append
from tests.kafka.cluster import Cluster, needed
from tests.kafka.places import Owner, until
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(90)]


def rig_on(server: str) -> KafkaRig:
    """Topics `in` and `out`."""
    rig = KafkaRig(server)
    rig.create("in", 1)
    rig.create("out", 2)
    return rig


@asynccontextmanager
async def writer(rig: KafkaRig, connection: Connection) -> AsyncIterator[tuple[Owner, AIOKafkaClient]]:
    """The writer of `in`, from the take-over on."""
    client = AIOKafkaClient(**connection.aiokafka())
    await client.bootstrap()
    made = Owner(client, rig.name("group"), TP(rig.name("in"), 0))
    try:
        await made.start()
        yield made, client
    finally:
        await made.stop()
        await client.close()


def effects(rig: KafkaRig, value: bytes) -> list[Append]:
    """A record in each partition of `out`."""
    return [Append(rig.name("out"), partition, b"k", value) for partition in (0, 1)]


async def shows(rig: KafkaRig, values: list[bytes]) -> None:
    """Each partition of `out` has just that, once all transactions are decided."""
    for partition in (0, 1):
        await asyncio.to_thread(until, lambda at=partition: len(rig.read("out", at)) >= len(values), 10)
        assert [record.value for record in rig.read("out", partition)] == values


@contextmanager
def answer_lost(client: AIOKafkaClient, producer: Producer) -> Iterator[None]:
    """A broker stores the next batches and dies before it says so; while it is away its partitions have no leader."""
    producer._message_accumulator._batch_ttl = 0.1  # of 15 s
    send, leader, away = client.send, client.cluster.leader_for_partition, asyncio.Event()

    async def lost(node: int, request: Any, **options: Any) -> Any:
        answer = await send(node, request, **options)
        if isinstance(request, ProduceRequest) and not away.is_set():
            away.set()
            await asyncio.sleep(0.2)
            raise RequestTimedOutError
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(client, "send", lost)
        patch.setattr(client.cluster, "leader_for_partition", lambda tp: -1 if away.is_set() else leader(tp))
        yield
    assert away.is_set()


async def test_an_answer_is_lost_and_then_no_broker_leads(kafka_cluster: Cluster) -> None:
    """The batch may be in the log: the next with its number would be taken for its repeat, so all begins anew."""
    rig = rig_on(kafka_cluster.bootstrap)
    async with writer(rig, Connection((rig.server,))) as (made, client):
        await made.write(effects(rig, b"a"), 1)
        with answer_lost(client, made.writer._producer), pytest.raises(Lost, match="may have stored"):
            await made.write(effects(rig, b"b"), 2)
        with pytest.raises(Lost):
            await made.write(effects(rig, b"b"), 2)
    async with writer(rig, Connection((rig.server,))) as (made, _):
        await made.write(effects(rig, b"b"), 2)
        await made.write(effects(rig, b"c"), 3)
    await shows(rig, [b"a", b"b", b"c"])
    rig.close()


async def test_the_same_outside_transactions(kafka_cluster: Cluster) -> None:
    """What may be there is said to be in doubt; by a new producer the next record is stored whatever became of it."""
    rig = rig_on(kafka_cluster.bootstrap)
    client = AIOKafkaClient(**Connection((rig.server,)).aiokafka())
    await client.bootstrap()
    first, second = Producer(client, None), Producer(client, None)
    await first.start()
    with answer_lost(client, first), pytest.raises(InDoubt):
        await first.send_all(effects(rig, b"a"))
    await first.stop()
    await second.start()
    await second.send_all(effects(rig, b"b"))
    await second.stop()
    await client.close()
    await shows(rig, [b"a", b"b"])
    rig.close()


async def test_the_end_of_one_that_sends_again(kafka_cluster: Cluster, caplog: pytest.LogCaptureFixture) -> None:
    """A writer that is stopped while its broker is away ends at once, and asyncio has nothing to complain of."""
    rig = rig_on(kafka_cluster.bootstrap)
    async with writer(rig, Connection((rig.server,))) as (made, client):
        await made.write(effects(rig, b"a"), 1)
        refused = asyncio.Event()

        async def away(*_: Any, **__: Any) -> Any:
            refused.set()
            raise NodeNotReadyError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client, "send", away)
            patch.setattr(client.cluster, "leader_for_partition", lambda _: -1 if refused.is_set() else 1)
            writing = asyncio.ensure_future(made.write(effects(rig, b"b"), 2))
            await asyncio.sleep(0.5)
            await made.stop()
            with pytest.raises(Lost, match="given back"):
                await asyncio.wait_for(writing, 5)
    gc.collect()
    told = [record.getMessage() for record in caplog.records]
    assert [one for one in told if "never retrieved" in one or "Exception in callback" in one] == []
    rig.close()


async def test_a_batch_that_was_never_sent_is_given_up(kafka_cluster: Cluster) -> None:
    """Where a partition has no leader for long, the error says so, and once it has one the same is written once."""
    rig = rig_on(kafka_cluster.bootstrap)
    async with writer(rig, Connection((rig.server,))) as (made, client):
        await made.write(effects(rig, b"a"), 1)
        made.writer._producer._message_accumulator._batch_ttl = 0.1
        leader = client.cluster.leader_for_partition
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(client.cluster, "leader_for_partition", lambda tp: -1 if tp.partition else leader(tp))
            for _ in range(3):
                with pytest.raises(LogError, match="LeaderNotAvailable"):
                    await made.write(effects(rig, b"b"), 2)
        await made.write(effects(rig, b"b"), 2)
    await shows(rig, [b"a", b"b"])
    rig.close()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker that allows users nothing but what it is told, and us, who give no name, everything."""
    needed()
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    }
    cluster = Cluster(tmp_path_factory.mktemp("kafka-rights"), security="plain", settings=settings)
    try:
        yield cluster.start()
    finally:
        cluster.discard()


def grant(rig: KafkaRig, *wanted: tuple[Any, str, Any]) -> None:
    """Gives the user these rights on what begins with these names."""
    made = [
        ACL(
            f"User:{USER}",
            "*",
            right,
            ACLPermissionType.ALLOW,
            ResourcePattern(kind, rig.name(name), ACLResourcePatternType.PREFIXED),
        )
        for kind, name, right in wanted
    ]
    assert rig.log.clients.admin().create_acls(made)["failed"] == []


@pytest.mark.slow
@pytest.mark.parametrize("records", [1, 30])
async def test_only_who_lacks_a_right_hears_of_it(guarded: Cluster, records: int) -> None:
    """Of partitions that share a transaction, however much they write, all but the one that is refused are written."""
    rig, turns = rig_on(guarded.address("open")), 15
    rig.create("wide", 3)
    rig.create("forbidden", 1)
    grant(
        rig,
        (ResourceType.TOPIC, "in", ACLOperation.READ),
        (ResourceType.TOPIC, "wide", ACLOperation.WRITE),
        (ResourceType.TOPIC, "forbidden", ACLOperation.DESCRIBE),
        (ResourceType.TRANSACTIONAL_ID, "group", ACLOperation.WRITE),
        (ResourceType.GROUP, "group", ACLOperation.READ),
    )
    async with writer(rig, Connection.of(load_settings(guarded.environment("plain")))) as (made, _):
        await asyncio.sleep(0.5)  # until the broker has heard of the rights
        for turn in range(turns):
            much = [[Append(rig.name("wide"), at, b"k", b"x" * 100_000)] * records for at in range(3)]
            much[turn % 3] += [Append(rig.name("forbidden"), 0, b"k", b"never" * 20_000)] * records
            writes = [made.writer.write(TP("in", at), its, None) for at, its in enumerate(much)]
            found = await asyncio.gather(*writes, return_exceptions=True)
            assert isinstance(found.pop(turn % 3), LogRefused)
            assert [len(one) for one in found if isinstance(one, list)] == [records, records]
    for at in range(3):
        await asyncio.to_thread(until, lambda at=at: len(rig.read("wide", at)) == turns * 2 // 3 * records, 10)
    assert rig.read("forbidden", 0) == []
    rig.close()


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["group", "topic"])
async def test_a_right_is_taken_away_for_a_while(guarded: Cluster, lacking: str) -> None:
    """What had been sent of a batch by then is taken back: once the right is given again, everything is there once."""
    rig = rig_on(guarded.address("open"))
    rig.create("more", 1)
    admin = rig.log.clients.admin()
    kinds = {
        "group": (ResourceType.GROUP, "group", ACLOperation.READ),
        "topic": (ResourceType.TOPIC, "more", ACLOperation.WRITE),
    }
    rights = [
        (ResourceType.TOPIC, "in", ACLOperation.READ),
        (ResourceType.TOPIC, "out", ACLOperation.WRITE),
        (ResourceType.TRANSACTIONAL_ID, "group", ACLOperation.WRITE),
        *kinds.values(),
    ]

    def revoke(kind: Any, name: str, right: Any) -> None:
        pattern = ResourcePatternFilter(kind, rig.name(name), ACLResourcePatternType.PREFIXED)
        admin.delete_acls([ACLFilter(f"User:{USER}", "*", right, ACLPermissionType.ALLOW, pattern)])

    async def write(value: bytes, position: int) -> bool:
        try:
            await made.write(effects(rig, value) + [Append(rig.name("more"), 0, b"k", value)] * more, position)
        except LogRefused:
            return False
        return True

    async def until_written(value: bytes) -> None:
        for _ in range(100):
            if await write(value, 2):
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"{value!r} was refused all the while")

    more = 1
    grant(rig, *rights)
    settings = load_settings(guarded.environment("plain"))
    async with writer(rig, Connection.of(settings)) as (made, _):
        await until_written(b"a")
        revoke(*kinds[lacking])
        refusals = 0
        written = 0  # some, before the broker has heard of it
        while refusals < 3:
            assert written < 100
            done = await write(b"b", 2)
            written, refusals = written + done, refusals + (not done)
            await asyncio.sleep(0.1)
        grant(rig, kinds[lacking])
        await until_written(b"c")
    found = [record.value for record in rig.read("out", 0)]
    assert found == [b"a"] + [b"b"] * written + [b"c"]
    assert len(found) == len(rig.read("out", 1)) == len(rig.read("more", 0))
    rig.close()
