"""Accounts at which the core raises, for a fault of ours: each costs itself alone, and the log tells of it."""

from __future__ import annotations

import logging

from stream.scoring.state import StateTooNew
from stream.transports.errors import LogError
from stream.transports.rows import RowsClosed, RowsDamaged

log = logging.getLogger("tierline")

OF_ALL = (StateTooNew, RowsClosed, RowsDamaged, LogError)
"""Errors that are no fault of the one account at which they were met."""

NOT_PUBLISHED = (
    "partition %d: no score of %s can be published; it is tried again every minute, and the others are published. This"
    " is a fault of Tierline, please report it"
)

NOT_CAUGHT_UP = (
    "partition %d: %s cannot be taken through what time and new profiles do to it; it is tried again every minute,"
    " and the others go on. This is a fault of Tierline, please report it"
)

TICK_PAUSE = 60_000
"""Milliseconds without ticks after one that could not be processed, so that it does not fill ``rejected``."""

NAMED = 20
"""Accounts that are told of by name: a fault that befalls all of a partition must not fill the log."""

AND_MORE = "partition %d: this befalls more accounts, which are not named"


class HalfDone(Exception):
    """What was done so far is of no use: it is to be done again, without the accounts that failed."""


class Faults:
    """Accounts of one partition that something cannot be done with."""

    def __init__(self, number: int, text: str) -> None:
        """``text``: what is told of each, with the partition and the account to be put in."""
        self._number = number
        self._text = text
        self._told: set[str] = set()
        self.next_try: dict[str, int] = {}
        """Account → the moment (ms) of the next try, for who keeps it nowhere else."""
        self.left_out: set[str] = set()
        """Those not to be tried while a batch is done again: they had changed in it before they failed."""

    def tell(self, account: str, error: Exception) -> None:
        """Have it in the log, once, unless many are. Raises the error where it is no fault of the account."""
        if isinstance(error, OF_ALL):
            raise error
        if account in self._told or len(self._told) > NAMED:
            return
        self._told.add(account)
        if len(self._told) > NAMED:
            log.error(AND_MORE, self._number)
        else:
            log.error(self._text, self._number, account, exc_info=error)
