"""A partition is taken over while it is not decided yet what becomes of its former owner's last transaction."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import KafkaError
from faust.types import TP

from stream.transports.kafka_writer import Lost
from stream.transports.records import Append
from stream.transports.steps import watchers
from tests.kafka.cluster import Cluster
from tests.kafka.places import Owner
from tests.transports.rig_kafka import KafkaRig

pytestmark = [pytest.mark.slow, pytest.mark.asyncio, pytest.mark.timeout(180)]

OUTPUTS = 12


@pytest.fixture
def rig(three_brokers: Cluster) -> Iterator[KafkaRig]:
    """Topics `in` and `out` on three brokers."""
    rig = KafkaRig(three_brokers.bootstrap, copies=3)
    rig.create("in", 1)
    rig.create("out", OUTPUTS)
    yield rig
    rig.close()


def effects(rig: KafkaRig, value: bytes) -> list[Append]:
    """One record for each partition of `out`."""
    return [Append(rig.name("out"), partition, b"k", value) for partition in range(OUTPUTS)]


def seen(rig: KafkaRig) -> tuple[list[list[bytes | None]], int | None]:
    """What there is for `read_committed` consumers, and the group's position."""
    values = [[record.value for record in rig.read("out", partition)] for partition in range(OUTPUTS)]
    return values, rig.position("group", "in", 0)


async def made(rig: KafkaRig) -> tuple[AIOKafkaClient, Owner]:
    """A writer that has not taken over yet, connected to all brokers."""
    client = AIOKafkaClient(bootstrap_servers=rig.server, request_timeout_ms=5_000)  # it may ask the stopped one first
    await client.bootstrap()
    return client, Owner(client, rig.name("group"), TP(rig.name("in"), 0))


def bystander(rig: KafkaRig, writer: Owner) -> int:
    """A broker that leads outputs and coordinates neither the transaction nor the group."""
    told = rig.log.clients.admin().describe_topics([rig.name("out")])[0]["partitions"]
    leaders = {one["leader_id"] for one in told}
    coordinators = writer.writer._producer._sender._coordinators
    busy = {coordinators[CoordinationType.TRANSACTION], coordinators[CoordinationType.GROUP]}
    return int(min(leaders - busy))


@pytest.mark.parametrize("step", ["acknowledged", "positioned"])
async def test_the_next_owner_waits_for_the_decision(rig: KafkaRig, three_brokers: Cluster, step: str) -> None:
    """Once a partition is taken over, all of the last transaction is there or nothing, and that stays so.

    A broker that has outputs of it stops just before it is ended, so that it cannot be told of the end for a while.
    """
    (client, first), (other, second) = await made(rig), await made(rig)
    await first.start()
    await first.write(effects(rig, b"a"), 1)
    stopped = three_brokers.brokers[bystander(rig, first) - 1]
    reached = asyncio.Event()

    def watch(passed: str) -> None:
        if passed == step and not reached.is_set():
            stopped.signal(signal.SIGSTOP)
            reached.set()

    watchers.append(watch)
    writing = asyncio.ensure_future(first.write(effects(rig, b"b"), 2))
    try:
        await reached.wait()
        if step == "acknowledged":
            writing.cancel()  # its worker has died
        await asyncio.sleep(0.05)
        began = time.monotonic()
        await second.start()
        waited = time.monotonic() - began
        stopped.signal(signal.SIGCONT)
        found = seen(rig)
        [outcome] = await asyncio.gather(writing, return_exceptions=True)
        nothing, everything = ([[b"a"]] * OUTPUTS, 1), ([[b"a", b"b"]] * OUTPUTS, 2)
        assert found in (nothing, everything), outcome
        if not isinstance(outcome, BaseException):
            assert found == everything
        if step == "acknowledged":
            assert found == nothing
        assert waited > 0.5  # the markers had to wait, or nothing was in doubt
        await asyncio.sleep(3)
        assert seen(rig) == found
        with pytest.raises((Lost, KafkaError)):
            await first.write(effects(rig, b"zombie"), 9)
        await second.write(effects(rig, b"c"), 3)
        await settled(rig, ([[*values, b"c"] for values in found[0]], 3))
    finally:
        watchers.remove(watch)
        stopped.signal(signal.SIGCONT)
        writing.cancel()
        for writer, its in ((first, client), (second, other)):
            await writer.stop()
            await its.close()


async def settled(rig: KafkaRig, wanted: tuple[list[list[bytes]], int]) -> None:
    """Waits until just that is there."""
    deadline = time.monotonic() + 10
    while (found := seen(rig)) != wanted:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.1)
