"""Alerting as a process: beside the worker and alone, with real requests to a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from schemas.times import format_time
from stream.transports.records import Append, partition_for
from tests.worker.processes import Installation

from .looking import said, wait_for
from .sink import Sink


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
