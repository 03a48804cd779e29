"""Alerting as a process: beside the worker and alone, with real requests to a real server."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from schemas.times import format_time
from stream.transports.records import Append, partition_for
from tests.worker.processes import Installation

from .looking import said, wait_for
from .sink import Sink


def funding(installation: Installation, *accounts: str) -> None:
    """Each of these accounts raised money just now."""
    now = time.time_ns() // 1_000_000
    for account in accounts:
        append(installation, {
            "specversion": "1.0", "id": f"f-{account}-{now}", "source": "test", "subject": account,
            "type": "tierline.signal.funding_round", "time": format_time(now), "data": {"series": "b"},
        })  # fmt: skip


def append(installation: Installation, signal: dict[str, Any]) -> None:
    """A signal in its place."""
    key = signal["subject"].encode()
    partition = partition_for(key, installation.settings.partitions)
    with installation.log() as log:
        log.append([Append(installation.settings.topic("signals"), partition, key, json.dumps(signal).encode())])


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
    assert 'tierline_lag_records{partition="0",topic="alert-queue"} 0.0' in page
    assert installation.stop() == 0


def states(installation: Installation) -> list[str]:
    return [one["state"] for one in said(installation, "delivery")]


def test_customers_are_left_alone(alerting: Callable[..., Installation], sink: Sink) -> None:
    """The facts of an account are those in force when it moves: whoever has an open deal is not told of."""
    installation = alerting(ROUTES)
    installation.start()
    won = {
        "specversion": "1.0", "id": "o-1", "source": "crm", "subject": "acme.com", "data": {"stage": "open"},
        "type": "tierline.signal.opportunity_outcome", "time": format_time(time.time_ns() // 1_000_000 - 1_000),
    }  # fmt: skip
    append(installation, won)
    funding(installation, "acme.com")
    wait_for(lambda: len(said(installation, "decided")) == 1, installation)
    (decided,) = said(installation, "decided")
    assert decided["routes"] == [{"reason": "customer", "routes": ["hot"], "until": None, "by": None}]
    assert sink.tried == []


@pytest.mark.slow
def test_a_sink_that_is_down_delays_only_itself(alerting: Callable[..., Installation], sink: Sink) -> None:
    """While one channel fails the other delivers; what waits survives a stop, and goes out when the channel is back."""
    installation = alerting(ROUTES.replace("[hook]", "[hook, {channel: down}]"))
    text = (routes := installation.settings.routes) and routes.read_text()
    assert routes is not None
    routes.write_text(text.replace("channels: {", f"channels: {{down: {down('http://127.0.0.1:1/')}, "))
    installation.start()
    funding(installation, "acme.com")
    wait_for(lambda: sorted(states(installation)) == ["delivered", "failed"], installation)
    listed = installation.command("alerts", "list", "--json").stdout.splitlines()
    assert [(one["state"], one["to"], one["attempts"]) for one in map(json.loads, listed)] == [("waiting", "down", 1)]
    assert installation.stop() == 0
    routes.write_text(text.replace("channels: {", f"channels: {{down: {down(sink.url)}, "))
    installation.start()
    wait_for(lambda: states(installation).count("delivered") == 2, installation)
    assert len({id_ for id_, _ in sink.got}) == 2
    shown = installation.command("alerts", "show", "acme.com").stdout
    assert "sent: hot → hook" in shown
    assert "failed, attempt 1, down" in shown
    assert "delivered, attempt 2, down" in shown


def down(url: str) -> str:
    return f"{{kind: webhook, url: '{url}', keys: [{{file: key}}]}}"


@pytest.mark.slow
def test_routes_change_while_it_runs(alerting: Callable[..., Installation], sink: Sink) -> None:
    """A broken edit leaves the good routes in force, says so and shows in a metric; a mended one is taken up."""
    installation = alerting(ROUTES)
    routes = installation.settings.routes
    assert routes is not None
    good = routes.read_text()
    installation.start()
    routes.write_text(good + "nonsense: 1\n")
    wait_for(lambda: "tierline_alert_routes_broken 1.0" in installation.page("/metrics")[1], installation)
    funding(installation, "a.com")
    wait_for(lambda: len(sink.got) == 1, installation)
    routes.write_text(good.replace("route: hot", "route: warm"))
    wait_for(lambda: "tierline_alert_routes_broken 0.0" in installation.page("/metrics")[1], installation)
    funding(installation, "b.com")
    wait_for(lambda: len(sink.got) == 2, installation)
    assert [one["recipients"][0]["route"] for one in said(installation, "decided")].count("warm") == 1
    assert "nonsense: is not known here" in installation.output.read_text()


def test_broken_routes_stop_the_start(alerting: Callable[..., Installation]) -> None:
    """A start with broken routes ends with line and mend before anything is appended."""
    installation = alerting("routes: [{route: hot, to: [hok]}]\n")
    run = installation.command("run")
    assert run.returncode == 1
    assert "alerts.yaml:2: routes.0.to.0: hok is not a channel; write one of hook, other" in run.stderr
    assert "Traceback" not in run.stderr
    assert installation.documents("signals") == []


def test_one_alerting_app_on_a_log(alerting: Callable[..., Installation]) -> None:
    """Beside a worker that alerts already, a second alerting app on the same file does not start, and says why."""
    installation = alerting(ROUTES)
    installation.start()
    second = installation.command("alerts", "run", "--web-port", "0")
    assert second.returncode == 1
    assert "another worker for alerts runs on this log" in second.stderr


@pytest.mark.slow
def test_an_operator_sends_again_and_snoozes(alerting: Callable[..., Installation], sink: Sink) -> None:
    """What a channel refused is listed, and goes out when asked for; a snoozed account is told of no more."""
    installation = alerting(ROUTES)
    sink.answer = lambda: 410
    installation.start()
    funding(installation, "acme.com")
    wait_for(lambda: states(installation) == ["parked"], installation)
    listed = installation.command("alerts", "list")
    assert "channel hook is off: HTTP 410" in listed.stderr
    sink.answer = lambda: 200
    assert installation.command("alerts", "retry", "nonsense").returncode == 1
    again = installation.command("alerts", "retry", "--channel", "hook")
    assert (again.returncode, again.stdout) == (0, "1 alert will be tried again.\n")
    wait_for(lambda: states(installation) == ["parked", "retried", "delivered"], installation)
    assert len(set(sink.tried)) == 1
    snoozed = installation.command("alerts", "snooze", "www.beta.com", "--for", "30d")
    assert (snoozed.returncode, snoozed.stdout) == (0, "beta.com: nobody is told of it for 30d.\n")
    funding(installation, "beta.com")
    wait_for(lambda: len(said(installation, "decided")) == 2, installation)
    (decided,) = (one for one in said(installation, "decided") if one["account"] == "beta.com")
    assert decided["routes"][0]["reason"] == "snoozed"


@pytest.mark.slow
def test_alerting_begins_with_its_first_start(alerting: Callable[..., Installation], sink: Sink) -> None:
    """Whoever turns alerts on is not told of everything that moved before."""
    installation = alerting(ROUTES)
    funding(installation, "before.com")
    routes = installation.settings.routes
    installation.settings = installation.settings.model_copy(update={"routes": None})
    installation.start()
    wait_for(lambda: len(installation.documents("tier-changes")) == 1, installation)
    assert installation.stop() == 0
    installation.settings = installation.settings.model_copy(update={"routes": routes})
    installation.start()
    funding(installation, "after.com")
    wait_for(lambda: len(sink.got) == 1, installation)
    assert [one["account"] for one in said(installation, "decided")] == ["after.com"]


def test_a_start_says_once_by_what_it_alerts(alerting: Callable[..., Installation]) -> None:
    """One line names the routes file and how much is in it; where there is none, nothing is said of alerts."""
    installation = alerting(ROUTES)
    installation.start()
    assert installation.stop() == 0
    told = f"alerts by {installation.settings.routes}: 1 route, 2 channels\n"
    said_so = installation.output.read_text()
    assert said_so.count(told) == 1
    installation.settings = installation.settings.model_copy(update={"routes": None})
    installation.start()
    assert installation.stop() == 0
    assert "alert" not in installation.output.read_text().removeprefix(said_so)


@pytest.mark.slow
def test_alerting_in_a_process_of_its_own(alerting: Callable[..., Installation], sink: Sink) -> None:
    """Beside a worker that knows of no routes, `tierline alerts run` on the same file alerts."""
    apart = alerting(ROUTES)
    apart.app = ("alerts", "run")
    worker = Installation(apart.folder, apart.settings.profiles, partitions=2)
    try:
        worker.start()
        apart.start()
        funding(worker, "acme.com", "beta.com")
        wait_for(lambda: states(apart) == ["delivered"] * 2, apart)
        assert len(sink.got) == 2
        assert (apart.stop(), worker.stop()) == (0, 0)
    finally:
        worker.close()
