"""Positions that somebody sets forward: the worker says what it passes over, and how to have it counted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from kafka import TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.topics import SIGNALS
from stream.topology import group_of
from stream.transports.records import partition_for
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import Fleet, said
from tests.kafka.places import kafka_log, until
from tests.kafka.test_state import send, told
from tests.worker.load import PROFILE
from tests.worker.processes import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

LASTING = PROFILE.replace("points: 20", "points: 60")
"""A large company is hot, for good: no tick comes of it."""
WARNING = re.compile(r"WARNING +partition (\d): (\d+) offsets are passed over, from (\d+) to (\d+)")


@pytest.fixture
def worker(kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """One worker, not started."""
    fleet = Fleet(kafka_cluster, topic_prefix, tmp_path, LASTING)
    yield fleet.worker()
    fleet.close()


def large(account: str, number: int) -> dict[str, object]:
    return told(account, "account_update", number, {"facts": {"employees": 1_000}})


def hot(worker: Installation) -> list[str]:
    """The accounts that were told to be hot."""
    return [change["data"]["account"] for change in worker.documents("tier-changes")]


def set_position(worker: Installation, partition: int, offset: int | None) -> int:
    """As kafka-consumer-groups does, to an offset or (None) to the end; where it stands then."""
    topic = worker.settings.topic(SIGNALS)
    with kafka_log(worker.settings) as log:
        at = log.end(topic, partition) if offset is None else offset
        place = {TopicPartition(topic, partition): OffsetAndMetadata(at, "", -1)}
        log.clients.admin().alter_group_offsets(group_of(worker.settings), place)
    return at


def test_positions_that_are_set_forward(worker: Installation) -> None:
    """Each partition with signals in between is warned of; set back as it is told, they count once."""
    worker.start()
    send(worker, large("first.com", 1))
    worker.drain()
    assert worker.stop() == 0
    send(worker, large("second.com", 2))
    partition = partition_for(b"second.com", worker.settings.partitions)
    end = set_position(worker, partition, None)

    worker.start()
    [(where, count, begin, upto)] = WARNING.findall(said(worker))
    assert (int(where), int(upto)) == (partition, end)
    assert int(count) == end - int(begin) > 0
    worker.drain()
    assert worker.stop() == 0
    assert hot(worker) == ["first.com"]
    assert re.search(rf"set it back to {begin} on {worker.settings.topic(SIGNALS)}/{partition},", said(worker))

    for _ in range(2):
        set_position(worker, partition, int(begin))
        worker.start()
        until(lambda: sorted(hot(worker)) == ["first.com", "second.com"])
        worker.drain()
        assert worker.stop() == 0
    assert len(WARNING.findall(said(worker))) == 1, "markers of transactions are nothing that was passed over"


def test_a_start_as_always_is_not_warned_of(worker: Installation) -> None:
    """The position lies past the markers of the last transaction after each stop or kill: no record is behind it."""
    for number in range(2):
        worker.start()
        send(worker, large(f"company-{number}.com", number))
        worker.drain()
        worker.kill() if number else worker.stop()
    worker.start(wait=False)
    worker.wait_ready(60)
    assert worker.stop() == 0
    assert "passed over" not in said(worker)
