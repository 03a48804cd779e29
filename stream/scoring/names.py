"""The accounts of a partition by number: a set of names and a dict of numbers in some thirty bytes a name.

All names lie one after the other in one piece; a table of open addresses has their numbers, by hash.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator

ROOM = 8
"""Places in a table of no names; it is doubled when two thirds are taken."""


class Names:
    """Names in the order in which they were added; the first has number 0."""

    __slots__ = ("_ends", "_places", "_text")

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._text = bytearray()
        self._ends = array("I")
        """Where in the text each name ends: up to 4 GiB of names."""
        self._places = _places(ROOM)
        """Numbers, each at its name's hash or in the next place that was free; -1: free."""
        for name in names:
            self.add(name)

    def add(self, name: str) -> int:
        """The number of a name, which has one from now on."""
        return self.enter(name.encode())

    def enter(self, key: bytes) -> int:
        """The same, by the name's bytes."""
        place = self._place(key)
        found: int = self._places[place]
        if found >= 0:
            return found
        number = len(self._ends)
        self._places[place] = number
        self._text += key
        self._ends.append(len(self._text))
        if 3 * number > 2 * len(self._places):
            self._widen()
        return number

    def __contains__(self, name: str) -> bool:
        found: int = self._places[self._place(name.encode())]
        return found >= 0

    def __getitem__(self, number: int) -> str:
        """The name that has a number."""
        return self._key(number).decode()

    def __iter__(self) -> Iterator[str]:
        return map(self.__getitem__, range(len(self._ends)))

    def __len__(self) -> int:
        return len(self._ends)

    def _key(self, number: int) -> bytes:
        start: int = self._ends[number - 1] if number else 0
        end: int = self._ends[number]
        return bytes(self._text[start:end])

    def _place(self, key: bytes) -> int:
        """Where the number of a name is, or would be."""
        places, text, ends = self._places, self._text, self._ends
        last = len(places) - 1
        place = hash(key) & last
        while True:
            number: int = places[place]
            if number < 0:
                return place
            start: int = ends[number - 1] if number else 0
            if ends[number] - start == len(key) and text.startswith(key, start):
                return place
            place = (place + 1) & last

    def _widen(self) -> None:
        self._places = _places(2 * len(self._places))
        for number in range(len(self._ends)):
            self._places[self._place(self._key(number))] = number


def _places(room: int) -> array[int]:
    return array("i", [-1]) * room
