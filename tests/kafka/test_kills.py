"""Workers on Kafka are killed, paused and moved at any moment: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stream.transports.steps import STEPS
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import CHAOS, FIGURES, sent, settled
from tests.kafka.places import made
from tests.worker.load import PROFILE, Sender
from tests.worker.processes import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = int(os.environ.get("KILLS", "5"))

Fleet = Callable[..., list[Installation]]


@pytest.fixture
def fleet(kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """So many workers of one installation on Kafka, not started."""
    workers: list[Installation] = []

    def make(count: int, **settings: Any) -> list[Installation]:
        profiles = tmp_path / "profiles"
        profiles.mkdir()
        (profiles / "quick.yaml").write_text(PROFILE)
        given = {"partitions": 4, "topic_prefix": topic_prefix, "kafka_session": "3s", "scores_every": "1s", **settings}
        first = Installation(tmp_path, profiles, where=kafka_cluster.environment(), **given)
        made(first.settings)
        workers.extend([first, *(first.beside() for _ in range(count - 1))])
        return workers

    yield make
    for worker in workers:
        worker.close()


def test_the_only_worker_is_killed_at_random_moments(fleet: Fleet) -> None:
    """While it starts, recovers or works: after each SIGKILL the next worker goes on as if nothing had been."""
    [worker] = fleet(1)
    rng = random.Random(5)
    worker.start()
    sender = Sender(worker)
    sender.start()
    for _ in range(KILLS):
        time.sleep(rng.choice([rng.uniform(0.3, 2.5), rng.uniform(3.5, 7)]))
        worker.kill()
        worker.start(wait=False)
    changes = settled([worker], sender)
    print(f"\n{KILLS} kills of the only worker, {len(sender.told)} signals, {changes} changes; {sent(worker)}")


def test_one_of_two_is_killed(fleet: Fleet) -> None:
    """The other takes its partitions over, leader of the group or not, and gives half of them back when it returns."""
    workers = fleet(2)
    rng = random.Random(6)
    for worker in workers:
        worker.start()
    sender = Sender(workers[0])
    sender.start()
    for kill in range(KILLS):
        victim = workers[kill % 2]
        victim.kill()
        time.sleep(rng.choice([rng.uniform(0.1, 2.0), rng.uniform(3.5, 6)]))  # before and after it is missed
        victim.start(wait=False)
        time.sleep(rng.uniform(1.0, 5.0))
    changes = settled(workers, sender)
    print(f"\n{KILLS} kills of one of two, {len(sender.told)} signals, {changes} changes; {sent(workers[0])}")


def test_killed_between_two_writes(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever within a commit a worker dies, the next one finds all of it or nothing."""
    [worker] = fleet(1)
    monkeypatch.setattr(Installation, "run", (sys.executable, "-m", "tests.kafka.dying"))
    worker.start()
    sender = Sender(worker)
    sender.start()
    for step, number in itertools.product(STEPS, (3, 9, 20) if CHAOS else (3,)):
        monkeypatch.setenv("DIES", f"{step}:{number}")
        worker.stop()
        worker.start(wait=False)
        assert worker.process is not None
        assert worker.process.wait(60) == -signal.SIGKILL
        FIGURES["kills of workers"] += 1
    monkeypatch.delenv("DIES")
    worker.start()
    settled([worker], sender)
    print(f"\nkilled twice after {step!r}: {sent(worker)}")


def test_a_worker_that_is_paused_comes_back_as_a_zombie(fleet: Fleet) -> None:
    """What it held when its partitions moved is not written by it any more, whatever it was doing."""
    workers = fleet(2)
    rng = random.Random(8)
    for worker in workers:
        worker.start()
    sender = Sender(workers[0])
    sender.start()
    for pause in range(max(2, KILLS // 2)):
        paused = workers[pause % 2]
        time.sleep(rng.uniform(1, 2))
        paused.pause()
        time.sleep(rng.uniform(5, 7))  # over its session's 3 s: the other has its partitions
        paused.resume()
        time.sleep(rng.uniform(0.5, 3))
    settled(workers, sender)
    print(f"\na zombie: {sent(workers[0])}")


def test_stopped_and_started_under_load(fleet: Fleet) -> None:
    """A worker told to stop finishes what it holds and is gone within 10 s; the other goes on at once."""
    workers = fleet(2)
    for worker in workers:
        worker.start()
    sender = Sender(workers[0])
    sender.start()
    for turn in range(4):
        time.sleep(1.5)
        began = time.monotonic()
        assert workers[turn % 2].stop() == 0
        assert time.monotonic() - began < 10
        workers[turn % 2].start()
    settled(workers, sender)
