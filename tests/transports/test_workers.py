"""Real worker processes: killed, stopped, and two at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from stream.transports.embedded import broker_url
from stream.transports.log import EmbeddedLog
from tests.transports.rig import keyed

pytestmark = pytest.mark.timeout(120)

KEYS = 50


def worker(path: Path) -> subprocess.Popen[str]:
    """The example app as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.transports.example_app", broker_url(path), "worker", "-linfo", "--without-web"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


def wait(log: EmbeddedLog, count: int, *, seconds: float = 30.0) -> None:
    """Waits until so many outputs are there."""
    deadline = time.monotonic() + seconds
    while sum(log.end("out", at) for at in (0, 1)) < count:
        assert time.monotonic() < deadline, [log.end("out", at) for at in (0, 1)]
        time.sleep(0.01)


def test_kill_9_at_any_moment(log: EmbeddedLog) -> None:
    """However often the worker is killed, each record counts once and each effect is there once; no state is kept."""
    log.create_topic("in", 2)
    log.create_topic("out", 2)
    sent = 0
    for round_ in range(4):
        log.append([keyed("in", b"key-%d" % (n % KEYS)) for n in range(20_000)])
        sent += 20_000
        process = worker(log.path)
        wait(log, log.end("out", 0) + log.end("out", 1) + 1)
        time.sleep(0.01 + 0.03 * round_)
        process.kill()
        process.communicate()
    process = worker(log.path)
    try:
        wait(log, sent)
        time.sleep(0.1)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    outputs = [r for at in (0, 1) for r in log.read("out", at, 0, 1_000_000)]
    assert Counter(r.key for r in outputs) == {b"key-%d" % n: sent // KEYS for n in range(KEYS)}
    assert sorted((r.key, int(r.value or b"")) for r in outputs) == sorted(
        (b"key-%d" % k, n + 1) for k in range(KEYS) for n in range(sent // KEYS)
    )
    assert {log.position("example", "in", at) for at in (0, 1)} == {log.end("in", at) for at in (0, 1)}


def test_sigterm_stops_in_time(log: EmbeddedLog) -> None:
    """In the middle of work SIGTERM ends the worker within 10 s with status 0, and nothing is lost or doubled."""
    log.create_topic("in", 2)
    log.create_topic("out", 2)
    for _ in range(5):
        log.append([keyed("in", b"key-%d" % (n % KEYS)) for n in range(20_000)])
    process = worker(log.path)
    wait(log, 1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert process.returncode == 0, output
    for at in (0, 1):
        assert log.position("example", "in", at) == log.end("out", at)
    again = worker(log.path)
    wait(log, 100_000)
    again.terminate()
    again.communicate(timeout=20)
    assert log.end("out", 0) + log.end("out", 1) == 100_000


def test_a_second_worker_is_told_who_runs(log: EmbeddedLog) -> None:
    """A second worker on the file ends with an error that names the first, which goes on."""
    log.create_topic("in", 2)
    log.create_topic("out", 2)
    first = worker(log.path)
    try:
        log.append([keyed("in", b"a")])
        wait(log, 1)
        second = worker(log.path)
        output, _ = second.communicate(timeout=30)
        assert second.returncode != 0
        assert f"another worker runs on this log: process {first.pid} on" in output
        log.append([keyed("in", b"a")])
        wait(log, 2)
    finally:
        first.terminate()
        first.communicate(timeout=20)
