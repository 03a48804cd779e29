"""Workers of one installation on Kafka under load, and the proof at the end that everything counted exactly once."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from kafka import KafkaConsumer, TopicPartition

from stream.settings import Settings
from stream.transports.errors import LogError
from stream.transports.records import Append
from stream.transports.seam import Log
from tests.kafka.cluster import Cluster
from tests.kafka.places import made
from tests.worker.load import PROFILE, Sender, counted_once, decayed
from tests.worker.processes import Installation

CHAOS = bool(os.environ.get("CHAOS"))
chaos = pytest.mark.skipif(not CHAOS, reason="takes minutes; `make chaos` runs it")
"""For what CI has no time for."""

SESSION = 3.0
"""Seconds after which the workers of these tests are missed."""


FIGURES: Counter[str] = Counter()
"""What the running test has done so far; the end of a test run with CHAOS=1 tells the sums."""


class Fleet:
    """The workers of one installation. Its folder, its topics and its profile are made with it."""

    def __init__(self, cluster: Cluster, prefix: str, folder: Path, profile: str = PROFILE) -> None:
        self.cluster = cluster
        self.folder = folder
        self._prefix = prefix
        self._profiles = folder / "profiles"
        self._profiles.mkdir(parents=True)
        (self._profiles / "quick.yaml").write_text(profile)
        self._all: list[Installation] = []

    def worker(self, *, rows: bool | Path = False, **settings: Any) -> Installation:
        """One more, not started; with ``rows`` it keeps them on a disk of its own, or there."""
        number = len(self._all) + 1
        given = {"partitions": 4, "kafka_session": f"{SESSION:g}s", "scores_every": "1s", **settings}
        if rows:
            given["rows"] = str(self.folder / f"rows-{number}" if rows is True else rows)
        worker = Installation(
            self.folder, self._profiles, where=self.cluster.environment(), topic_prefix=self._prefix, **given
        )
        if not self._all:
            made(worker.settings)
        self._all.append(worker)
        return worker

    def close(self) -> None:
        for worker in self._all:
            worker.close()


class _Patient:
    """What a ``Sender`` appends through, where brokers come and go: the same again until it is accepted."""

    def __init__(self, worker: Installation) -> None:
        self.settings: Settings = worker.settings
        self._worker = worker
        self.refusals = 0

    @contextmanager
    def log(self) -> Iterator[_Patient]:
        self._log: Log = self._worker.log()
        try:
            yield self
        finally:
            self._log.close()

    def append(self, records: list[Append]) -> None:
        while True:
            try:
                self._log.append(records)
            except LogError:
                self.refusals += 1
                time.sleep(0.2)
            else:
                return


class PatientSender(Sender):
    """A producer that sends again what was not accepted, as every producer should."""

    def __init__(self, worker: Installation) -> None:
        super().__init__(worker)
        self.patient = _Patient(worker)
        self.installation = cast("Installation", self.patient)


def settled(workers: list[Installation], sender: Sender, seconds: float = 60) -> int:
    """The load ends, everything is worked through and decays, and all of it counted once; how many changes."""
    sender.enough.set()
    sender.join(60)
    assert not sender.is_alive()
    assert sender.error is None
    for worker in workers:
        worker.wait_ready(seconds)
    decayed(workers[0], 120)
    for worker in workers:
        assert worker.stop() == 0
    changes = counted_once(workers[0], sender.told)
    FIGURES["signals"] += len(sender.told)
    FIGURES["changes"] += changes
    return changes


def sent(worker: Installation, name: str = "tier-changes") -> str:
    """What a topic holds for who reads everything, and for who reads only what was committed, in a sentence."""
    every, kept = (_ids(worker, name, isolation) for isolation in ("read_uncommitted", "read_committed"))
    taken_back, twice = len(every) - len(kept), len(every) - len(set(every))
    FIGURES["changes sent and taken back"] += taken_back
    FIGURES["changes sent twice"] += twice
    FIGURES["changes twice for readers of committed records"] += len(kept) - len(set(kept))
    return f"{len(every)} changes sent, {taken_back} of them taken back, {twice} sent twice; read committed, none is"


def _ids(worker: Installation, name: str, isolation: str) -> list[str]:
    topic = worker.settings.topic(name)
    consumer: Any = KafkaConsumer(
        bootstrap_servers=worker.settings.servers, isolation_level=isolation, enable_auto_commit=False
    )
    try:
        places = [TopicPartition(topic, number) for number in range(worker.settings.partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[str] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for records in consumer.poll(500).values():
                found += [json.loads(record.value)["id"] for record in records]
        return found
    finally:
        consumer.close()


def said(worker: Installation) -> str:
    """Everything that a worker has logged so far."""
    return worker.output.read_text()


def reasons(worker: Installation) -> list[str]:
    """Why a worker is not ready, as /readyz tells; empty when it is."""
    found: list[str] = json.loads(worker.page("/readyz")[1])["reasons"]
    return found
