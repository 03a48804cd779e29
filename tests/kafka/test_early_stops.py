"""A worker that is told to stop before it is ready, with much to read back: it is gone at once, nothing is amiss."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from stream.agents.table import is_account
from stream.transports.records import Append, partition_for
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import CHAOS, Fleet, said
from tests.kafka.places import kafka_log, until
from tests.kafka.test_state import DISKS, send, told
from tests.worker.load import PROFILE
from tests.worker.processes import Installation, records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

LASTING = PROFILE.replace("points: 20", "points: 60")
"""A large company is hot, for good: no tick comes of it."""
PARTITIONS = 2
ACCOUNTS = int(os.environ.get("ACCOUNTS", "500000" if CHAOS else "200000"))
"""Accounts in the changelog beside those that a worker made: these again under other names."""
MODELS = 20
READY = "has all partitions"
"""What a worker logs once it has taken up every account."""


@pytest.fixture
def fleet(kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """Workers of one installation, not started."""
    workers = Fleet(kafka_cluster, topic_prefix, tmp_path, LASTING)
    yield workers
    workers.close()


def large(account: str, number: int, employees: int = 1_000) -> dict[str, object]:
    return told(account, "account_update", number, {"facts": {"employees": employees}})


def fill(worker: Installation) -> None:
    """A changelog with so many accounts, all hot: a worker makes some, the others are those under other names."""
    worker.start()
    send(worker, *(large(f"model-{number}.com", number) for number in range(MODELS)))
    worker.drain()
    until(lambda: len(worker.documents("account-scores")) == MODELS)
    assert worker.stop() == 0
    topic = worker.settings.topic("account-state")
    with kafka_log(worker.settings) as log:
        models: dict[int, tuple[bytes, bytes]] = {}
        for record in records(log, topic):
            if record.key and record.value and is_account(record.key):
                models[record.partition] = record.key, record.value
        appends = []
        for number in range(ACCOUNTS):
            key = f"copy-{number}.com".encode()
            model, value = models[partition := partition_for(key, PARTITIONS)]
            appends.append(Append(topic, partition, key, value.replace(b'"%b"' % model, b'"%b"' % key)))
        for at in range(0, ACCOUNTS, 20_000):
            log.append(appends[at : at + 20_000])


def answers(worker: Installation, _: str) -> bool:
    """Its pages are there: it has not joined yet."""
    with suppress(OSError):
        return worker.page("/healthz")[0] == 200
    return False


def begun(_: Installation, new: str) -> bool:
    return "changelog records of" in new


def read(_: Installation, new: str) -> bool:
    return "restored in" in new


MOMENTS: list[tuple[Callable[[Installation, str], bool], float]] = [(answers, 0), (begun, 0), (begun, 0.5), (read, 0)]
"""How far a worker has come, and how many seconds after that it is told to stop."""
if CHAOS:
    MOMENTS += [(answers, 0.5), (begun, 1), (begun, 2), (read, 0.5), (read, 1.5)]


def stopped(worker: Installation, so_far: Callable[[Installation, str], bool], seconds: float) -> float:
    """Start the worker and stop it then; how many seconds its end took."""
    before = len(said(worker))
    worker.start(wait=False)
    until(lambda: so_far(worker, said(worker)[before:]), 60)
    time.sleep(seconds)
    assert READY not in said(worker)[before:], "too late: it is ready"
    began = time.monotonic()
    code = worker.stop()
    took = time.monotonic() - began
    new = said(worker)[before:]
    print(f"\n{so_far.__name__} + {seconds} s: ended with {code} after {took:.1f} s", end="")
    assert code == 0, new
    assert READY not in new, "it took partitions up although it was to stop"
    assert "Traceback" not in new, new
    return took


@pytest.mark.parametrize("rows", DISKS)
def test_stopped_before_it_is_ready(fleet: Fleet, rows: bool) -> None:  # noqa: FBT001
    """While it joins, reads and takes accounts up: it ends within 10 s with exit code 0; the next start has it all."""
    worker = fleet.worker(rows=rows, partitions=PARTITIONS)
    fill(worker)
    changes = worker.documents("tier-changes")
    for so_far, seconds in MOMENTS:
        if worker.settings.rows is not None:  # else the next start has next to nothing to read
            shutil.rmtree(worker.settings.rows, ignore_errors=True)
        assert stopped(worker, so_far, seconds) < 10
    worker.start(wait=False)
    worker.wait_ready(60)
    assert f"tierline_state_accounts {float(ACCOUNTS + MODELS)!r}" in worker.page("/metrics")[1]
    assert worker.documents("tier-changes") == changes, "what was told is told again"
    accounts = [f"copy-{number}.com" for number in range(0, ACCOUNTS, ACCOUNTS // 50)]
    send(worker, *(large(account, MODELS + number, employees=5) for number, account in enumerate(accounts)))
    worker.drain()
    assert worker.stop() == 0
    later = [one["data"] for one in worker.documents("tier-changes") if one not in changes]
    moved = {one["account"]: (one["from_tier"], one["to_tier"], one["sequence"]) for one in later}
    assert moved == dict.fromkeys(accounts, ("hot", "cold", 2))
    assert len(later) == len(accounts)
