"""The alerting app: its agents, and its table with one partition. `create_alerts` builds it; nothing is read yet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from schemas.topics import ALERT_QUEUE, ALERT_STATE, TIER_CHANGES
from stream.delivery.loading import RoutesFile
from stream.delivery.loops import AlertWorker
from stream.metrics import Metrics
from stream.runtime import App, bare_app
from stream.settings import Settings
from stream.topology import group_of, partitions_of
from stream.transports.batching import batch_topic
from stream.transports.rows import RowStore
from stream.web.health import mount

NAME = "alerts"


def alerts_group(settings: Settings) -> str:
    """The consumer group of the alerting app."""
    return f"{group_of(settings)}-{NAME}"


def create_alerts(
    settings: Settings, routes: Path, metrics: Metrics | None = None, labels: Mapping[str, str] | None = None
) -> tuple[App, AlertWorker]:
    """The app and its worker. Raises RoutesErrors for routes that cannot be used, and LogError.

    Beside another app in one process it is given that one's metrics, and settings without a web port.
    """
    file = RoutesFile(routes, settings, labels)
    app = bare_app(settings, alerts_group(settings), lock=NAME)
    worker = AlertWorker(app, settings, file, metrics or Metrics())
    changelog = app.topic(
        settings.topic(ALERT_STATE),
        partitions=1,
        compacting=True,
        key_serializer="raw",
        value_serializer="raw",
        key_type=bytes,
        value_type=bytes,
    )
    table = app.Table(
        "alerts", partitions=1, changelog_topic=changelog, key_type=bytes, value_type=bytes, store="rows://"
    )
    worker.store = cast(RowStore, table.data)

    async def gather(batches: Any) -> None:
        await worker.gather(batches.noack())

    async def decide(batches: Any) -> None:
        await worker.decide(batches.noack())

    for name, loop in ((TIER_CHANGES, gather), (ALERT_QUEUE, decide)):
        topic = batch_topic(app, settings.topic(name), partitions=partitions_of(settings, name))
        app.agent(topic, name=f"alerts-{name}")(loop)

    @table.on_recover
    async def recovered() -> None:
        try:
            await worker.recovered()
        except Exception as error:  # Faust would go on as if nothing had been  # noqa: BLE001
            await app.crash(error)

    async def revoked(*_: Any, **__: Any) -> None:
        await worker.revoked()

    app.on_partitions_revoked.connect(revoked, weak=False)
    for task in (worker.dispatch, worker.follow_routes, worker.measure):
        app.task(task)
    mount(app, worker)
    return app, worker
