"""What goes wrong with a file is said clearly, and what was accepted stays."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from stream.transports.errors import (
    LogBusy,
    LogClosed,
    LogCorrupt,
    LogError,
    LogFull,
    LogMissing,
    LogReadOnly,
    LogTooNew,
    NotALog,
    WorkerRunning,
)
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append

NOBODY = 65534


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user whom file permissions stop."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def made(path: Path, records: int = 0) -> Path:
    """A log with one topic and some records."""
    with EmbeddedLog(path) as log:
        log.create_topic("a", 1)
        log.append([Append("a", 0, b"k", b"x" * 500) for _ in range(records)])
    return path


def test_missing_folder_and_file(tmp_path: Path) -> None:
    """A missing folder is named; without `create` so is a missing file, which is not made."""
    with pytest.raises(LogMissing, match="nowhere does not exist"):
        EmbeddedLog(tmp_path / "nowhere" / "log.db")
    with pytest.raises(LogMissing, match="no such log"):
        EmbeddedLog(tmp_path / "log.db", create=False)
    assert not (tmp_path / "log.db").exists()


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    """A text file, and the SQLite file of another program, are refused and not touched."""
    text = tmp_path / "notes.txt"
    text.write_text("dear diary, " * 500)
    with pytest.raises(NotALog, match="not a Tierline log"):
        EmbeddedLog(text)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE mine (a)")
    before = other.read_bytes()
    with pytest.raises(NotALog, match="not a Tierline log"):
        EmbeddedLog(other)
    assert other.read_bytes() == before
    assert text.read_text() == "dear diary, " * 500


def test_a_folder_is_not_a_log(tmp_path: Path) -> None:
    """Naming a folder is an error of its kind, not a stack trace."""
    with pytest.raises(LogError):
        EmbeddedLog(tmp_path)


def test_newer_format(tmp_path: Path) -> None:
    """A file from a newer release is refused, not touched, and the error says what to do."""
    path = made(tmp_path / "log.db")
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(LogTooNew, match=r"newer release \(format 99.*Upgrade"):
        EmbeddedLog(path)


def test_damaged_file(tmp_path: Path) -> None:
    """Overwritten pages are called damage, with the way out."""
    path = made(tmp_path / "log.db", 2_000)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(size - 4096))
    with pytest.raises(LogCorrupt, match=r"damaged.*backup"), EmbeddedLog(path) as log:
        log.read("a", 0, 0, 10_000)


def test_read_only() -> None:
    """A folder or file that cannot be written, or not even entered, says so, to openers and to workers."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        path = made(folder / "log.db")
        path.chmod(0o444)
        folder.chmod(0o555)
        with unprivileged():
            with pytest.raises(LogReadOnly, match="write access"), EmbeddedLog(path) as log:
                log.append([Append("a", 0, b"k", b"v")])
            with pytest.raises(LogReadOnly, match="write access"):
                EmbeddedLog(folder / "new.db")
            with pytest.raises(LogReadOnly, match="write access"):
                WorkerLock(path)
        folder.chmod(0o000)
        with unprivileged(), pytest.raises(LogReadOnly, match="Give this user"):
            EmbeddedLog(path)
        folder.chmod(0o755)


def test_full_disk(tmp_path: Path) -> None:
    """A full disk refuses the append whole, keeps what was accepted, and heals when there is room."""
    with EmbeddedLog(tmp_path / "log.db") as log:
        log.create_topic("a", 1)
        with log.reading() as db:
            db.execute("PRAGMA max_page_count = 100")
        accepted = 0
        with pytest.raises(LogFull, match=r"disk is full.*accepted before are safe"):  # noqa: PT012  any may fail
            for _ in range(10_000):
                accepted += len(log.append([Append("a", 0, b"k", b"x" * 1_000) for _ in range(10)]))
        assert accepted
        assert log.end("a", 0) == len(log.read("a", 0, 0, 10_000)) == accepted
        with log.reading() as db:
            db.execute("PRAGMA max_page_count = 100000")
        assert log.append([Append("a", 0, b"k", b"v")]) == [accepted]


LIMITED = """
import resource, signal, sys
from stream.transports.log import EmbeddedLog
from stream.transports.errors import LogFull
from stream.transports.records import Append
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = EmbeddedLog(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
accepted = 0
try:
    while True:
        accepted += len(log.append([Append("a", 0, b"k", b"x" * 1_000) for _ in range(50)]))
except LogFull as error:
    print(accepted, str(error).split(": ")[1][:30])
"""


def test_file_size_limit(tmp_path: Path) -> None:
    """A quota hit in the middle of a write loses nothing accepted, and the file opens afterwards."""
    path = made(tmp_path / "log.db")
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    accepted = int(done.stdout.split()[0])
    with EmbeddedLog(path) as log:
        assert accepted
        assert log.end("a", 0) == len(log.read("a", 0, 0, 1_000_000)) >= accepted


def test_a_held_write_lock(tmp_path: Path) -> None:
    """A process that holds the lock for too long is reported; nothing is written."""
    path = made(tmp_path / "log.db")
    with EmbeddedLog(path) as one, EmbeddedLog(path, busy_timeout_ms=50) as two, one.writing():
        with pytest.raises(LogBusy, match="held the write lock"):
            two.append([Append("a", 0, b"k", b"v")])
        assert two.end("a", 0) == 0


def test_closed(log: EmbeddedLog) -> None:
    """A closed log says that it is closed."""
    log.create_topic("a", 1)
    log.close()
    log.close()
    with pytest.raises(LogClosed):
        log.append([Append("a", 0, b"k", b"v")])


APPENDER = """
import sys
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append
log = EmbeddedLog(sys.argv[1])
while True:
    offsets = log.append([Append("a", n % 3, b"k", b"x" * 300) for n in range(30)])
    print(offsets[-1], flush=True)
"""


@pytest.mark.timeout(120)
def test_kill_in_the_middle_of_appends(tmp_path: Path) -> None:
    """After kill -9 the file opens, everything acknowledged is there, and no transaction is there in part."""
    path = tmp_path / "log.db"
    with EmbeddedLog(path) as log:
        log.create_topic("a", 3)
    acknowledged = -1
    for round_ in range(5):
        process = subprocess.Popen([sys.executable, "-c", APPENDER, str(path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout
        acknowledged = int(process.stdout.readline())
        time.sleep(0.05 + 0.037 * round_)
        process.send_signal(signal.SIGKILL)
        for line in process.stdout.read().splitlines(keepends=True):
            if line.endswith("\n"):
                acknowledged = int(line)
        process.wait()
        with EmbeddedLog(path) as log:
            ends = {log.end("a", at) for at in range(3)}
            assert len(ends) == 1
            end = ends.pop()
            assert end > acknowledged
            assert end % 10 == 0
            for at in range(3):
                assert [r.offset for r in log.read("a", at, 0, 1_000_000)] == list(range(end))
            with log.reading() as db:
                assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.timeout(120)
def test_many_processes_append_at_once(tmp_path: Path) -> None:
    """Appends of several processes interleave by the transaction, and each offset is given once."""
    path = made(tmp_path / "log.db")
    code = (
        "import sys; from stream.transports.log import *; log = EmbeddedLog(sys.argv[1])\n"
        "for n in range(50): log.append([Append('a', 0, sys.argv[2].encode(), b'%d' % n)] * 3)"
    )
    processes = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    with EmbeddedLog(path) as log:
        records = log.read("a", 0, 0, 10_000)
        assert [r.offset for r in records] == list(range(600))
        for key in (b"0", b"1", b"2", b"3"):
            assert [r.value for r in records if r.key == key] == [b"%d" % n for n in range(50) for _ in range(3)]


def test_one_worker_a_file(tmp_path: Path) -> None:
    """The second holder is told who the first is; a released or dead holder does not count."""
    path = made(tmp_path / "log.db")
    with WorkerLock(path):
        with pytest.raises(WorkerRunning, match=rf"process {os.getpid()} on .*, since \d{{4}}-"):
            WorkerLock(path)
        with EmbeddedLog(path) as log:
            log.append([Append("a", 0, b"k", b"v")])  # senders need no lock
    WorkerLock(path).release()
    code = (
        "import sys, time; from stream.transports.lock import WorkerLock; held = WorkerLock(sys.argv[1]);"
        "print(1, flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert process.stdout
    process.stdout.readline()
    with pytest.raises(WorkerRunning, match=f"process {process.pid} "):
        WorkerLock(path)
    process.kill()
    process.wait()
    WorkerLock(path).release()
