"""Whether a log is whole: every start of a worker asks, so this imports nothing of what moves one."""

from __future__ import annotations

from stream.transports.errors import LogError
from stream.transports.seam import Log

MIGRATE = "migrate"
"""What the target calls it: see `Log.hold` and `Log.holder`."""


def check_whole(log: Log) -> None:
    """Raises LogError where a migration into that log has not come to its end."""
    found = log.holder(MIGRATE)
    if found is not None:
        state = "is under way" if found.alive else "was interrupted"
        raise LogError(
            f"{log.name}: a migration into this log {state} ({found}): it is not whole yet. Run `tierline migrate`"
            " again with the same words, and it goes on where it stopped."
        )
