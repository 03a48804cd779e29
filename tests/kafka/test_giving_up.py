"""A log that is closed while its broker is away leaves nothing behind that goes on trying."""

from __future__ import annotations

import gc
import threading

import pytest

from stream.transports.errors import LogError
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.places import kafka_log, made, settings_on, until


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
