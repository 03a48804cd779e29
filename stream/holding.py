"""Who holds a file: a lock of the system's on it, and the holder's name inside. For looking, not for taking."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from pathlib import Path
from typing import NamedTuple


class Holder(NamedTuple):
    """A process that has named itself in a lock file."""

    pid: int
    host: str
    since: str
    alive: bool
    """Whether it still holds the lock; if not, it ended without a word, or the system let go of the lock for it."""

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, since {self.since}"


def named_in(path: Path) -> Holder | None:
    """Who has named itself in the lock file at ``path``, or ``None`` where nobody has, or nobody can tell."""
    try:
        with path.open(encoding="utf-8") as file:
            found = json.load(file)
            pid, host, since = int(found["pid"]), str(found["host"]), str(found["since"])
            # a lock that is free is not touched while its last holder is gone: somebody may be about to take it
            alive = (host != socket.gethostname() or runs(pid)) and _locked(file.fileno())
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Holder(pid, host, since, alive)


def worker_of(log: Path) -> Holder | None:
    """The worker that runs on the log at ``log``, if one does."""
    found = named_in(log.absolute().with_name(log.name + ".lock"))
    return found if found is not None and found.alive else None


def runs(pid: int) -> bool:
    """Whether there is such a process on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(number, fcntl.LOCK_UN)
    return False
