"""Installations on a Kafka of the tests': settings, topics made, a log opened, other clients beside ours."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka.client import AIOKafkaClient
from faust.types import TP
from kafka import KafkaProducer, TopicPartition

from stream.settings import Settings, load_settings
from stream.topology import connect_kafka
from stream.transports.kafka_admin import create_topics
from stream.transports.kafka_log import KafkaLog
from stream.transports.kafka_writer import Writer
from stream.transports.records import Append
from tests.kafka.cluster import Cluster


def settings_on(cluster: Cluster, prefix: str, **given: Any) -> Settings:
    """The settings of an installation of its own on that cluster."""
    return load_settings(cluster.environment(), topic_prefix=prefix, **{"partitions": 2, **given})


def kafka_log(settings: Settings) -> KafkaLog:
    """Its log, topics not looked at."""
    return connect_kafka(settings)


def made(settings: Settings) -> Settings:
    """The same, once all its topics are there."""
    with kafka_log(settings) as log:
        create_topics(log, settings)
    return settings


def make_topic(log: KafkaLog, name: str, partitions: int = 1, **configs: str) -> str:
    """A topic as somebody else might make it; underscores of a setting's name stand for dots."""
    said = {key.replace("_", "."): value for key, value in configs.items()}
    wanted = {name: {"num_partitions": partitions, "replication_factor": 1, "configs": said}}
    log.clients.admin().create_topics(wanted, wait_for_metadata=True)
    return name


def transactional(cluster: Cluster, id_: str, **given: Any) -> KafkaProducer:
    """A producer of somebody else's, its transactions initialised."""
    producer = KafkaProducer(**cluster.client(), transactional_id=id_, **given)
    producer.init_transactions()
    return producer


def claim(log: KafkaLog, group: str, topic: str, partition: int) -> str:
    """The transactional id that may write for a partition, or nothing."""
    place = TopicPartition(topic, partition)
    found = log.clients.admin().list_group_offsets({group: [place]})[group].get(place)
    return "" if found is None else str(found.metadata)


def until(what: Callable[[], bool], seconds: float = 15) -> None:
    """Return once it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


class Owner:
    """Has one partition, with a transactional id that whoever is to take over from it knows."""

    def __init__(self, client: AIOKafkaClient, group: str, tp: TP) -> None:
        self.tp = tp
        self.writer = Writer(client, group, f"{group}-{tp.topic}-{tp.partition}")
        self.start = self.writer.start
        self.stop = self.writer.stop

    async def write(self, appends: Sequence[Append], position: int | None) -> list[int]:
        """Writes for its partition."""
        return await self.writer.write(self.tp, appends, position)
