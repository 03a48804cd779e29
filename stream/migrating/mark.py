"""How far a migration into a log has come, and what it moved: kept in the log itself, as the position of a group.

A position is a number that neither kind of log loses, and that on a file only ever grows: the step is its upper part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from schemas.topics import PROFILES
from stream.migrating.partition import print_of
from stream.migrating.sides import Side
from stream.topology import group_of
from stream.transports.seam import Log

BITS = 48
"""Of the number, those that say what was moved."""


class Step(IntEnum):
    """What is certain of the target."""

    BEGUN = 1
    """It may have a part; until the end it is no log for workers."""
    ALL_THERE = 2
    """It has everything, compared, and every group's position. Its topics may still lack the settings of workers."""
    ENDED = 3


@dataclass(frozen=True, slots=True)
class Mark:
    """How far it is, and of what: see `content`; 0 while that may still grow."""

    step: Step
    content: int = 0


def content(log: Log, places: Iterable[tuple[str, int]]) -> int:
    """What tells the records of a source from those of another, and from its own once more have come in.

    `places`: its topics and partitions. It costs reading the last record of each.
    """
    digest = hashlib.blake2b(digest_size=BITS // 8)
    for topic, partition in sorted(places):
        last = log.last(topic, partition)  # not the end: markers of transactions may move that later
        digest.update(f"{topic}/{partition} {last}\n".encode())
        for record in log.read(topic, partition, last, 1) if last is not None else ():
            digest.update(print_of(record))
    return int.from_bytes(digest.digest(), "big")


class Marked:
    """The mark of a target."""

    def __init__(self, there: Side) -> None:
        self._there = there
        self._group = f"{group_of(there.settings)}.moved"
        self._place = (there.settings.topic(PROFILES), 0)

    def read(self) -> Mark | None:
        """The mark; None where nothing was moved there."""
        at = self._there.log.position(self._group, *self._place)
        if at is None or at >> BITS not in set(Step):
            return None
        return Mark(Step(at >> BITS), at & ((1 << BITS) - 1))

    def set(self, mark: Mark) -> None:
        """Says how far it is. On a file it never goes back: an earlier step, set again, changes nothing."""
        self._there.commit(self._group, {self._place: mark.step << BITS | mark.content})
