"""What a client library says a hundred times a second while brokers are away is logged now and then."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

EVERY = 10.0
"""Seconds between two lines of the same kind."""
KINDS = 1_000
"""Kinds of lines that are remembered at most."""


class Seldom(logging.Filter):
    """Lets a line of certain loggers through once in ``seconds``, and has the next one say how many were left out.

    Two lines are of a kind if their text before the second value put into it is the same. For a handler's filter.
    """

    def __init__(self, *names: str, seconds: float = EVERY, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._names = names
        self._seconds = seconds
        self._clock = clock
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether this line is logged."""
        if record.name.partition(".")[0] not in self._names:
            return True
        first = record.args[0] if isinstance(record.args, tuple) and record.args else ""
        kind, now = (record.msg if isinstance(record.msg, str) else "", str(first)), self._clock()
        since, left_out = self._seen.get(kind, (0.0, 0))
        if kind in self._seen and now - since < self._seconds:
            self._seen[kind] = since, left_out + 1
            return False
        if len(self._seen) >= KINDS:
            self._seen.clear()
        self._seen[kind] = now, 0
        if left_out:
            record.msg, record.args = f"{record.getMessage()} (and {left_out} times before)", ()
        return True
