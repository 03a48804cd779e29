"""`tierline send` among other processes: pipes that pause, two senders, imports that are killed or told to stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from schemas.times import format_time
from stream.holding import Holder
from stream.importing import IMPORT, Import
from stream.reading import open_imports
from stream.settings import Settings
from stream.topology import open_log
from stream.wire import read_mark
from tests.cli.both import both_logs
from tests.cli.running import signal_line, start, tierline


def until(what: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def sent(settings: Settings) -> list[bytes]:
    """The values of all signals, marks left out."""
    if settings.embedded and not settings.path.exists():
        return []
    with open_log(settings) as log:
        topic = settings.topic("signals")
        found = [one for part in range(settings.partitions) for one in log.read(topic, part, 0, 100_000)]
    return [one.value or b"" for one in found if read_mark(one.value) is None]


def marks(settings: Settings) -> list[list[str]]:
    """The kinds of mark in each partition, in order."""
    with open_log(settings) as log:
        parts = [log.read(settings.topic("signals"), part, 0, 100_000) for part in range(settings.partitions)]
    return [[mark.kind for one in part if (mark := read_mark(one.value))] for part in parts]


def importer(settings: Settings) -> Holder | None:
    with open_log(settings) as log:
        return log.holder(IMPORT)


def imports_open(settings: Settings) -> int:
    with open_log(settings) as log:
        return len(open_imports(log, settings))


@both_logs
def test_a_pipe_that_pauses_is_not_kept_waiting(settings: Settings) -> None:
    """What comes through a pipe is in the log within a moment, though the pipe stays open."""
    with start("send", "-") as process:
        assert process.stdin is not None
        for number in (1, 2):
            process.stdin.write(signal_line(number))
            process.stdin.flush()
            until(lambda number=number: len(sent(settings)) == number)  # type: ignore[misc]
        process.stdin.close()
        assert process.wait(10) == 0


@both_logs
def test_two_senders_at_once_lose_nothing(home: Path, settings: Settings) -> None:
    """Two processes send into a log that neither finds there; everything of both is in it, once."""
    for name, first in (("a", 0), ("b", 10_000)):
        numbers = range(first, first + 5_000)
        (home / f"{name}.jsonl").write_bytes(b"".join(signal_line(n, account=f"company{n % 50}.com") for n in numbers))
    senders = [start("send", f"{name}.jsonl") for name in "ab"]
    for sender in senders:
        out, err = sender.communicate(timeout=60)
        assert sender.returncode == 0, err
        assert b"Sent 5,000 signals" in out
    assert len({orjson.loads(value)["id"] for value in sent(settings)}) == len(sent(settings)) == 10_000


@both_logs
def test_an_import_is_bounded_by_marks_and_its_time_never_goes_back(home: Path, settings: Settings) -> None:
    """Every partition has the marks around the records, whose record times are those of the file, made to ascend."""
    times = ["2026-01-05", "2026-01-03", "2026-01-09"]
    content = [signal_line(i, account=f"c{i}.com", time=f"{day}T00:00:00Z") for i, day in enumerate(times)]
    content.append(signal_line(3, time="2026-01-01T00:00:00Z", recordedtime="2026-02-01T01:00:00+01:00"))
    (home / "in.jsonl").write_bytes(b"".join(content))
    assert tierline("send", "--import", "in.jsonl").code == 0
    recorded = {(event := orjson.loads(value))["id"]: event["recordedtime"] for value in sent(settings)}
    days = ("2026-01-05", "2026-01-05", "2026-01-09", "2026-02-01")
    assert recorded == {f"s-{number}": f"{day}T00:00:00Z" for number, day in enumerate(days)}
    assert marks(settings) == [["import_opened", "import_closed"]] * settings.partitions


def test_a_second_import_is_refused_while_one_runs(home: Path, settings: Settings) -> None:
    """Two imports at once would close each other's: the second says who runs the first, and sends nothing."""
    (home / "in.jsonl").write_bytes(signal_line(1))
    with open_log(settings) as log:
        opened = Import(log, settings)
        ran = tierline("send", "--import", "in.jsonl")
        assert ran.code == 1
        assert f"another import is running: process {os.getpid()} on" in ran.err
        live = tierline("send", "in.jsonl")
        assert live.code == 0
        assert "An import is running" in live.err
        opened.close()
    assert len(sent(settings)) == 1
    assert tierline("send", "--import", "in.jsonl").code == 0


@both_logs
def test_a_killed_import_is_closed_by_running_it_again(home: Path, settings: Settings) -> None:
    """After SIGKILL in the middle the import is open, `doctor` says so, and the same import again closes it."""
    (home / "profiles").mkdir()
    with start("send", "--import", "-") as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(signal_line(number) for number in range(5_000)))
        process.stdin.flush()
        until(lambda: len(sent(settings)) >= 4_096)
        process.kill()
        process.wait(10)
    assert imports_open(settings) == settings.partitions
    found = importer(settings)
    assert found is not None
    assert not found.alive
    doctor = tierline("doctor")
    assert doctor.code == 1
    assert "its sender is gone" in doctor.out
    live = tierline("send", "-", stdin=signal_line(9_000))
    assert "An import did not end" in live.err
    again = tierline("send", "--import", "-", stdin=b"".join(signal_line(number) for number in range(5_000)))
    assert again.code == 0
    assert "An earlier import did not end. This one takes its place" in again.err
    assert imports_open(settings) == 0
    assert importer(settings) is None
    assert {orjson.loads(value)["id"] for value in sent(settings)} >= {f"s-{number}" for number in range(5_000)}


def test_an_open_import_is_given_up_with_an_empty_one(home: Path, settings: Settings) -> None:
    """Importing nothing closes what a dead sender left open."""
    del home
    with start("send", "--import", "-") as process:
        until(lambda: settings.path.exists() and imports_open(settings) == settings.partitions)
        process.kill()
    assert tierline("send", "--import", "/dev/null").code == 0
    assert imports_open(settings) == 0


@both_logs
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stopped_import_is_closed(settings: Settings, number: int) -> None:
    """SIGTERM and Ctrl-C: what was read is in the log, the import is closed, and it is said how to go on."""
    with start("send", "--import", "-") as process:
        assert process.stdin is not None
        process.stdin.write(signal_line(1))
        process.stdin.flush()
        until(lambda: len(sent(settings)) == 1)
        process.send_signal(number)
        assert process.wait(10) == 1
        assert process.stderr is not None
        assert b"Stopped. Send the same input again" in process.stderr.read()
    assert imports_open(settings) == 0


def test_a_folder_that_cannot_be_written(settings: Settings) -> None:
    """In a read-only folder the error is one message that says what to allow, and the exit code 1."""
    del settings
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        path.chmod(0o555)
        # root may write everywhere, and this Python may be readable by root alone: change over once all is imported
        nobody = "os.geteuid() == 0 and os.setuid(65534)"
        program = f"import os, stream.cli.send, stream.cli.errors; from stream.cli.main import main; {nobody}; main()"
        ran = subprocess.run(
            [sys.executable, "-c", program, "send", "-"],
            input=signal_line(1),
            env={**os.environ, "TIERLINE_BROKER": f"sqlite:///{path}/log.db", "HOME": folder},
            capture_output=True,
            check=False,
            cwd=folder,
        )
        path.chmod(0o755)
    assert ran.returncode == 1, ran.stderr
    assert b"cannot be" in ran.stderr
    assert b"access" in ran.stderr
    assert b"Traceback" not in ran.stderr


def test_record_times_of_the_future_are_left_to_the_worker(home: Path, settings: Settings) -> None:
    """`send` judges form alone: whether a time lies ahead is decided where scores are made."""
    del home
    ahead = format_time(time.time_ns() // 1_000_000 + 3_600_000)
    assert tierline("send", "-", stdin=signal_line(1, time=ahead)).code == 0
    assert len(sent(settings)) == 1


def test_an_alias_of_the_future_is_not_followed(home: Path, settings: Settings) -> None:
    """A worker would refuse it, and what was sent after it lie with the wrong account for good: `send` refuses it."""
    del home
    alias = {"id": "a", "type": "tierline.signal.account_alias", "subject": "old.com", "data": {"canonical": "new.com"}}
    ahead = format_time(time.time_ns() // 1_000_000 + 3_600_000)
    lines = signal_line(1, **alias, time=ahead) + signal_line(2, subject="old.com")
    ran = tierline("send", "-", stdin=lines)
    assert ran.code == 1
    assert "standard input:1: time" in ran.err
    assert "ahead of the record time" in ran.err
    assert [orjson.loads(one)["subject"] for one in sent(settings)] == ["old.com"]


@pytest.mark.parametrize("how", [[], ["--import"]])
def test_a_full_disk_loses_nothing_accepted(settings: Settings, how: list[str]) -> None:
    """Where the disk ends, the error says how much is in the log; all of that is there, and the rest can follow."""
    content = b"".join(signal_line(number) for number in range(20_000))
    limit = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({2 << 20}, {2 << 20}))"
    program = f"{limit}; from stream.cli.main import main; main()"
    ran = subprocess.run(
        [sys.executable, "-c", program, "send", *how, "-"], input=content, capture_output=True, check=False
    )
    assert ran.returncode == 1
    assert b"Traceback" not in ran.stderr
    count = int(re.search(rb"([\d,]+) signals of this input are in the log", ran.stderr)[1].replace(b",", b""))  # type: ignore[index]
    assert 0 < count < 20_000
    assert len(sent(settings)) == count
    assert tierline("send", *how, "-", stdin=content).code == 0
    assert len({orjson.loads(value)["id"] for value in sent(settings)}) == 20_000
    assert imports_open(settings) == 0
