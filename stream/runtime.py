"""The Faust app over our own transport: what is set, before any agent is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import faust

from stream.settings import Settings
from stream.topology import group_of
from stream.transports.batching import BatchLimits
from stream.transports.embedded import Transport, broker_url
from stream.transports.recovery import BatchTableManager

if TYPE_CHECKING:
    from stream.agents.loops import Worker


class App(faust.App):
    """A Faust app that has a worker of ours."""

    worker: Worker

    @property
    def log_transport(self) -> Transport:
        """The transport, by its own type."""
        return cast(Transport, self.transport)


def bare_app(settings: Settings) -> App:
    """An app without agents."""
    app = App(
        group_of(settings),
        broker=broker_url(settings.path),
        env={},
        store="rows://",
        TableManager=BatchTableManager,
        topic_partitions=settings.partitions,
        topic_disable_leader=True,
        stream_wait_empty=True,
        web_enabled=settings.web_port > 0,
        web_bind=settings.web_host,
        web_port=settings.web_port or 6066,
        web_host=settings.web_host,
    )
    app.log_transport.limits = BatchLimits(records=settings.batch)
    return app
