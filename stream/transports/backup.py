"""A copy of an embedded log, made while others write to it, and put back.

SQLite's own online backup copies page by page. It would begin anew whenever another process writes; reading inside one
transaction, it copies the log as of its beginning, and writers go on.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from stream.transports.errors import LogBusy, LogCorrupt, LogError, LogMissing, LogReadOnly, check_folder, translated
from stream.transports.lock import WorkerLock
from stream.transports.logfile import open_file, recognised

PAGES = 2_048
"""Copied at once: 8 MB."""
MARGIN = 16 << 20
"""Bytes that are left free on a volume."""

Progress = Callable[[int, int], None]
"""Told how many bytes are done, and of how many."""


def back_up(log: Path, copy: Path, progress: Progress, *, force: bool = False) -> int:
    """Copies the log at `log` to `copy`, which is there whole or not at all; its size in bytes.

    Raises LogError; `force` replaces a file that is there.
    """
    check_folder(copy)
    if copy.exists() and log.exists() and copy.samefile(log):
        raise LogError(f"{copy}: this is the log itself. Name another file for its backup.")
    if copy.exists() and not force:
        raise LogError(f"{copy}: there is a file already. Name another one, or replace it with --force.")
    with _beside(copy) as part:
        with translated(log), closing(open_file(log, create=False, synchronous="FULL", busy_timeout_ms=10_000)) as db:
            pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            _check_space(copy, pages * size)
            db.execute("BEGIN")
            db.execute("SELECT count(*) FROM topics").fetchone()  # from here on the log stands still for us
            with translated(copy), closing(sqlite3.connect(part)) as there:
                db.backup(
                    there,
                    pages=PAGES,
                    progress=lambda _, left, total: progress((total - left) * size, total * size),
                    sleep=0,
                )
            db.execute("ROLLBACK")
        check_copy(part)
        _synced(part)
        part.replace(copy)
        _synced(copy.parent)
    return copy.stat().st_size


def restore(copy: Path, log: Path, progress: Progress, *, force: bool = False) -> int:
    """Puts a copy in the place of the log at `log`; its size in bytes.

    Raises WorkerRunning, and LogError; then the log is as it was. `force` replaces a log that is there.
    """
    check_folder(log)
    if not copy.is_file():
        raise LogMissing(f"{copy}: no such file. Name a backup that `tierline backup` has made.")
    check_copy(copy)
    with WorkerLock(log), WorkerLock(log, "alerts"), _beside(log) as part:
        if log.exists() and copy.samefile(log):
            raise LogError(f"{copy}: this is the log itself. Name a backup of it.")
        if log.exists() and not force:
            raise LogError(f"{log}: there is a log already. Back it up, then replace it with --force.")
        _copied(copy, part, progress)
        _synced(part)
        _ended(log)
        part.replace(log)
        _synced(log.parent)
    return log.stat().st_size


def check_copy(path: Path) -> None:
    """Reads the whole file. Raises LogError where it is no log of ours, too new, or damaged."""
    address = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
    with translated(path), closing(sqlite3.connect(address, uri=True)) as db:
        if not recognised(db, path):
            raise LogCorrupt(f"{path}: the file is empty. Name a backup that `tierline backup` has made.")
        found = db.execute("PRAGMA integrity_check(3)").fetchall()
        if found != [("ok",)]:
            raise LogCorrupt(f"{path}: the file is damaged: {found[0][0]}. Use another backup.")


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    """A file of a name of its own in the same folder, gone afterwards whatever happens."""
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    try:
        yield part
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


def _check_space(path: Path, size: int) -> None:
    free = shutil.disk_usage(path.parent).free
    if free < size + MARGIN:
        raise LogError(
            f"{path}: the volume has {free >> 20:,} MB left, and the log has {size >> 20:,} MB. Free space, or name a"
            " file elsewhere."
        )


def _copied(copy: Path, part: Path, progress: Progress) -> None:
    total, done = copy.stat().st_size, 0
    _check_space(part, total)
    try:
        with copy.open("rb") as source, part.open("wb") as target:
            while block := source.read(8 << 20):
                target.write(block)
                done += len(block)
                progress(done, total)
    except OSError as error:
        raise LogReadOnly(f"{part.parent}: {copy} cannot be copied there ({error.strerror}).") from error


def _ended(log: Path) -> None:
    """The log that is replaced has nothing beside it any more: a -wal of its own would be read into the new one."""
    if log.exists():
        try:
            with closing(sqlite3.connect(log, timeout=1, isolation_level=None)) as db:
                db.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode or 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise LogBusy(
                    f"{log}: another process has this log open, such as a `tierline send`. End it, then restore again."
                ) from error
        except sqlite3.Error:
            pass  # it is damaged: so it is replaced
    for suffix in ("-wal", "-shm", "-journal"):
        log.with_name(log.name + suffix).unlink(missing_ok=True)


def _synced(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
