"""What can go wrong with a log: each error says what happened, where, and what to do."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class LogError(Exception):
    """The log could not do what it was asked; nothing it had accepted is lost."""


class LogMissing(LogError):
    """The folder or the file is not there."""


class NotALog(LogError):
    """The file exists and is something else than a Tierline log."""


class OtherTimes(LogError):
    """Records that were to keep their times were given others."""


class LogCorrupt(LogError):
    """The file is damaged."""


class LogTooNew(LogError):
    """The file was written by a newer release."""


class LogReadOnly(LogError):
    """The file or its folder cannot be written."""


class LogFull(LogError):
    """The disk, a quota or a file size limit is full. What was being appended was not accepted."""


class LogBusy(LogError):
    """Another process has held the write lock for longer than the busy timeout."""


class LogClosed(LogError):
    """The log was closed."""


class UnknownTopic(LogError):
    """No such topic or partition."""


class TopicMismatch(LogError):
    """A topic exists with another shape than the one asked for."""


class StalePosition(LogError):
    """A batch was committed that is not the group's next: somebody else has been there. Nothing was written."""


class RowsInUse(LogError):
    """Another process keeps its rows in that directory."""


class WorkerRunning(LogError):
    """Another worker runs on this log."""


class LogUnreachable(LogError):
    """No Kafka broker answers, or none in time."""


class LogRefused(LogError):
    """Kafka knows neither this user nor this password, or does not allow what was asked."""


class LogInsecure(LogError):
    """TLS with Kafka fails: a certificate is not trusted, does not fit, or cannot be read."""


class LogUnavailable(LogError):
    """Kafka answers, but cannot serve this partition now: too few copies of it, or no leader."""


class RecordTooLarge(LogError):
    """A record is larger than its topic takes."""


class Held(LogError):
    """Another process is at what one at a time may do."""


class Fenced(LogError):
    """Another process has taken this one's place. Nothing more of this one gets into the log."""


def explained(error: sqlite3.Error, path: Path) -> LogError:
    """The LogError that says what `error` means to a user of the log at `path`."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return LogFull(
            f"{path}: the disk is full. The records being appended were not accepted; those accepted before are safe."
            " Free space on this volume, then send them again."
        )
    if code == sqlite3.SQLITE_IOERR:
        return LogFull(
            f"{path}: the file could not be written or read ({error}). The records being appended were not accepted."
            " Look for a full disk, a quota, a file size limit or a failing volume."
        )
    if code == sqlite3.SQLITE_READONLY or "readonly" in str(error):
        return LogReadOnly(f"{path}: cannot be written. Give this user write access to the file and to its folder.")
    if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return LogReadOnly(
            f"{path}: cannot be opened. Give this user read and write access to the file and to its folder."
        )
    if code == sqlite3.SQLITE_NOTADB:
        return NotALog(f"{path}: not a Tierline log (not an SQLite file). Name another file, or move this one away.")
    if code == sqlite3.SQLITE_CORRUPT:
        return LogCorrupt(
            f"{path}: the file is damaged ({error}). Keep a copy of it with its -wal and -shm files, then restore a"
            " backup, or save what can be read with `sqlite3 FILE .recover`."
        )
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return LogBusy(
            f"{path}: another process has held the write lock for too long. Nothing was written; try again, and look"
            " for a stopped process that has this file open."
        )
    if isinstance(error, sqlite3.ProgrammingError) and "closed" in str(error):
        return LogClosed(f"{path}: the log was closed.")
    return LogError(f"{path}: {type(error).__name__}: {error}.")


def check_folder(path: Path) -> None:
    """Raises LogMissing if the folder of the log at `path` is not there, LogReadOnly if it cannot be entered."""
    try:
        found = stat.S_ISDIR(path.parent.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        found = False
    except OSError as error:
        raise LogReadOnly(
            f"{path}: the folder cannot be entered ({error.strerror}). Give this user access to {path.parent}."
        ) from error
    if not found:
        raise LogMissing(f"{path}: the folder {path.parent} does not exist. Create it, or name another file.")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turns every sqlite3 error inside into the LogError that explains it."""
    try:
        yield
    except sqlite3.Error as error:
        raise explained(error, path) from error
