"""Running apps as a process: one event loop, signals handled, the locks taken before anything else."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from stream.app import create_app
from stream.metrics import Metrics
from stream.profiles import LoadedProfile
from stream.runtime import App
from stream.scoring.state import StateTooNew
from stream.settings import Settings, SettingsError
from stream.topology import open_log
from stream.transports.errors import LogRefused, LogTooNew
from stream.web.health import Health

log = logging.getLogger("tierline")

PARTING = 3.0
"""Seconds that a stop may take to publish the scores that are owed; the next start goes on with the rest."""


class Part(NamedTuple):
    """An app that runs in this process."""

    app: App
    prepare: Callable[[], Awaitable[None]]
    """Before anything is consumed."""
    part: Callable[[], Awaitable[None]]
    """Before a clean stop, if `well`; never cancelled, but not waited for for ever."""
    well: Callable[[], bool]
    close: Callable[[], Awaitable[None]]


def serve(settings: Settings, profiles: Sequence[LoadedProfile]) -> None:
    """Run a worker until SIGTERM or SIGINT, on an embedded log alerting, too, where there are routes.

    Raises LogError, ProfileErrors or RoutesErrors where it cannot start.
    """

    def parts() -> list[Part]:
        metrics = Metrics()
        app = create_app(settings, profiles, metrics)
        worker = app.worker
        found = [Part(app, worker.prepare, worker.publish_rest, lambda: _well(worker.health), _nothing)]
        if settings.routes is not None and settings.embedded:
            quiet = settings.model_copy(update={"web_port": 0})
            found.append(_alerting(quiet, settings.routes, metrics, profiles))
        elif settings.routes is not None:
            log.info("alerts on Kafka are an app of their own: run `tierline alerts run`")
        return found

    run_parts(settings, parts)


def serve_alerts(settings: Settings, routes: Path, profiles: Sequence[LoadedProfile]) -> None:
    """Run alerting alone until SIGTERM or SIGINT. Raises LogError or RoutesErrors where it cannot start."""
    run_parts(settings, lambda: [_alerting(settings, routes, Metrics(), profiles)])


def _alerting(settings: Settings, routes: Path, metrics: Metrics, profiles: Sequence[LoadedProfile]) -> Part:
    # a fifth of what a worker imports, for nothing where nobody is alerted
    from stream.delivery.app import create_alerts
    from stream.delivery.loading import labels_of

    app, worker = create_alerts(settings, routes, metrics, labels_of(profiles))
    return Part(app, worker.prepare, worker.settle_rest, lambda: _well(worker.health), worker.close)


def _well(health: Health) -> bool:
    return health.recovered and not health.trouble


async def _nothing() -> None:
    """Nothing is left to be closed."""


def run_parts(settings: Settings, make: Callable[[], list[Part]]) -> None:
    """Run apps in one process until SIGTERM or SIGINT, or until one of them fails."""
    with TemporaryDirectory(prefix="tierline-") as scratch:  # the runtime makes folders that nothing is ever put into
        asyncio.run(_run(settings, make, Path(scratch)))


async def _run(settings: Settings, make: Callable[[], list[Part]], scratch: Path) -> None:
    await asyncio.to_thread(lambda: open_log(settings).close())
    parts = make()
    loop = asyncio.get_running_loop()
    try:
        for part in parts:
            part.app.conf.datadir = scratch
            part.app.log_transport.lock_worker()
        _check_port(settings)
        for part in reversed(parts):  # whoever listens is there before anything is said
            await part.prepare()
        calm_the_collector()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        waiting = [loop.create_task(_crash(part.app)) for part in parts] + [loop.create_task(stop.wait())]
        starting = loop.create_task(_start(parts))  # as long as the state is read back, and that may not be allowed
        await asyncio.wait([starting, *waiting], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            await starting
            log.info("running on %s, %s", settings.broker, _pages(settings))
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        log.info("stopping")
        partings = [_part(part) for part in parts if part.app.crash_reason is None and part.well()]
        if partings:
            # never cancelled: a write in the middle is better ended by what ends the app
            await asyncio.wait({loop.create_task(parting) for parting in partings}, timeout=PARTING)
        await asyncio.gather(*(part.app.stop() for part in parts))
        starting.cancel()
        with suppress(asyncio.CancelledError):
            await starting
        _tell_crash(settings, [part.app.crash_reason for part in parts])
    finally:
        for part in parts:
            await part.close()
            part.app.log_transport.close()
            part.app.log_transport.unlock_worker()
        gc.freeze()  # an interpreter that ends goes through all that lives four times: seconds, of many accounts


async def _start(parts: Sequence[Part]) -> None:
    for part in parts:
        await part.app.start()


def _pages(settings: Settings) -> str:
    return f"pages on http://{settings.web_host}:{settings.web_port}" if settings.web_port else "no pages"


async def _part(part: Part) -> None:
    await part.part()


def _tell_crash(settings: Settings, reasons: Sequence[BaseException | None]) -> None:
    from stream.delivery.state import StateTooNew as AlertsTooNew

    for reason in reasons:
        if isinstance(reason, StateTooNew | AlertsTooNew):
            raise LogTooNew(f"{settings.where}: {reason}.")
        if isinstance(reason, LogRefused):
            raise reason
    for reason in reasons:
        if reason is not None:
            log.critical("the worker stopped: %r", reason)
            sys.exit(1)


def calm_the_collector() -> None:
    """Have the garbage collector of this process look seldom: to go through all states took a fifth of the time.

    They live long and have no cycles. What is young is looked through once, and soon: a few objects that the processor
    still has at hand take a fifth of the time of many that it has to fetch again, and nobody waits for them. A second
    look, at what has lived on since, comes after ten million more.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(2_000, 5_000, 100)


def _check_port(settings: Settings) -> None:
    """Raise SettingsError where the pages cannot be served: before anything is appended, and in words."""
    if not settings.web_port:
        return
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            settings.web_host, settings.web_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        raise SettingsError(
            f"the pages cannot be served on {settings.web_host}:{settings.web_port}: {error.strerror}. Set"
            " TIERLINE_WEB_PORT to a free port (0: no pages), or TIERLINE_WEB_HOST to an address of this machine"
        ) from error


async def _crash(app: App) -> None:
    await app._crashed.wait()  # noqa: SLF001  (the runtime offers no public way to wait for it)
