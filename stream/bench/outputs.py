"""Waiting until a load has been worked through, and reading what came of it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from stream.bench.load import END
from stream.transports.records import Record
from stream.transports.seam import Log

LOOK = 0.1
"""Seconds between two looks: seldom enough to take no time from what is measured."""
_END = re.compile(rf'"id":"({re.escape(END)}[^"]*)"'.encode())


class TooSlow(RuntimeError):
    """What was waited for did not come."""


@dataclass(slots=True)
class Watch:
    """Looks on ``rejected`` for the last records of loads."""

    log: Log
    topic: str
    timestamps: bool = True
    """Whether the log's times say when a record came; else the moment of looking does."""
    _turn: int = 0
    _at: dict[int, int] = field(default_factory=dict)
    _seen: dict[str, list[float]] = field(default_factory=dict)

    def wait(self, name: str, count: int, seconds: float, alive: Callable[[], None]) -> float:
        """Until so many last records of that name were refused; when the last one was (seconds since the epoch).

        ``alive`` raises where there is nothing to wait for any more. Raises TooSlow.
        """
        until = time.monotonic() + seconds
        while len(self._seen.get(name, ())) < count:
            if time.monotonic() > until:
                found = len(self._seen.get(name, ()))
                raise TooSlow(f"after {seconds:,.0f} s {found} of {count} partitions were worked through")
            alive()
            if not self._look(name):
                time.sleep(LOOK)
        return max(self._seen[name])

    def _look(self, name: str) -> bool:
        """Whether there was something new. Until the end has come in sight, one partition at a time has to do."""
        found, count = False, self.log.partitions(self.topic)
        self._turn = (self._turn + 1) % count
        for partition in range(count) if name in self._seen else [self._turn]:
            for record in self._new(partition):
                found = True
                for id_ in set(_END.findall(record.value or b"")):
                    of = id_.decode().removeprefix(END).rpartition("/")[0]
                    at = record.timestamp_ms / 1000 if self.timestamps else time.time()
                    self._seen.setdefault(of, []).append(at)
        return found

    def _new(self, partition: int) -> list[Record]:
        records = self.log.read(self.topic, partition, self._at.get(partition, 0), 10_000)
        if records:
            self._at[partition] = records[-1].offset + 1
        return records


def records_of(log: Log, topic: str) -> Iterator[Iterator[Record]]:
    """Every record of a topic there is, partition by partition."""
    for partition in range(log.partitions(topic)):
        yield _all(log, topic, partition)


def values_of(log: Log, topic: str) -> Iterator[bytes]:
    """The value of every record of a topic."""
    for records in records_of(log, topic):
        yield from (record.value for record in records if record.value is not None)


def _all(log: Log, topic: str, partition: int) -> Iterator[Record]:
    offset = 0
    while records := log.read(topic, partition, offset, 10_000):
        yield from records
        offset = records[-1].offset + 1


def wait_until_committed(
    log: Log, group: str, ends: dict[tuple[str, int], int], seconds: float, alive: Callable[[], None]
) -> None:
    """Until the group's positions have reached these ends: nothing is left. Raises TooSlow."""
    until = time.monotonic() + seconds
    while True:
        positions = log.positions(group)
        behind = {place: end for place, end in ends.items() if end and (positions.get(place) or 0) < end}
        if not behind:
            return
        if time.monotonic() > until:
            (topic, partition), end = next(iter(behind.items()))
            at = positions.get((topic, partition))
            raise TooSlow(f"after {seconds:g} s the position of {topic}/{partition} is {at}, not {end}")
        alive()
        time.sleep(LOOK)
