"""Appends from a process of its own: `python -m tests.transports.elsewhere BROKER TOPIC COUNT`."""

from __future__ import annotations

import sys
from urllib.parse import unquote

from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog
from stream.transports.log import EmbeddedLog
from stream.transports.seam import Log
from tests.transports.rig import numbered


def opened(broker: str) -> Log:
    """The log behind the broker setting of an app."""
    scheme, _, place = broker.partition("://")
    return KafkaLog(Connection((place,))) if scheme == "kafkabatches" else EmbeddedLog(unquote(place))


if __name__ == "__main__":
    with opened(sys.argv[1]) as log:
        log.append(numbered(sys.argv[2], 0, int(sys.argv[3])))
