"""`tierline migrate`: from a file to Kafka and back, the history going on as if nothing had been."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kafka.cluster import Cluster
from tests.worker.load import PROFILE, Sender, counted_once
from tests.worker.processes import Installation

DECAYED = 14
"""Seconds after which the load's profile has let everything decay to nothing."""


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Any]:
    """Makes an installation in that folder: on a file, or where the environment leads."""
    workers: list[Installation] = []
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "quick.yaml").write_text(PROFILE)

    def make(name: str, where: Mapping[str, str] | None = None, **settings: Any) -> Installation:
        folder = tmp_path / name
        folder.mkdir()
        workers.append(Installation(folder, profiles, where=where, partitions=3, scores_every="1s", **settings))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


def moved(here: Installation, there: Installation) -> dict[str, Any]:
    """The command as a person calls it; its summary."""
    done = here.command(
        "migrate", "--to", there.settings.broker, "--to-prefix", there.settings.topic_prefix, "--json",
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    summary: dict[str, Any] = json.loads(done.stdout)
    return summary


def under_load(worker: Installation, told: list[dict[str, Any]], seconds: float) -> None:
    """The worker runs with load for so long, works all of it through, and stops."""
    worker.start()
    sender = Sender(worker, first=1_000_000 * (1 + len(told)))
    sender.told = told
    sender.start()
    time.sleep(seconds)
    sender.enough.set()
    sender.join(30)
    assert sender.error is None
    worker.drain()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_to_kafka_and_back(kafka_cluster: Cluster, topic_prefix: str, installed: Any) -> None:
    """A worker on a file, then on Kafka, then on another file: one history, every signal once, no gap in sequences."""
    file = installed("file")
    kafka = installed("kafka", kafka_cluster.environment(), topic_prefix=topic_prefix)
    back = installed("back")
    told: list[dict[str, Any]] = []
    under_load(file, told, 6)
    assert file.stop() == 0
    moved(file, kafka)
    under_load(kafka, told, 6)
    assert kafka.stop() == 0
    moved(kafka, back)
    under_load(back, told, 5)
    time.sleep(DECAYED)
    back.drain()
    assert back.stop() == 0
    changes = counted_once(back, told)
    print(f"\n{len(told)} signals on three logs, {changes} changes, none lost, none twice")
