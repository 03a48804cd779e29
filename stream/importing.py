"""An import of history: its marks in the log, and the lock that keeps two imports from ending each other.

While an import is open the worker takes record times from the records. Were a second import to close the first one's,
the rest of that history would count as of today: so one import a log at a time, held by a file beside it. The file is
empty whenever no import is open; a sender that dies leaves its name in it, until the next import closes what it left.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from stream.holding import Holder, named_in
from stream.settings import Settings
from stream.transports.errors import LogError, LogReadOnly
from stream.transports.records import Append
from stream.transports.seam import Log
from stream.wire import MarkKind, base36, encode_mark


class ImportRunning(LogError):
    """Another import runs on this log."""


def lock_path(log: Path) -> Path:
    """The file that says who imports into the log at ``log``."""
    return log.with_name(log.name + ".import")


def importer(log: Path) -> Holder | None:
    """Who is importing into the log at ``log``, or died doing so; ``None`` where no import is open."""
    return named_in(lock_path(log))


class Import:
    """An open import. ``close`` it, also after an error: else the log waits for one that does."""

    def __init__(self, log: Log, settings: Settings) -> None:
        """Takes the lock and appends an open mark to every partition. Raises ImportRunning, or a LogError."""
        self._log, self._settings = log, settings
        self._file = _locked(settings.path)
        started = log.clock()
        self.id = f"import/{base36(started)}/{base36(os.getpid())}"
        self.takes_over = self._named()
        self._name_self()
        self._mark("import_opened")

    def close(self) -> None:
        """Appends a close mark to every partition and frees the lock; calling it again does nothing."""
        if self._file.closed:
            return
        try:
            self._mark("import_closed")
            self._file.truncate(0)
        finally:
            self._file.close()

    def _mark(self, kind: MarkKind) -> None:
        topic = self._settings.topic("signals")
        source, now, id_ = self._settings.source, self._log.clock(), f"{self.id}/{kind}"
        self._log.append(
            [
                Append(topic, partition, None, encode_mark(kind, {"import": self.id}, source=source, time=now, id_=id_))
                for partition in range(self._log.partitions(topic))
            ]
        )

    def _named(self) -> bool:
        self._file.seek(0)
        return bool(self._file.read(1))

    def _name_self(self) -> None:
        self._file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, self._file)
        self._file.flush()


def _locked(log: Path) -> IO[str]:
    path = lock_path(log)
    try:
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise LogReadOnly(
            f"{path}: cannot be written ({error.strerror}). Give this user write access to the folder."
        ) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        found = importer(log)
        who = str(found) if found else "a process that has only just started"
        raise ImportRunning(
            f"{log}: another import is running: {who}. Wait for it to end: two at once would close each other's."
        ) from None
    return file
