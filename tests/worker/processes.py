"""A real ``tierline run``, started, killed and stopped by the tests: its own folder, its own port."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from schemas.topics import INTAKE, SIGNALS
from stream.settings import Settings, load_settings
from stream.topology import group_of, open_log, partitions_of
from stream.transports.seam import Log

RUN = [sys.executable, "-c", "from stream.cli.main import main; main()"]


class Installation:
    """A folder with a log, profiles, and at most one worker; or one worker of several on Kafka.

    ``where``: the environment that leads to a Kafka; else the log is a file in the folder.
    """

    run: tuple[str, ...] = tuple(RUN)
    """The command of the product."""
    app: tuple[str, ...] = ("run",)
    """What it runs as the worker."""

    def __init__(
        self, folder: Path, profiles: Path, *, where: Mapping[str, str] | None = None, **settings: Any
    ) -> None:
        self.folder = folder
        self.where = where or {"TIERLINE_BROKER": f"sqlite:///{folder / 'tierline.db'}"}
        self.settings: Settings = load_settings(self.where, profiles=profiles, web_port=_free_port(), **settings)
        self.process: subprocess.Popen[bytes] | None = None
        self.output = folder / f"worker-{self.settings.web_port}.log"

    def beside(self) -> Installation:
        """Another worker of the same installation, on Kafka."""
        said = {name: getattr(self.settings, name) for name in self.settings.model_fields_set}
        for name in ("web_port", "profiles", *(key.removeprefix("TIERLINE_").lower() for key in self.where)):
            said.pop(name, None)
        return Installation(self.folder, self.settings.profiles, where=self.where, **said)

    @property
    def environment(self) -> dict[str, str]:
        """What a process of this installation sees."""
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
        said = self.settings.model_dump(exclude_defaults=True)
        said |= {name: f"{said[name]}ms" for name in ("horizon", "scores_every", "kafka_session") if name in said}
        return clean | {f"TIERLINE_{name.upper()}": str(value) for name, value in said.items()} | dict(self.where)

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of the product to its end."""
        return subprocess.run(
            [*self.run, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=options.pop("timeout", 60),
            cwd=self.folder,
            check=False,
            **options,
        )

    def start(self, *, wait: bool = True) -> None:
        """Start the worker; ``wait`` until it is ready."""
        with self.output.open("ab") as output:
            self.process = subprocess.Popen(
                [*self.run, *self.app], env=self.environment, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder
            )
        if wait:
            self.wait_ready()

    def wait_ready(self, seconds: float = 30) -> None:
        """Return once /readyz says yes."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the worker ended by itself:\n{self.output.read_text()[-3000:]}")
            try:
                if self.page("/readyz")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"not ready within {seconds} s:\n{self.output.read_text()[-3000:]}")

    def page(self, path: str) -> tuple[int, str]:
        """Status and body of a page of the worker."""
        address = f"http://{self.settings.web_host}:{self.settings.web_port}{path}"
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def kill(self) -> None:
        """SIGKILL."""
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        """SIGSTOP: it neither works nor says so."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        return self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        code = self.process.wait(30)
        self.process = None
        return code

    def close(self) -> None:
        """Whatever still runs is ended."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)

    def log(self) -> Log:
        """The log, with every topic declared."""
        return open_log(self.settings)

    def drain(self, seconds: float = 60) -> None:
        """Return once the worker has processed all there is, twice in a row."""
        until, quiet = time.monotonic() + seconds, 0
        with self.log() as log:
            while quiet < 3:
                assert time.monotonic() < until, f"not drained within {seconds} s:\n{self.output.read_text()[-3000:]}"
                quiet = quiet + 1 if self._lag(log) == 0 else 0
                time.sleep(0.1)

    def _lag(self, log: Log) -> int:
        lag = 0
        for name in (SIGNALS, *INTAKE):
            topic = self.settings.topic(name)
            for partition in range(partitions_of(self.settings, name)):
                lag += log.end(topic, partition) - (log.position(group_of(self.settings), topic, partition) or 0)
        return lag

    def documents(self, name: str) -> list[dict[str, Any]]:
        """Every JSON document of a topic, partition by partition."""
        with self.log() as log:
            found = [one.value for one in records(log, self.settings.topic(name))]
        return [json.loads(value) for value in found if value is not None]


def records(log: Log, topic: str) -> list[Any]:
    """Every record of a topic, partition by partition."""
    found: list[Any] = []
    for partition in range(log.partitions(topic)):
        offset = log.begin(topic, partition)
        while batch := log.read(topic, partition, offset, 4_096):
            found += batch
            offset = batch[-1].offset + 1
    return found


def _free_port() -> int:
    """A port that nobody listens on, below those that the system gives to connections: none may take it meanwhile."""
    while True:
        port = secrets.choice(range(20_000, 32_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
