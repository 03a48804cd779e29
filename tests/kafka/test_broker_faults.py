"""Brokers are killed, paused and lost under load: workers wait, say so, and go on; nothing is lost or counts twice."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from stream.topology import group_of
from stream.transports.errors import LogError
from stream.transports.kafka_sending import TRANSACTION_TIMEOUT
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import CHAOS, Fleet, PatientSender, chaos, reasons, said, sent, settled
from tests.kafka.places import kafka_log, until
from tests.worker.processes import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = max(1, int(os.environ.get("KILLS", "8")) // 8)
"""How often each fault comes."""


@pytest.fixture
def on_one(own_broker: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """Workers on a broker that may be killed."""
    fleet = Fleet(own_broker, topic_prefix, tmp_path)
    yield fleet
    fleet.close()


@pytest.fixture
def on_three(three_brokers: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """Workers on three brokers that may be killed."""
    fleet = Fleet(three_brokers, topic_prefix, tmp_path)
    yield fleet
    fleet.close()


def told(what: str, worker: Installation, sender: PatientSender, changes: int) -> None:
    print(
        f"\n{what}: {len(sender.told)} signals ({sender.patient.refusals} appends refused and sent again),"
        f" {changes} changes, none lost; {sent(worker)}"
    )


def test_the_broker_is_killed_and_comes_back(on_one: Fleet) -> None:
    """The worker waits, says why in /readyz and in its log, and goes on by itself; nothing is lost or counts twice."""
    broker, worker = on_one.cluster, on_one.worker()
    worker.start()
    sender = PatientSender(worker)
    sender.start()
    time.sleep(3)
    broker.kill()
    until(lambda: any("the log" in reason for reason in reasons(worker)), 30)
    print(f"\n/readyz while the broker is dead: {reasons(worker)}")
    assert worker.page("/healthz")[0] == 200, "it would be restarted for nothing"
    broker.restart()
    worker.wait_ready(60)
    rng = random.Random(3)
    for _ in range(ROUNDS):
        time.sleep(rng.uniform(1, 4))
        broker.kill()
        time.sleep(rng.uniform(0, 3))
        broker.restart()
    changes = settled([worker], sender)
    assert "the log has not taken a write" in said(worker)
    assert said(worker).count("Unable connect to node") < 12 + 4 * ROUNDS, "what matters is buried"
    told(f"{1 + ROUNDS} kills of the broker", worker, sender, changes)


@chaos
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSTOP])
def test_no_broker_for_longer_than_sessions_and_transactions_last(on_one: Fleet, how: signal.Signals) -> None:
    """Dead or deaf for a minute: afterwards both workers go on with what they held, as if it had been a second."""
    broker, workers = on_one.cluster, [on_one.worker(), on_one.worker()]
    for worker in workers:
        worker.start()
    sender = PatientSender(workers[0])
    sender.start()
    time.sleep(3)
    broker.brokers[0].signal(how)
    time.sleep(TRANSACTION_TIMEOUT + 15)
    assert all(reasons(worker) for worker in workers)
    if how is signal.SIGSTOP:
        broker.brokers[0].signal(signal.SIGCONT)
    else:
        broker.restart()
    changes = settled(workers, sender)
    told(f"{how.name} of the broker for {TRANSACTION_TIMEOUT + 15:g} s", workers[0], sender, changes)


def test_one_of_three_brokers_is_lost_each_in_turn(on_three: Fleet) -> None:
    """Whatever it led, the group and its transactions too: the other two carry on at once, and nothing is lost."""
    brokers, workers = on_three.cluster, [on_three.worker(), on_three.worker()]
    for worker in workers:
        worker.start()
    sender = PatientSender(workers[0])
    sender.start()
    waited: list[float] = []
    for number in [1, 2, 3] * ROUNDS if CHAOS else [_coordinator(brokers, workers[0])]:
        time.sleep(1)
        brokers.kill(number)
        waited.append(_seconds_until_it_goes_on(workers[0]))
        brokers.restart(number)
    changes = settled(workers, sender)
    told(f"{len(waited)} brokers of three killed", workers[0], sender, changes)
    print(f"scoring went on after {', '.join(f'{seconds:.1f}' for seconds in waited)} s")


@chaos
def test_one_of_three_brokers_is_paused_each_in_turn(on_three: Fleet) -> None:
    """A broker that is deaf and comes back with old ideas changes nothing."""
    brokers, workers = on_three.cluster, [on_three.worker(), on_three.worker()]
    for worker in workers:
        worker.start()
    sender = PatientSender(workers[0])
    sender.start()
    for broker in brokers.brokers * (1 + ROUNDS // 4):
        time.sleep(1)
        broker.signal(signal.SIGSTOP)
        time.sleep(25)  # over what a request is waited for, so that the workers go elsewhere
        broker.signal(signal.SIGCONT)
    changes = settled(workers, sender, 120)
    told("each of three brokers paused", workers[0], sender, changes)


@chaos
def test_two_of_three_brokers_are_lost(on_three: Fleet) -> None:
    """Nothing counts as written until two are there again: producers are told, the worker waits, then all goes on."""
    brokers, worker = on_three.cluster, on_three.worker()
    worker.start()
    sender = PatientSender(worker)
    sender.start()
    time.sleep(3)
    brokers.kill(1)
    brokers.kill(2)
    until(lambda: sender.patient.refusals > 0 and bool(reasons(worker)), 60)
    print(f"\n/readyz while two of three are dead: {reasons(worker)}")
    told_to_a_person = worker.command("send", "-", input='{"specversion":"1.0"}', timeout=90)
    print(f"`tierline send` says ({told_to_a_person.returncode}): {told_to_a_person.stderr.strip()[-300:]}")
    assert told_to_a_person.returncode != 0
    brokers.restart(1)
    brokers.restart(2)
    changes = settled([worker], sender, 120)
    told("two of three brokers killed", worker, sender, changes)


def test_topics_that_are_not_as_they_should_be_stop_the_start(on_one: Fleet) -> None:
    """None made, one missing, one with too few, another number in the settings: a line that says what to do, exit 1."""
    worker = on_one.worker()
    other = on_one.worker(partitions=6)
    code, line = _refused(other)
    assert code == 1
    assert "has 4 partitions, not 6" in line
    assert "TIERLINE_PARTITIONS=4" in line
    with kafka_log(worker.settings) as log:
        log.clients.admin().delete_topics([worker.settings.topic("tier-changes")])
        until(lambda: worker.settings.topic("tier-changes") not in log.topics())
        code, line = _refused(worker)
        assert code == 1
        assert f"no topic {worker.settings.topic('tier-changes')}" in line
        assert "tierline topics create" in line
        made = {worker.settings.topic("tier-changes"): {"num_partitions": 3, "replication_factor": 1}}
        log.clients.admin().create_topics(made, wait_for_metadata=True)
    code, line = _refused(worker)
    assert code == 1
    assert f"topic '{worker.settings.topic('tier-changes')}' has 3 partitions, not 4" in line


def _refused(worker: Installation) -> tuple[int, str]:
    done = worker.command("run")
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


def _coordinator(cluster: Cluster, worker: Installation) -> int:
    """The broker that coordinates the workers' group."""
    admin: Any = KafkaAdminClient(**cluster.client())
    try:
        group = group_of(worker.settings)
        found: int = admin._manager.run(admin._find_coordinator_ids, [group])[group]
        return found
    finally:
        admin.close()


def _seconds_until_it_goes_on(worker: Installation, seconds: float = 60) -> float:
    """Until every partition of the log is scored beyond where it was just now."""
    began = time.monotonic()
    settings = worker.settings
    topic, group = settings.topic("signals"), group_of(settings)
    with kafka_log(settings) as log:
        before: dict[tuple[str, int], int] = {}

        def beyond() -> bool:
            try:
                found = log.positions(group)
            except LogError:  # it has asked the broker that is away
                return False
            before.update(before or found)
            return all(found.get((topic, at), 0) > before.get((topic, at), 0) for at in range(settings.partitions))

        until(beyond, seconds)
    return time.monotonic() - began
