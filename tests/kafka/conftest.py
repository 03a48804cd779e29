"""Real Kafka for tests: one broker shared by the run, one or three that a test may kill."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tests.kafka.cluster import EVERY, Cluster, heal, needed, shared_cluster
from tests.kafka.fleet import CHAOS, FIGURES
from tests.worker.processes import Installation


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One broker for the whole run, all xdist workers together. Keep apart by topic prefix; do not kill it."""
    yield from _of_the_run(tmp_path_factory, "kafka")


@pytest.fixture(scope="session")
def secure_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The same with a listener for each way of `EVERY` to demand who one is: `cluster.environment("tls-plain")`."""
    yield from _of_the_run(tmp_path_factory, "kafka-secure", tuple(EVERY))


def _of_the_run(factory: pytest.TempPathFactory, name: str, security: Sequence[str] = ()) -> Iterator[Cluster]:
    needed()
    base = factory.getbasetemp()
    together = "PYTEST_XDIST_WORKER" in os.environ
    cluster = shared_cluster((base.parent if together else base) / name, security)
    yield cluster
    if not together:  # else it ends with the run, which has other workers still
        cluster.discard()


@pytest.fixture(scope="module")
def _one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    needed()
    yield from _discarded(Cluster(tmp_path_factory.mktemp("kafka-one")))


@pytest.fixture(scope="module")
def _three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    needed()
    yield from _discarded(Cluster(tmp_path_factory.mktemp("kafka-three"), brokers=3))


def _discarded(cluster: Cluster) -> Iterator[Cluster]:
    try:
        yield cluster.start()
    finally:
        cluster.discard()


@pytest.fixture
def own_broker(_one: Cluster) -> Cluster:
    """One broker of this module's own, up at the start of each test: it may be killed and left dead."""
    return heal(_one)


@pytest.fixture
def three_brokers(_three: Cluster) -> Cluster:
    """Three brokers of this module's own, all up at the start of each test: they may be killed and left dead."""
    return heal(_three)


@pytest.fixture
def topic_prefix() -> str:
    """No other test's."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture(autouse=True)
def _figures(monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]) -> Iterator[None]:
    """What each test kills is counted."""
    FIGURES.clear()
    for owner, name, what in (
        (Installation, "kill", "kills of workers"),
        (Installation, "pause", "pauses of workers"),
        (Cluster, "kill", "kills of brokers"),
    ):
        monkeypatch.setattr(owner, name, _counting(getattr(owner, name), what))
    yield
    record_property("figures", dict(FIGURES))


def _counting(real: Callable[..., Any], what: str) -> Callable[..., Any]:
    def counted(*arguments: Any) -> Any:
        FIGURES[what] += 1
        return real(*arguments)

    return counted


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """With CHAOS=1: the sums of what all tests did."""
    sums: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", "") == "teardown":
                for name, value in report.user_properties:
                    sums.update(value if name == "figures" else {})
    if CHAOS and sums:
        terminalreporter.section("Kafka under chaos")
        for what, number in sorted(sums.items()):
            terminalreporter.line(f"{number:8} {what}")
