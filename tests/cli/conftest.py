"""A place of its own for each test."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from stream.settings import Settings, load_settings
from tests.cli.filling import fill
from tests.kafka.cluster import Cluster
from tests.kafka.conftest import kafka_cluster as kafka_cluster  # noqa: PLC0414  (the one of the whole run)
from tests.kafka.places import made


@pytest.fixture
def log_kind(request: pytest.FixtureRequest) -> str:
    """``file``, unless the test says ``kafka`` (see `both_logs`)."""
    kind: str = getattr(request, "param", "file")
    return kind


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log_kind: str, request: pytest.FixtureRequest) -> Path:
    """An empty folder as the working directory, and settings that point into it, or at topics of its own on Kafka."""
    monkeypatch.chdir(tmp_path)
    if log_kind == "kafka":
        cluster: Cluster = request.getfixturevalue("kafka_cluster")
        prefix = f"c{uuid.uuid4().hex[:8]}."
        made(load_settings(cluster.environment(), topic_prefix=prefix))
        for name, value in {**cluster.environment(), "TIERLINE_TOPIC_PREFIX": prefix}.items():
            monkeypatch.setenv(name, value)
    else:
        monkeypatch.setenv("TIERLINE_BROKER", f"sqlite:///{tmp_path}/log.db")
    monkeypatch.setenv("TIERLINE_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("TIERLINE_WEB_PORT", "1")  # nothing of ours answers there
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that place."""
    del home
    return load_settings()


@pytest.fixture
def filled(home: Path) -> Settings:
    """The settings of a log with four accounts."""
    del home
    return fill()
