"""Ends a broker when its owner is gone, even if the owner was killed: `python guard.py OWNER BROKER` (process ids).

A process of its own, for a process that is killed can do nothing any more. Leaves when the broker has ended.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress

POLL_SECONDS = 1


def watch(owner: int, broker: int) -> None:
    """Return when the broker has ended, having killed it if the owner ended first."""
    try:
        there = os.pidfd_open(broker)
    except ProcessLookupError:
        return
    ends = select.poll()
    ends.register(there, select.POLLIN)
    with suppress(ProcessLookupError):  # an owner who is gone already: do not wait
        ends.register(os.pidfd_open(owner), select.POLLIN)
        if there in dict(ends.poll()):
            return
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(there, signal.SIGKILL)


def watch_by_asking(owner: int, broker: int) -> None:
    """The same where the system has no process descriptors (only Linux has them)."""
    with suppress(ProcessLookupError):
        while True:
            os.kill(broker, 0)
            try:
                os.kill(owner, 0)
            except ProcessLookupError:
                os.kill(broker, signal.SIGKILL)
            time.sleep(POLL_SECONDS)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the owner
    (watch if hasattr(os, "pidfd_open") else watch_by_asking)(int(sys.argv[1]), int(sys.argv[2]))
