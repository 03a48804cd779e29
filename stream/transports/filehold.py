"""What one process at a time does on an embedded log, such as an import: a lock on a file beside it, which names it.

The file is empty whenever nobody is at it; whoever dies leaves the name in it, until the next one is through.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stream.holding import named_in
from stream.transports.errors import Held, LogReadOnly
from stream.transports.records import Append

if TYPE_CHECKING:
    from stream.transports.log import EmbeddedLog


def hold_path(log: Path, name: str) -> Path:
    """The file that says who is at ``name`` on the log at ``log``."""
    return log.with_name(f"{log.name}.{name}")


class FileHold:
    """See `Hold`."""

    def __init__(self, log: EmbeddedLog, name: str, first: Sequence[Append]) -> None:
        self._log = log
        self._file = _locked(log.path, name)
        try:
            self._file.seek(0)
            self.takes_over = bool(self._file.read(1))
            self._name_self()
            log.append(first)
        except BaseException:
            self._file.close()
            raise

    def append(self, records: Sequence[Append]) -> list[int]:
        """See `Hold.append`."""
        return self._log.append(records)

    def release(self, last: Sequence[Append]) -> None:
        """See `Hold.release`."""
        if self._file.closed:
            return
        try:
            self._log.append(last)
            self._file.truncate(0)
        finally:
            self._file.close()

    def abandon(self) -> None:
        """See `Hold.abandon`."""
        self._file.close()

    def _name_self(self) -> None:
        self._file.truncate(0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": since}, self._file)
        self._file.flush()


def _locked(log: Path, name: str) -> IO[str]:
    path = hold_path(log, name)
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
        found = named_in(path)
        who = str(found) if found else "a process that has only just started"
        raise Held(
            f"{log}: another {name} is running: {who}. Wait for it to end: two at once would close each other's."
        ) from None
    return file
