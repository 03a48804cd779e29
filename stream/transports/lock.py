"""One worker a log: an advisory lock on a file beside it, which says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from stream.transports.errors import LogReadOnly, WorkerRunning, check_folder


class WorkerLock:
    """Held by the one worker that runs on the log at `path`. The system frees it when the process ends, however."""

    def __init__(self, path: str | Path, app: str = "") -> None:
        """Takes the lock of an app, that of the workers by default, or raises WorkerRunning naming its holder."""
        log = Path(path).absolute()
        self.path = log.with_name(f"{log.name}.{app}.lock" if app else f"{log.name}.lock")
        check_folder(log)
        try:
            # Opened without truncating: it may hold the name of another holder.
            self._file: IO[str] = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise LogReadOnly(
                f"{self.path}: cannot be written ({error.strerror}). Give this user write access to the folder."
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = self._holder()
            self._file.close()
            raise WorkerRunning(
                f"{log}: another worker{f' for {app}' if app else ''} runs on this log: {holder}. One worker a file:"
                " stop that one first, or"
                " name another file."
            ) from None
        self._file.truncate(0)
        json.dump(
            {
                "pid": os.getpid(),
                "host": socket.gethostname(),
                "since": datetime.now(UTC).isoformat(timespec="seconds"),
            },
            self._file,
        )
        self._file.flush()

    def _holder(self) -> str:
        try:
            self._file.seek(0)
            found = json.load(self._file)
            return f"process {found['pid']} on {found['host']}, since {found['since']}"
        except (ValueError, KeyError, TypeError):
            return "a process that has only just started"

    def release(self) -> None:
        """Lets the next worker in; calling it again does nothing."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
