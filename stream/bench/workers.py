"""Workers as processes of their own, as an operator runs them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from stream.bench.outputs import TooSlow
from stream.bench.usage import cpu_seconds, peak_bytes
from stream.settings import SECRETS, Settings

RUN = (sys.executable, "-c", "from stream.cli.main import main; main()", "run")
STOP_SECONDS = 30
RUNNING = "running on "
"""What a worker says once it does."""
_HAS = re.compile(r"has (all|(\d+) of \d+) partitions")
_LENGTHS = ("horizon", "scores_every", "kafka_session")


class Ended(RuntimeError):
    """A worker ended by itself; the message has the end of what it said."""


class Process:
    """A running worker and what it says."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self.output = output
        self.pid = process.pid

    def check(self) -> None:
        """Raises Ended where it has ended."""
        if self._process.poll() is not None:
            said = self.output.read_text("utf-8", "replace")[-3000:]
            raise Ended(f"a worker ended with {self._process.returncode}:\n{said}")

    @property
    def cpu(self) -> float:
        """Processor seconds so far."""
        return cpu_seconds(self.pid) or 0.0

    @property
    def peak(self) -> int:
        """Bytes of memory at most."""
        return peak_bytes(self.pid) or 0

    def wait_until_running(self, seconds: float = 60) -> None:
        """Until a worker of ours says so: its profiles are in force. Raises TooSlow, Ended."""
        until = time.monotonic() + seconds
        while RUNNING not in self.output.read_text("utf-8", "replace"):
            self.check()
            if time.monotonic() > until:
                raise TooSlow(f"after {seconds:g} s a worker was not running")
            time.sleep(0.1)

    def wait_for_partitions(self, at_most: int, seconds: float = 60) -> None:
        """Until it says that it has some partitions, and no more than that. Raises TooSlow, Ended."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.check()
            found = _HAS.findall(self.output.read_text("utf-8", "replace"))
            if found and found[-1][1] and 0 < int(found[-1][1]) <= at_most:
                return
            time.sleep(0.1)
        raise TooSlow(f"after {seconds:g} s a worker did not have its share of the partitions")

    def stop(self) -> None:
        """SIGTERM; killed where that takes too long."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, count: int = 1
) -> Iterator[list[Process]]:
    """So many processes of one command, stopped at the end."""
    found: list[Process] = []
    try:
        for number in range(count):
            output = folder / f"worker-{number}.txt"
            with output.open("wb") as said:
                process = subprocess.Popen(  # noqa: S603  (our own arguments)
                    list(command), env=dict(environment), stdout=said, stderr=subprocess.STDOUT, cwd=folder
                )
            found.append(Process(process, output))
        yield found
    finally:
        for one in found:
            one.stop()


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment of a worker on these settings, and on none of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
    said = settings.model_dump(exclude_unset=True, exclude_none=True)
    said |= {name: f"{said[name]}ms" for name in _LENGTHS if name in said}
    said |= {name: said[name].get_secret_value() for name in SECRETS if name in said}
    said |= {name: value.absolute() for name, value in said.items() if isinstance(value, Path)}  # it runs elsewhere
    return clean | {f"TIERLINE_{name.upper()}": str(value) for name, value in said.items()}
