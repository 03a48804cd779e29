"""Whoever is to end while the broker is away ends, and leaves nothing behind that goes on trying."""

from __future__ import annotations

import gc
import threading
import time
from pathlib import Path

import pytest

from stream.transports.errors import LogError
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import Fleet, said
from tests.kafka.places import kafka_log, made, settings_on, until
from tests.kafka.test_state import hot, send


def producers() -> set[threading.Thread]:
    """The threads of kafka-python's producers."""
    return {one for one in threading.enumerate() if "kafka-python-producer" in one.name}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_no_producer_outlives_its_log(own_broker: Cluster, topic_prefix: str) -> None:
    """What nobody took is given up when the log is closed: its thread ends, and no error comes later from nowhere."""
    settings = made(settings_on(own_broker, topic_prefix))
    before = producers()
    log = kafka_log(settings)
    log.append([Append(settings.topic("signals"), 0, b"k", b"before")])
    own_broker.kill(1)
    with pytest.raises(LogError):
        log.append([Append(settings.topic("signals"), 0, b"k", b"nobody takes it")])
    log.close()
    gc.collect()  # what is left over would complain now
    until(lambda: producers() <= before, 2)
    own_broker.restart(1)


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_worker_stops_without_its_broker(own_broker: Cluster, topic_prefix: str, tmp_path: Path) -> None:
    """The broker dies before positions were committed: a worker that is told to stop ends within 10 s all the same."""
    workers = Fleet(own_broker, topic_prefix, tmp_path)
    worker = workers.worker()
    try:
        worker.start()
        send(worker, *hot("acme.com", 1, "last"))
        until(lambda: worker.documents("tier-changes"))
        own_broker.kill(1)
        began = time.monotonic()
        code = worker.stop()
        assert time.monotonic() - began < 10, said(worker)
        assert code == 0, said(worker)
        own_broker.restart(1)
        worker.start()
        send(worker, *hot("other.com", 2, "first"))
        until(lambda: any(one["subject"] == "other.com" for one in worker.documents("tier-changes")))
    finally:
        workers.close()
