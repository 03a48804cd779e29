"""One remembered signal, and many in order of ``(time, source, id)``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter
from typing import Any

from stream.scoring.shedding import Shedding

Key = tuple[int, str, str]
_by_key = attrgetter("key")


class Entry:
    """One remembered signal, with just the members that profiles and rules read."""

    __slots__ = ("chunk", "data", "id", "orphan", "repeat_of", "source", "time", "type")

    def __init__(self, time: int, source: str, id_: str, type_: str, data: dict[str, Any], chunk: int = 0) -> None:
        self.time = time
        self.source = source
        self.id = id_
        self.type = type_
        self.data = data
        self.chunk = chunk
        """The sealed chunk of the state it is stored in; 0 is the open one in the header."""
        self.repeat_of: Entry | None = None
        self.orphan = False
        """It never counts: its original, or what took it back, was pushed out."""

    @property
    def key(self) -> Key:
        """Its place in the order of what happened."""
        return self.time, self.source, self.id

    @property
    def name(self) -> str:
        """``source/id``, as evidence is written."""
        return f"{self.source}/{self.id}"

    def precedes(self, other: Entry) -> bool:
        """Whether it comes first in that order."""
        return self.time < other.time or (self.time == other.time and self.key < other.key)


class Queue(Shedding):
    """Remembered signals in order. They mostly come last and go first."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        super().__init__()
        self._entries: list[Entry] = []

    def __len__(self) -> int:
        return len(self._entries) - self.gone

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.between(0, len(self)))

    def __reversed__(self) -> Iterator[Entry]:
        return islice(reversed(self._entries), len(self))

    def at(self, place: int) -> Entry:
        """The signal at this place; the first has 0."""
        return self._entries[self.gone + place]

    def between(self, start: int, stop: int) -> list[Entry]:
        """The signals from one place up to another."""
        return self._entries[self.gone + start : self.gone + stop]

    def upto(self, moment: int) -> int:
        """How many happened at ``moment`` or before: the ends are looked at first, most ask for all or none."""
        entries, low, high = self._entries, self.gone, len(self._entries)
        if low == high or entries[low].time > moment:
            return 0
        if entries[-1].time <= moment:
            return high - low
        while low < high:
            middle = (low + high) // 2
            if entries[middle].time <= moment:
                low = middle + 1
            else:
                high = middle
        return low - self.gone

    def append(self, entry: Entry) -> bool:
        """Add a signal if it comes last, as most do; tell whether it does."""
        entries = self._entries
        if len(entries) > self.gone and not entries[-1].precedes(entry):
            return False
        entries.append(entry)
        return True

    def insert(self, entry: Entry) -> None:
        """Put a signal at its place."""
        if not self.append(entry):
            self.close()
            self._entries.insert(bisect_left(self._entries, entry.key, key=_by_key), entry)

    def remove(self, entry: Entry) -> bool:
        """Take a signal out; tell whether it was there."""
        entries, gone = self._entries, self.gone
        if len(entries) > gone and entries[gone] is entry:
            self.shed(len(entries))
            return True
        if len(entries) == gone or entry.precedes(entries[gone]):
            return False
        index = bisect_left(entries, entry.key, gone, key=_by_key)
        if index == len(entries) or entries[index] is not entry:
            return False
        del entries[index]
        return True

    def lists(self) -> list[list[Any]]:
        """See ``Shedding``."""
        return [self._entries]
