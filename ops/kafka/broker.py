"""One broker (and controller) as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import guard
from .jars import HERE, HOW, JAVA_AT_LEAST, Missing, jars, java
from .settings import text

HEAP = ("-Xms64m", "-Xmx512m")
# The quickest compiler and the smallest collector: brokers of tests live for seconds or minutes.
JVM = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError")
STARTED = "Kafka Server started"
STOP_SECONDS = 20


class Failed(RuntimeError):
    """A broker that did not start; the message holds the end of its log."""


class Broker:
    """A broker with its folder: settings, data and log. It may be started and ended any number of times."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self.data = folder / "data"
        self.log = folder / "log.txt"
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._said = 0  # how long the log was when it was started last

    @property
    def pid(self) -> int | None:
        """The process id, while it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def write(self, properties: Mapping[str, str]) -> None:
        """The settings of the next start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._properties.touch(mode=0o600)  # passwords of tests, and perhaps of persons
        self._properties.write_text(text({**properties, "log.dirs": str(self.data)}))

    def format(self, cluster: str, options: Sequence[str] = ()) -> None:
        """Make the data folder ready, unless it is already. Raises `Failed`, `Missing`."""
        if (self.data / "meta.properties").exists():
            return
        command = [*_java(self.folder), "kafka.tools.StorageTool", "format", "--cluster-id", cluster]
        done = subprocess.run(  # noqa: S603  our own arguments
            [*command, "--config", str(self._properties), *options], capture_output=True, text=True, check=False
        )
        said = (done.stdout + done.stderr).strip()[-2000:]
        if "UnsupportedClassVersionError" in said:
            raise Missing(f"{java()} is older than Java {JAVA_AT_LEAST}, which Kafka needs: {HOW}")
        if done.returncode:
            raise Failed(f"Kafka could not format {self.data}:\n{said}")

    def start(self, owner: int | None = None) -> None:
        """Begin; it ends with process `owner` (this one), however that ends."""
        assert self.pid is None, f"broker {self.number} runs already"
        with self.log.open("ab") as log:
            self._said = log.tell()
            self._process = subprocess.Popen(  # noqa: S603  our own arguments
                [*_java(self.folder), "kafka.Kafka", str(self._properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; we stop it in order
            )
        self._guard = subprocess.Popen(  # noqa: S603  our own arguments
            [sys.executable, "-I", "-S", guard.__file__, str(owner or os.getpid()), str(self._process.pid)],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )

    def wait(self, deadline: float) -> None:
        """Until it says that it has started, at most to `deadline` (monotonic seconds). Raises `Failed`."""
        while STARTED not in self.said():
            if self.pid is None:
                raise Failed(f"broker {self.number} ended before it had started:\n{self.said()[-4000:]}")
            if time.monotonic() > deadline:
                raise Failed(f"broker {self.number} did not start in time:\n{self.said()[-4000:]}")
            time.sleep(0.05)

    def said(self) -> str:
        """What it has logged since it was started last."""
        with self.log.open("rb") as log:
            log.seek(self._said)
            return log.read().decode(errors="replace")

    def stop(self) -> None:
        """In order, as SIGTERM does; killed if it takes longer than 20 s. Nothing if it does not run."""
        self.end()
        self.gone()

    def end(self) -> None:
        """Ask it to stop, and do not wait."""
        self.signal(signal.SIGTERM)

    def gone(self) -> None:
        """Wait until it has stopped; killed if that takes longer than 20 s."""
        if self._process is None:
            return
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        self._reap()

    def kill(self) -> None:
        """As a crash: SIGKILL, no word to anyone. Its data folder stays."""
        self.signal(signal.SIGKILL)
        self._reap()

    def _reap(self) -> None:
        """Both have ended, or are about to."""
        for process in (self._process, self._guard):
            if process is not None:
                process.wait()

    def signal(self, number: signal.Signals) -> None:
        """Any signal, for instance SIGSTOP and SIGCONT."""
        if self._process is not None:
            self._process.send_signal(number)


def _java(folder: Path) -> list[str]:
    path = os.pathsep.join(map(str, jars()))
    logging = f"-Dlog4j2.configurationFile={HERE / 'log4j2.properties'}"
    return [java(), *HEAP, *JVM, f"-XX:ErrorFile={folder}/hs_err.log", logging, "-cp", path]
