"""One import at a time on Kafka, from whichever machine: refused, taken over, fenced."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from stream.importing import IMPORT, Import
from stream.reading import open_imports
from stream.settings import Settings
from stream.transports.errors import Fenced, Held
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append
from stream.wire import read_mark
from tests.kafka.cluster import Cluster
from tests.kafka.places import kafka_log, made, settings_on

HOLDS = """
import sys, time
from stream.importing import Import
from stream.settings import load_settings
from stream.topology import open_log
from stream.transports.records import Append
settings = load_settings({}, broker=sys.argv[1], topic_prefix=sys.argv[2], partitions=2)
with open_log(settings) as log:
    opened = Import(log, settings)
    print("open", flush=True)
    for number, line in enumerate(sys.stdin):
        opened.append([Append(settings.topic("signals"), 0, b"acme.com", line.strip().encode())])
        print("sent", flush=True)
"""


@pytest.fixture
def settings(kafka_cluster: Cluster, topic_prefix: str) -> Settings:
    return made(settings_on(kafka_cluster, topic_prefix))


@pytest.fixture
def log(settings: Settings) -> Iterator[KafkaLog]:
    with kafka_log(settings) as opened:
        yield opened


@pytest.fixture
def importer(settings: Settings) -> Iterator[subprocess.Popen[str]]:
    """Another process, whose import is open and appends each line that it is given."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, settings.broker, settings.topic_prefix],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "open\n"
        yield process
        process.kill()


def values(log: KafkaLog, settings: Settings) -> list[bytes]:
    """What is in partition 0, marks by their kind."""
    found = []
    for one in log.read(settings.topic("signals"), 0, 0, 100):
        mark = read_mark(one.value) if one.key is None else None
        found.append(mark.kind.encode() if mark else one.value or b"")
    return found


def test_an_import_is_marked_and_named(log: KafkaLog, settings: Settings) -> None:
    """While it is open it is known who imports; a second one is refused; once closed, nobody does, and the next may."""
    opened = Import(log, settings)
    assert not opened.takes_over
    opened.append([Append(settings.topic("signals"), 0, b"acme.com", b"one")])
    found = log.holder(IMPORT)
    assert found is not None
    assert found.alive
    with kafka_log(settings) as other:
        with pytest.raises(Held, match=r"another import is running: process \d+ on"):
            Import(other, settings)
        opened.append([Append(settings.topic("signals"), 0, b"acme.com", b"two")])
        opened.close()
        opened.close()
        assert log.holder(IMPORT) is None
        Import(other, settings).close()
    assert values(log, settings) == [
        b"import_opened", b"one", b"two", b"import_closed", b"import_opened", b"import_closed",
    ]  # fmt: skip
    assert open_imports(log, settings) == {}


def test_who_was_killed_is_succeeded(importer: subprocess.Popen[str], log: KafkaLog, settings: Settings) -> None:
    """After kill -9 the next import takes its place at once on the same machine, and closes what it left open."""
    importer.kill()
    importer.wait()
    found = log.holder(IMPORT)
    assert found is not None
    assert (found.pid, found.alive) == (importer.pid, False)
    assert set(open_imports(log, settings)) == {0, 1}
    with kafka_log(settings) as other:
        opened = Import(other, settings)
        assert opened.takes_over
        opened.close()
    assert open_imports(log, settings) == {}


@pytest.mark.slow
def test_who_was_held_up_is_fenced(importer: subprocess.Popen[str], log: KafkaLog, settings: Settings) -> None:
    """One that was stopped for long has lost its place; when it wakes up, nothing more of it gets into the log."""
    assert importer.stdin is not None
    assert importer.stdout is not None
    importer.stdin.write("before\n")
    importer.stdin.flush()
    assert importer.stdout.readline() == "sent\n"
    importer.send_signal(signal.SIGSTOP)
    with pytest.raises(Held):
        Import(log, settings)
    until = time.monotonic() + 30
    while (found := log.holder(IMPORT)) is not None and found.alive:
        assert time.monotonic() < until
        time.sleep(0.2)
    opened = Import(log, settings)
    assert opened.takes_over
    importer.send_signal(signal.SIGCONT)
    _, told = importer.communicate("zombie\n", timeout=60)
    assert importer.returncode == 1
    assert "another import has taken this one's place" in told
    opened.append([Append(settings.topic("signals"), 0, b"acme.com", b"after")])
    opened.close()
    assert values(log, settings) == [b"import_opened", b"before", b"import_opened", b"after", b"import_closed"]


def test_of_many_at_once_one_wins(log: KafkaLog, settings: Settings) -> None:
    """Four that begin together: the log has the marks of those that got in, each whole, and in the end none is open."""
    ended: list[str] = []

    def run() -> None:
        with kafka_log(settings) as own:
            try:
                opened = Import(own, settings)
                opened.append([Append(settings.topic("signals"), 0, b"acme.com", b"x")])
                opened.close()
                ended.append("closed")
            except (Held, Fenced) as error:
                ended.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(ended) == 4
    assert "closed" in ended
    Import(log, settings).close()
    assert open_imports(log, settings) == {}
