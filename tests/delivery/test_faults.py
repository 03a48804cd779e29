"""What goes wrong with the log is told of by alerting as by the worker, and overcome: nobody is told less, or twice."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator

import pytest

from stream.delivery.app import alerts_group
from stream.transports.log import EmbeddedLog
from tests.worker.processes import Installation

from .looking import said, wait_for
from .sink import Sink
from .test_running import ROUTES, funding

WHOLE = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


@pytest.fixture
def apart(alerting: Callable[..., Installation]) -> Iterator[Installation]:
    """Alerting in a process of its own, beside a worker that knows of no routes; both run."""
    installation = alerting(ROUTES, partitions=1)
    installation.app = ("alerts", "run")
    worker = Installation(installation.folder, installation.settings.profiles, partitions=1)
    try:
        worker.start()
        installation.start()
        yield installation
    finally:
        worker.close()


def metric(installation: Installation, name: str) -> float:
    """A metric without labels."""
    (line,) = (one for one in installation.page("/metrics")[1].splitlines() if one.startswith(f"{name} "))
    return float(line.split()[1])


def reasons(installation: Installation) -> list[str]:
    """Why it is not ready."""
    found: list[str] = json.loads(installation.page("/readyz")[1])["reasons"]
    return found


@pytest.mark.slow
def test_a_full_disk_is_waited_for(apart: Installation, sink: Sink) -> None:
    """While nothing can be written it says why and tries again; what happened meanwhile is told once there is room."""
    assert apart.process is not None
    resource.prlimit(apart.process.pid, resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))
    accounts = [f"a{number}.com" for number in range(50)]
    funding(apart, *accounts)
    wait_for(lambda: "Look for a full disk" in "".join(reasons(apart)), apart)
    wait_for(lambda: metric(apart, "tierline_commit_retries_total") >= 2, apart)
    assert apart.page("/readyz")[0] == 503
    assert sink.got == []
    resource.prlimit(apart.process.pid, resource.RLIMIT_FSIZE, WHOLE)
    wait_for(lambda: len(sink.got) >= 1 and apart.page("/readyz")[0] == 200, apart)
    wait_for(lambda: len(said(apart, "decided")) == len(accounts), apart)
    assert metric(apart, "tierline_writes_refused_total") == 0
    assert apart.stop() == 0


def test_what_somebody_else_did_meanwhile(apart: Installation, sink: Sink) -> None:
    """A change that the group is past already is not worked through again: the write is refused, and it goes on."""
    funding(apart, "a.com")
    wait_for(lambda: len(sink.got) == 1, apart)
    place = (alerts_group(apart.settings), apart.settings.topic("tier-changes"), 0)
    with EmbeddedLog(apart.settings.path) as log:
        assert log.position(*place) == 1
        log.commit((), {place: 2})
    funding(apart, "b.com")
    wait_for(lambda: metric(apart, "tierline_writes_refused_total") == 1, apart)
    funding(apart, "c.com")
    wait_for(lambda: len(sink.got) == 2, apart)
    assert apart.page("/readyz")[0] == 200
    assert metric(apart, "tierline_commit_retries_total") == 0
    assert [one["account"] for one in said(apart, "decided")] == ["a.com", "c.com"]
    assert apart.stop() == 0
