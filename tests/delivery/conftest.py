"""Installations that alert, and a far side for their webhook."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.worker.conftest import Install, install, kafka_cluster, pytest_generate_tests
from tests.worker.processes import Installation

from .sink import Sink

__all__ = ["install", "kafka_cluster", "pytest_generate_tests"]

PROFILE = """
profile: quick
version: 1
groups: [{name: timing, criteria: [{id: funding, signal: funding_round, points: 60, decay: {window: 30d}}]}]
tiers: [{name: hot, enter: 50}, {name: cold}]
"""
KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def sink() -> Iterator[Sink]:
    made = Sink()
    yield made
    made.close()


@pytest.fixture
def alerting(install: Install, sink: Sink, tmp_path: Path) -> Callable[..., Installation]:
    """Makes an installation with these routes."""

    def make(routes: str, **settings: Any) -> Installation:
        (tmp_path / "key").write_text(KEY)
        path = tmp_path / "alerts.yaml"
        channels = ", ".join(
            f"{name}: {{kind: webhook, url: '{sink.url}', keys: [{{file: key}}]}}" for name in ("hook", "other")
        )
        path.write_text(f"channels: {{{channels}}}\n{routes}")
        return install(
            PROFILE, routes=path, alerts_in_clear=True, alerts_allow="127.0.0.1", **{"partitions": 2, **settings}
        )

    return make
