"""Real worker processes: killed, stopped, and two at once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.transports.rig import EmbeddedRig, Rig, keyed

pytestmark = pytest.mark.timeout(120)

KEYS = 50


def worker(rig: Rig) -> subprocess.Popen[str]:
    """The example app as a process of its own."""
    app = [sys.executable, "-m", "tests.transports.example_app", rig.broker, rig.prefix]
    return subprocess.Popen(
        [*app, "worker", "-linfo", "--without-web"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip


@pytest.fixture
def counting(rig: Rig) -> Rig:
    """A rig with the topics of the example app."""
    for topic in ("in", "out"):
        rig.create(topic, 2)
    rig.create("example-counts-changelog", 2, compact=True)
    return rig


def send(rig: Rig, count: int = 0) -> int:
    """Records in equal numbers for each key, enough to be killed in the midst of them unless told; how many."""
    count = count or (20_000 if isinstance(rig, EmbeddedRig) else 8_000)
    rig.append([keyed("in", b"key-%d" % (n % KEYS)) for n in range(count)])
    return count


def settled(rig: Rig) -> int:
    """How many inputs the app has done with."""
    return sum(rig.position("example", "in", at) or 0 for at in (0, 1))


def wait(rig: Rig, count: int, *, seconds: float = 30.0) -> None:
    """Waits until so many inputs are done with."""
    deadline = time.monotonic() + seconds
    while settled(rig) < count:
        assert time.monotonic() < deadline, settled(rig)
        time.sleep(0.01)


@pytest.mark.slow
def test_kill_9_at_any_moment(counting: Rig) -> None:
    """However often the worker is killed, each record counts once and each effect is there once; no state is kept."""
    sent = 0
    for round_ in range(4):
        sent += send(counting)
        process = worker(counting)
        wait(counting, settled(counting) + 1)
        time.sleep(0.01 + 0.03 * round_)
        process.kill()
        process.communicate()
    process = worker(counting)
    try:
        wait(counting, sent)
        time.sleep(0.1)
    finally:
        process.terminate()
        process.communicate(timeout=20)
    outputs = [r for at in (0, 1) for r in counting.read("out", at)]
    assert Counter(r.key for r in outputs) == {b"key-%d" % n: sent // KEYS for n in range(KEYS)}
    assert sorted((r.key, int(r.value or b"")) for r in outputs) == sorted(
        (b"key-%d" % k, n + 1) for k in range(KEYS) for n in range(sent // KEYS)
    )
    assert settled(counting) == sent


def test_sigterm_stops_in_time(counting: Rig) -> None:
    """In the middle of work SIGTERM ends the worker within 10 s with status 0, and nothing is lost or doubled."""
    sent = sum(send(counting) for _ in range(3))
    process = worker(counting)
    wait(counting, 1)
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert time.monotonic() - began < 10
    assert process.returncode == 0, output
    for at in (0, 1):
        assert (counting.position("example", "in", at) or 0) == len(counting.read("out", at))
    again = worker(counting)
    wait(counting, sent)
    again.terminate()
    again.communicate(timeout=20)
    assert sum(len(counting.read("out", at)) for at in (0, 1)) == sent


def test_a_second_worker_is_told_who_runs(embedded: EmbeddedRig) -> None:
    """A second worker on one file ends with an error that names the first, which goes on. (Kafka has many.)"""
    first = worker(embedded)
    try:
        send(embedded, KEYS)
        wait(embedded, KEYS)
        second = worker(embedded)
        output, _ = second.communicate(timeout=30)
        assert second.returncode != 0
        assert f"another worker runs on this log: process {first.pid} on" in output
        send(embedded, KEYS)
        wait(embedded, 2 * KEYS)
    finally:
        first.terminate()
        first.communicate(timeout=20)
