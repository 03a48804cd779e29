"""The worker's log for whoever watches it: the first few live tier changes of each batch."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream.agents.work import Work

log = logging.getLogger("tierline")

TOLD = 5
"""Live tier changes of a batch that are logged one by one."""


def tell(work: Work) -> None:
    """Log what changed live; history is only counted."""
    live = [change for change, importing, _ in work.changes if not importing]
    for change in live[:TOLD]:
        text = f"{change.account}: {change.summary}"
        log.info("%s", "".join(letter if letter.isprintable() else " " for letter in text))
    if len(live) > TOLD:
        log.info("… and %d more tier changes", len(live) - TOLD)


def told_partitions(count: int, owned: set[int]) -> str:
    """Which of the partitions a worker has, in words."""
    if len(owned) == count:
        return "all partitions"
    return f"{len(owned)} of {count} partitions: {', '.join(map(str, sorted(owned))) or 'none'}"
