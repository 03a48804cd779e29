"""Accounts at which the core raises, for a fault of ours: each costs itself alone, and is told of once by its name."""

from __future__ import annotations

import logging

from stream.scoring.state import StateTooNew
from stream.transports.errors import LogError
from stream.transports.rows import RowsClosed, RowsDamaged

log = logging.getLogger("tierline")

OF_ALL = (StateTooNew, RowsClosed, RowsDamaged, LogError)
"""Errors that are no fault of the one account at which they were met."""

NOT_CAUGHT_UP = (
    "partition %d: %s cannot be taken through what time and new profiles do to it; it is tried again every minute,"
    " and the others go on. This is a fault of Tierline, please report it"
)


class Faults:
    """The accounts of one partition that could not be caught up."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._told: set[str] = set()

    def tell(self, account: str, error: Exception) -> None:
        """Have it in the log, once. Raises the error where it is no fault of the account."""
        if isinstance(error, OF_ALL):
            raise error
        if account not in self._told:
            self._told.add(account)
            log.error(NOT_CAUGHT_UP, self._number, account, exc_info=error)
