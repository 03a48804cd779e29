"""The stored form of the parts of an account's state: rows of JSON, short because most of the log is made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from sys import intern
from typing import Any

from stream.scoring.entries import Entry, Key
from stream.scoring.folded import Folded
from stream.scoring.place import Place
from stream.scoring.profile import Profile


@dataclass(frozen=True, slots=True)
class Fact:
    """What the newest signal about a member said; ``value`` is ``None`` where it said unknown."""

    value: Any
    key: Key
    """``(time, source, id)`` of that signal: the greatest wins."""


def read_facts(rows: Mapping[str, Any], told: Iterable[Any]) -> dict[str, Fact]:
    """Facts out of the stored form that ``AccountState.stored_facts`` gives."""
    keys = [read_key(row) for row in told]  # many facts come with one signal
    return {name: Fact(value, keys[number]) for name, (value, number) in rows.items()}


def read_place(profile: Profile, row: list[Any]) -> Place:
    """Where an account stands in a profile; what it is made of waits for ``build``."""
    place = Place(profile)
    _, tier, since, sequence, score, points, place.due, place.exact = row
    place.resume((tier, since, sequence, score, points))
    return place


def read_key(row: list[Any]) -> Key:
    """A place in the order of what happened."""
    return row[0], row[1], row[2]


def stored_place(place: Place) -> list[Any]:
    """A place: version, what outlives it, and the bound on the next transition."""
    return [place.profile.version, *place.rest(), place.due, place.exact]


def stored_entry(entry: Entry) -> list[Any]:
    """A remembered signal; one that never counts says so at the end."""
    row = [entry.time, entry.source, entry.id, entry.type, entry.data]
    if entry.orphan:
        row.append(1)
    return row


def read_entry(row: list[Any], chunk: int) -> Entry:
    """A remembered signal out of the chunk of this number."""
    entry = Entry(row[0], row[1], row[2], intern(row[3]), row[4], chunk)
    entry.orphan = len(row) > 5
    return entry


def stored_folded(folded: Folded) -> list[Any]:
    """What forgotten signals give, whole numbers as hexadecimal text: JSON readers keep 53 bits."""
    return [
        hex(folded.flat),
        hex(folded.half),
        folded.base,
        folded.up,
        folded.down,
        folded.last,
        folded.window,
        folded.used,
    ]


def read_folded(row: list[Any]) -> Folded:
    """What forgotten signals give."""
    up, down = row[3], row[4]
    return Folded(
        int(row[0], 16),
        int(row[1], 16),
        row[2],
        (up[0], up[1]) if up else None,
        (down[0], down[1]) if down else None,
        row[5],
        row[6],
        row[7],
    )
