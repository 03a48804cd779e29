"""The behavioural suite's place on Kafka: names of its own on a broker that others use, too."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Sequence
from typing import Any

import faust
from kafka import KafkaProducer

from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append, Record

COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "50",
    "min.cleanable.dirty.ratio": "0",
    "delete.retention.ms": "0",
}
"""What makes the cleaner do at once what it does in hours: it never touches the segment that is written to."""


class KafkaRig:
    """Topics and groups with a prefix that nobody else has. Topics that an app wants are made before it starts."""

    def __init__(self, server: str, *, copies: int = 1) -> None:
        self.broker = f"kafkabatches://{server}"
        self.prefix = f"t{uuid.uuid4().hex[:8]}."
        self.log = KafkaLog(Connection(tuple(server.split(","))), group=self.name("rig"))
        self._topics: dict[str, bool] = {}
        self.server = server
        self._copies = copies

    def name(self, topic: str) -> str:
        return self.prefix + topic

    def create(self, topic: str, partitions: int, *, compact: bool = False, **configs: str) -> None:
        said = {key.replace("_", "."): value for key, value in configs.items()} | (COMPACTED if compact else {})
        self._create({self.name(topic): (partitions, said)})

    def _create(self, topics: dict[str, tuple[int, dict[str, str]]]) -> None:
        wanted = {
            name: {"num_partitions": partitions, "replication_factor": self._copies, "configs": configs}
            for name, (partitions, configs) in topics.items()
            if name not in self._topics
        }
        if wanted:
            self.log.clients.admin().create_topics(wanted, wait_for_metadata=True)
            self._topics |= {name: topics[name][1].get("cleanup.policy") == "compact" for name in wanted}

    def prepare(self, app: faust.App) -> None:
        wanted: dict[str, tuple[int, dict[str, str]]] = {}
        transport: Any = app.transport
        for topic in (*(agent.channel for agent in app.agents.values()), *transport.outputs):
            wanted |= {name: (topic.partitions or app.conf.topic_partitions, {}) for name in topic.topics}
        for table in app.tables.values():
            wanted[table.changelog_topic_name] = (table.partitions or app.conf.topic_partitions, COMPACTED)
        self._create(wanted)

    def append(self, records: Sequence[Append]) -> None:
        self.log.append([record._replace(topic=self.name(record.topic)) for record in records])

    def read(self, topic: str, partition: int) -> list[Record]:
        self._settle()
        return self.log.read(self.name(topic), partition, 0, 1_000_000)

    def position(self, group: str, topic: str, partition: int) -> int | None:
        self._settle()
        return self.log.position(self.name(group), self.name(topic), partition)

    def _settle(self) -> None:
        """Waits until every partition was told of a commit: its writer hears of it when it is decided, before that."""
        deadline = time.monotonic() + 10
        while self._decided():
            assert time.monotonic() < deadline, "a transaction was decided, and its partitions are not told"

    def _decided(self) -> bool:
        decided = ["PrepareCommit", "PrepareAbort"]
        found = self.log.clients.ask(
            lambda admin: admin.list_transactions(
                state_filters=decided, transactional_id_pattern=re.escape(self.prefix) + ".*"
            )
        )
        return any(found.values())

    def compact(self) -> None:
        places = [(name, at) for name, compact in self._topics.items() if compact for at in (0, 1)]
        time.sleep(0.06)
        with_marker(self.server, self.name("compacting"), places)  # begins segments, which gives the others free
        deadline = time.monotonic() + 20
        while not all(self._clean(*place) for place in places):
            assert time.monotonic() < deadline, "nothing was compacted"
            time.sleep(0.1)

    def _clean(self, topic: str, partition: int) -> bool:
        keys = [record.key for record in self.log.read(topic, partition, 0, 1_000_000)]
        return len(keys) == len(set(keys))

    def close(self) -> None:
        if self._topics:
            self.log.clients.admin().delete_topics(list(self._topics))
        self.log.close()


def with_marker(server: str, transactional_id: str, places: Sequence[tuple[str, int]]) -> None:
    """A transaction in these partitions that is taken back: their last offsets are nothing that anybody can read."""
    producer = KafkaProducer(bootstrap_servers=server.split(","), transactional_id=transactional_id)
    producer.init_transactions()
    producer.begin_transaction()
    for topic, partition in places:
        producer.send(topic, key=b"never", value=b"never", partition=partition)
    producer.flush(10)
    producer.abort_transaction()
    producer.close()
