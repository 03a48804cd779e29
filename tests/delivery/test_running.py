"""Alerting as a process: beside the worker and alone, with real requests to a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.times import format_time
from stream.transports.records import Append, partition_for
from tests.worker.conftest import Install, install
from tests.worker.processes import Installation

from .sink import Sink

__all__ = ["install"]

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
        path.write_text(
            f"channels: {{hook: {{kind: webhook, url: '{sink.url}', keys: [{{file: key}}]}}}}\n" + routes
        )
        return install(
            PROFILE, routes=path, alerts_in_clear=True, alerts_allow="127.0.0.1", **{"partitions": 2, **settings}
        )

    return make


def funding(installation: Installation, *accounts: str, at: int | None = None) -> None:
    """Each of these accounts raised money just now."""
    now = time.time_ns() // 1_000_000 if at is None else at
    appends = []
    for account in accounts:
        event = {
            "specversion": "1.0", "id": f"f-{account}-{now}", "source": "test", "subject": account,
            "type": "tierline.signal.funding_round", "time": format_time(now), "data": {"series": "b"},
        }  # fmt: skip
        key = account.encode()
        partition = partition_for(key, installation.settings.partitions)
        appends.append(Append(installation.settings.topic("signals"), partition, key, json.dumps(event).encode()))
    with installation.log() as log:
        log.append(appends)


def wait_for(what: Callable[[], bool], installation: Installation, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, installation.output.read_text()[-4000:]
        time.sleep(0.05)


def said(installation: Installation, type_: str) -> list[dict[str, Any]]:
    """What is on `alerts`, of one type."""
    return [one["data"] for one in installation.documents("alerts") if one["type"] == f"tierline.alert.{type_}"]


ROUTES = "routes: [{route: hot, tiers: [hot], to: [hook]}]\n"


def test_a_change_is_told(alerting: Callable[..., Installation], sink: Sink) -> None:
    """Where `tierline run` has routes, an account that gets hot is told within seconds, and the log says so."""
    installation = alerting(ROUTES)
    installation.start()
    funding(installation, "acme.com")
    wait_for(lambda: len(said(installation, "delivery")) == 1, installation)
    ((_, body),) = sink.got
    assert "acme.com" in json.dumps(body)
    (decided,) = said(installation, "decided")
    assert [one["reason"] for one in decided["recipients"]] == ["sent"]
    (delivered,) = said(installation, "delivery")
    assert (delivered["state"], delivered["attempt"], delivered["changes"]) == ("delivered", 1, [decided["change"]])
    page = installation.page("/metrics")[1]
    assert 'tierline_alerts_delivered_total{channel="hook"} 1.0' in page
    assert 'tierline_alert_changes_total{reason="sent"} 1.0' in page
    assert "tierline_alert_delay_seconds_count 1.0" in page
    assert installation.stop() == 0
