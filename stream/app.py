"""The application: which agents run on which topics, over which table.

``create_app(settings)`` builds it; nothing happens on import. The agents' loops are in ``agents/loops.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from schemas.topics import ACCOUNT_STATE, INTAKE, SIGNALS
from stream.agents.loops import Worker
from stream.metrics import Metrics
from stream.profiles import LoadedProfile
from stream.runtime import App, bare_app
from stream.scoring.state import StateTooNew
from stream.settings import Settings
from stream.topology import partitions_of
from stream.transports.batching import batch_topic
from stream.transports.rows import RowStore
from stream.web.health import mount


def create_app(settings: Settings, profiles: Sequence[LoadedProfile], metrics: Metrics | None = None) -> App:
    """The worker as a Faust app; ``app.worker`` is its ``Worker``."""
    app = bare_app(settings)
    worker = app.worker = Worker(app, settings, profiles, metrics or Metrics())
    changelog = app.topic(
        settings.topic(ACCOUNT_STATE),
        partitions=settings.partitions,
        compacting=True,
        key_serializer="raw",
        value_serializer="raw",
        key_type=bytes,
        value_type=bytes,
    )
    table = app.Table(
        "accounts",
        partitions=settings.partitions,
        changelog_topic=changelog,
        key_type=bytes,
        value_type=bytes,
        store="rows://memory" if settings.rows is None else "rocks://disk",  # Faust drops a URL without a host
        options={"path": settings.rows},
    )
    worker.store = cast(RowStore, table.data)

    def agent(name: str, loop: Callable[[Any], Awaitable[None]]) -> None:
        topic = batch_topic(app, settings.topic(name), partitions=partitions_of(settings, name))
        app.agent(topic, name=name.replace(".", "-"))(loop)

    agent(SIGNALS, _scoring(worker))
    for name in INTAKE:
        agent(name, _intake(worker, name))

    @table.on_recover
    async def recovered() -> None:
        try:
            await worker.recovered()
        except StateTooNew as error:
            app._crash(error)  # noqa: SLF001  (as below, but without a traceback: it is for people, and told at the end)
        except Exception as error:  # Faust would go on as if nothing had been  # noqa: BLE001
            await app.crash(error)

    async def revoked(*_: Any, **__: Any) -> None:
        await worker.revoked()

    app.on_partitions_revoked.connect(revoked, weak=False)
    app.task(worker.beat)
    app.task(worker.measure)
    mount(app, worker)
    return app


def _scoring(worker: Worker) -> Callable[[Any], Awaitable[None]]:
    async def score(batches: Any) -> None:
        await worker.score(batches.noack())  # settled when durable, not when the loop goes on

    return score


def _intake(worker: Worker, name: str) -> Callable[[Any], Awaitable[None]]:
    async def take_in(batches: Any) -> None:
        await worker.take_in(batches.noack(), name)

    return take_in
