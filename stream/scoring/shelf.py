"""An account's remembered signals: by identity, and those of a type in order of time.

Most accounts have a few. One list holds those, and is looked through: two indexes of their own would take several times
the memory, and longer. Whoever has had many keeps the indexes, until it is read back from its stored form.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from operator import attrgetter

from stream.scoring.entries import Entry, Queue

FEW = 12
"""So many are looked through; more have indexes."""

_by_key = attrgetter("key")


class Shelf:
    """Remembered signals."""

    __slots__ = ("_by_identity", "_by_type", "_few")

    def __init__(self) -> None:
        self._few: list[Entry] = []
        """In order; empty once there are indexes."""
        self._by_identity: dict[tuple[str, str], Entry] | None = None
        self._by_type: dict[str, Queue] | None = None

    def __len__(self) -> int:
        return len(self._few) if self._by_identity is None else len(self._by_identity)

    def __iter__(self) -> Iterator[Entry]:
        """Every signal; in order as long as they are few."""
        return iter(self._few if self._by_identity is None else self._by_identity.values())

    def find(self, source: str, id_: str) -> Entry | None:
        """The signal of this identity."""
        if self._by_identity is not None:
            return self._by_identity.get((source, id_))
        for entry in self._few:
            if entry.id == id_ and entry.source == source:
                return entry
        return None

    def types(self) -> list[str]:
        """The types that there are signals of."""
        if self._by_type is not None:
            return list(self._by_type)
        return list(dict.fromkeys(entry.type for entry in self._few))

    def of(self, type_: str) -> list[Entry]:
        """The signals of a type, in order."""
        if self._by_type is None:
            return [entry for entry in self._few if entry.type == type_]
        entries = self._by_type.get(type_)
        return [] if entries is None else entries.between(0, len(entries))

    def before(self, type_: str, moment: int) -> list[Entry]:
        """The signals of a type that happened before a moment, in order."""
        if self._by_type is None:
            return [entry for entry in self._few if entry.type == type_ and entry.time < moment]
        entries = self._by_type.get(type_)
        return [] if entries is None else entries.between(0, entries.upto(moment - 1))

    @property
    def oldest(self) -> Entry:
        """What comes first in order of time; there must be something."""
        if self._by_type is None:
            return self._few[0]
        oldest: Entry | None = None
        for entries in self._by_type.values():  # asked for every signal of a full ledger: plainer is faster
            first = entries.at(0)
            if oldest is None or first.precedes(oldest):
                oldest = first
        assert oldest is not None
        return oldest

    def put(self, entry: Entry) -> None:
        """Add a signal whose identity is new."""
        few = self._few
        if self._by_identity is not None:
            self._index(entry)
        elif not few or few[-1].precedes(entry):
            few.append(entry)
        else:
            few.insert(bisect_left(few, entry.key, key=_by_key), entry)
        if len(few) > FEW:
            self._few, self._by_identity, self._by_type = [], {}, {}
            for one in few:
                self._index(one)

    def take(self, entry: Entry) -> None:
        """Take a signal out that is there."""
        if self._by_identity is None or self._by_type is None:
            self._few.remove(entry)
            return
        del self._by_identity[entry.source, entry.id]
        entries = self._by_type[entry.type]
        entries.remove(entry)
        if not entries:
            del self._by_type[entry.type]

    def _index(self, entry: Entry) -> None:
        assert self._by_identity is not None
        assert self._by_type is not None
        self._by_identity[entry.source, entry.id] = entry
        entries = self._by_type.get(entry.type)
        if entries is None:
            entries = self._by_type[entry.type] = Queue()
        entries.insert(entry)
