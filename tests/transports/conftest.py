"""Fixtures of the transport tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.transports.log import EmbeddedLog
from tests.kafka.conftest import kafka_cluster  # noqa: F401  (a fixture)
from tests.transports.rig import EmbeddedRig, Rig
from tests.transports.rig_kafka import KafkaRig


@pytest.fixture(params=["embedded", "kafka"])
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A transport to run apps on; every behavioural test runs on each."""
    made: Rig
    if request.param == "embedded":
        made = EmbeddedRig(tmp_path)
    else:
        made = KafkaRig(request.getfixturevalue("kafka_cluster").bootstrap)
    yield made
    made.close()


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[EmbeddedRig]:
    """An embedded log to run apps on, for what is promised of a file only."""
    rig = EmbeddedRig(tmp_path)
    rig.create("in", 2)
    rig.create("out", 2)
    yield rig
    rig.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """A fresh embedded log."""
    with EmbeddedLog(tmp_path / "log.db") as made:
        yield made
