"""`make kafka`: a broker for a person."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ops.kafka.__main__ import STOPPED
from ops.kafka.ports import Port
from tests.cli.running import hear_ctrl_c
from tests.kafka.cluster import needed
from tests.kafka.test_cluster import ROOT

SAID = "  export TIERLINE_BROKER=kafka://"


@pytest.mark.slow
def test_it_tells_how_to_use_it_and_ctrl_c_stops_it(tmp_path: Path) -> None:
    """The line to type is printed; Ctrl-C ends the broker; a second start goes on with the same data, elsewhere."""
    needed()
    wanted = Port()
    wanted.close()
    with kafka(tmp_path, wanted.number) as (process, address):
        assert address == f"127.0.0.1:{wanted.number}"
        second = subprocess.run(command(tmp_path, 0), cwd=ROOT, capture_output=True, text=True, check=False)
        assert (second.returncode, second.stderr.startswith("A Kafka runs already on")) == (1, True)
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert STOPPED in process.stdout.read()
        assert process.wait(30) == 0
    with socket.create_server(("127.0.0.1", 0)) as taken, kafka(tmp_path, taken.getsockname()[1]) as (process, address):
        assert address != f"127.0.0.1:{taken.getsockname()[1]}"
        process.terminate()
        assert process.wait(30) == 0
    log = (tmp_path / "broker-1" / "log.txt").read_text()
    assert log.count("on Controller 1] shut down completely") == 2  # in order, both times


@contextmanager
def kafka(data: Path, port: int) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, once it has said where the broker is."""
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "text": True, "preexec_fn": hear_ctrl_c}
    with subprocess.Popen(command(data, port), cwd=ROOT, **pipes) as process:
        try:
            assert process.stdout
            address = next(line for line in process.stdout if line.startswith(SAID)).removeprefix(SAID).strip()
            yield process, address
        finally:
            process.kill()  # if a promise was broken: it has ended otherwise


def command(data: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "ops.kafka", "--data", str(data), "--port", str(port)]
