"""The harness of the tests is the one of `make kafka`: `ops/kafka`."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.kafka.broker import Broker, Failed
from ops.kafka.cluster import Cluster, run_owner
from ops.kafka.jars import Missing, jars, java

__all__ = ["Broker", "Cluster", "Failed", "Missing", "heal", "needed", "shared_cluster"]


def needed() -> None:
    """Java and Kafka's jars are there; without them the test is skipped with one line, or fails in CI."""
    try:
        java()
        jars()
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") else skip)(f"no Kafka: {missing}")


def skip(why: str) -> None:
    pytest.skip(" ".join(why.split()))


def heal(cluster: Cluster) -> Cluster:
    """Every broker that a test before has ended runs again."""
    for broker in cluster.brokers:
        if broker.pid is None:
            cluster.restart(broker.number)
    return cluster


def shared_cluster(folder: Path, make: Callable[..., Cluster] = Cluster) -> Cluster:
    """The one broker of a whole test run: started by whoever asks first, ended with the run.

    The others get an object that knows its ports, and neither starts nor ends anything.
    """
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / "ports.json"
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if note.exists():
            found = make(folder, ports=tuple(json.loads(note.read_text())))
            if found.living():
                return found
        cluster = make(folder, owner=run_owner()).start()
        note.write_text(json.dumps(cluster.ports))
        return cluster
