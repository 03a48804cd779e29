"""The Faust app over our own transports: what is set, before any agent is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import faust

from stream.settings import Settings
from stream.topology import group_of
from stream.transports.batching import CommitsBatches
from stream.transports.embedded import Transport, broker_url
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_transport import SCHEME, KafkaTransport
from stream.transports.recovery import BatchTableManager

if TYPE_CHECKING:
    from stream.agents.loops import Worker


COMMIT_INTERVAL = 1.0
"""Seconds until a position that need not be in a transaction is committed, those of all partitions at once."""


class App(faust.App):
    """A Faust app that has a worker of ours."""

    worker: Worker

    @property
    def log_transport(self) -> CommitsBatches:
        """The transport, by what agents may ask of it."""
        return cast(CommitsBatches, self.transport)


def bare_app(settings: Settings, group: str | None = None, lock: str = "") -> App:
    """An app without agents. ``group``: its consumer group, where that is not the workers'.

    ``lock``: what its one worker on an embedded log is called, so that it may run beside the scoring worker.
    """
    app = App(
        group or group_of(settings),
        broker=broker_url(settings.path) if settings.embedded else f"{SCHEME}://{settings.servers[0]}",
        env={},
        store="rows://",
        TableManager=BatchTableManager,
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        table_standby_replicas=0 if settings.embedded else settings.standbys,
        stream_wait_empty=True,
        broker_commit_interval=COMMIT_INTERVAL,
        web_enabled=settings.web_port > 0,
        web_bind=settings.web_host,
        web_port=settings.web_port or 6066,
        web_host=settings.web_host,
    )
    app.log_transport.limits = app.log_transport.limits._replace(records=settings.batch)
    transport: Any = app.transport
    if isinstance(transport, Transport):
        transport.lock_name = lock
    if isinstance(transport, KafkaTransport):
        transport.connection = Connection.of(settings)
        transport.session_seconds = settings.kafka_session / 1000
        transport.instance = settings.kafka_instance
    return app
