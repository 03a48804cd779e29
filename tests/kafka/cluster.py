"""Brokers for tests. How one is run is told in `ops/kafka`, which `make kafka` uses too."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ops.kafka.broker import Broker, Failed
from ops.kafka.cluster import Cluster
from ops.kafka.jars import Missing, jars, java
from ops.kafka.security import EVERY

__all__ = ["EVERY", "Broker", "Cluster", "Failed", "Missing", "heal", "needed", "shared_cluster"]

REQUIRED = ("CI", "KAFKA_TESTS")  # where one of these is set, no Kafka is a failure


def needed() -> None:
    """Java and Kafka's jars are there; without them the test is skipped with one line, or fails in CI."""
    try:
        java()
        jars()
    except Missing as missing:
        why = " ".join(f"no Kafka: {missing}".split())
        if any(map(os.environ.get, REQUIRED)):
            pytest.fail(why, pytrace=False)
        pytest.skip(why)


def heal(cluster: Cluster) -> Cluster:
    """Every broker that a test before has ended runs again."""
    for broker in cluster.brokers:
        if broker.pid is None:
            cluster.restart(broker.number)
    return cluster


def shared_cluster(folder: Path, security: Sequence[str] = ()) -> Cluster:
    """The one broker of a whole test run: started by whoever asks first, ended with the run.

    The others get an object that knows its ports, and neither starts nor ends anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "ports.json"
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if note.exists():
            found = Cluster(folder, 1, security, ports=tuple(json.loads(note.read_text())))
            if found.living():
                return found
        cluster = Cluster(folder, 1, security, owner=run_owner()).start()
        note.write_text(json.dumps(cluster.ports))
        return cluster


def run_owner() -> int:
    """The process of the whole test run: the parent of all xdist workers, or this one."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
