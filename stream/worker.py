"""Running the app as a process: one event loop, signals handled, the lock taken before anything else."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from stream.app import create_app
from stream.profiles import LoadedProfile
from stream.runtime import App
from stream.scoring.state import StateTooNew
from stream.settings import Settings, SettingsError
from stream.topology import open_log
from stream.transports.errors import LogTooNew

log = logging.getLogger("tierline")

PARTING = 3.0
"""Seconds that a stop may take to publish the scores that are owed; the next start goes on with the rest."""


def serve(settings: Settings, profiles: Sequence[LoadedProfile]) -> None:
    """Run a worker until SIGTERM or SIGINT. Raises LogError or ProfileErrors where it cannot start."""
    with TemporaryDirectory(prefix="tierline-") as scratch:  # the runtime makes folders that nothing is ever put into
        asyncio.run(_serve(settings, profiles, scratch))


async def _serve(settings: Settings, profiles: Sequence[LoadedProfile], scratch: str) -> None:
    await asyncio.to_thread(lambda: open_log(settings).close())
    app = create_app(settings, profiles)
    app.conf.datadir = Path(scratch)
    app.log_transport.lock_worker()
    try:
        _check_port(settings)
        await app.worker.prepare()
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await app.start()
        pages = f"pages on http://{settings.web_host}:{settings.web_port}" if settings.web_port else "no pages"
        log.info("running on %s, %s", settings.broker, pages)
        crashed = loop.create_task(_crash(app))
        stopped = loop.create_task(stop.wait())
        await asyncio.wait({crashed, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in (crashed, stopped):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        log.info("stopping")
        if app.crash_reason is None and app.worker.health.recovered and not app.worker.health.trouble:
            # never cancelled: a write in the middle is better ended by what ends the app
            await asyncio.wait({loop.create_task(app.worker.publish_rest())}, timeout=PARTING)
        await app.stop()
        if isinstance(app.crash_reason, StateTooNew):
            raise LogTooNew(f"{settings.where}: {app.crash_reason}.")
        if app.crash_reason is not None:
            log.critical("the worker stopped: %r", app.crash_reason)
            sys.exit(1)
    finally:
        app.log_transport.close()
        app.log_transport.unlock_worker()


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
