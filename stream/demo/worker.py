"""The demo's worker: ``tierline run`` itself, as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.topics import INTAKE, SIGNALS
from stream.settings import Settings
from stream.topology import group_of, partitions_of
from stream.transports.seam import Log


class WorkerFailed(RuntimeError):
    """The worker ended by itself; the message carries the end of its log."""


@contextmanager
def running(settings: Settings, output: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker on these settings, stopped with SIGTERM at the end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
    environment |= {
        "TIERLINE_BROKER": settings.broker,
        "TIERLINE_PROFILES": str(settings.profiles),
        "TIERLINE_PARTITIONS": str(settings.partitions),
        "TIERLINE_WEB_PORT": str(settings.web_port),
    }
    command = [sys.executable, "-c", "from stream.cli.main import main; main()", "run"]
    with output.open("wb") as told:
        process = subprocess.Popen(command, env=environment, stdout=told, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def check(process: subprocess.Popen[bytes], output: Path) -> None:
    """Raise WorkerFailed if the worker has ended."""
    if process.poll() is not None:
        tail = output.read_text("utf-8", "replace").strip().splitlines()[-8:]
        raise WorkerFailed("the worker ended by itself:\n" + "\n".join(tail))


def lag(log: Log, settings: Settings) -> int:
    """Records that the worker has not processed yet."""
    waiting = 0
    for name in (SIGNALS, *INTAKE):
        topic = settings.topic(name)
        for partition in range(partitions_of(settings, name)):
            position = log.position(group_of(settings), topic, partition)
            waiting += log.end(topic, partition) - (position or 0)
    return waiting


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_drained(log: Log, settings: Settings, process: subprocess.Popen[bytes], output: Path) -> None:
    """Return once the worker has processed everything there is."""
    quiet = 0
    while quiet < 3:
        check(process, output)
        quiet = quiet + 1 if lag(log, settings) == 0 else 0
        time.sleep(0.05)
