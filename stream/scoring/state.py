"""The state of one account, and its stored form.

Stored are a small *header* (facts, places, remainders of what was forgotten, the newest signals) and sealed *chunks* of
64 older signals each, so that an account with thousands of signals does not rewrite them all for each new one. Places'
values and books are derived, and built when first needed. ADR 0002 has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from stream.scoring.entries import Entry, Key
from stream.scoring.folded import Folded
from stream.scoring.ledger import Ledger, SameEvent
from stream.scoring.place import Place, Resting
from stream.scoring.profile import Profiles
from stream.scoring.stored import (
    Fact,
    read_entry,
    read_facts,
    read_folded,
    read_key,
    read_place,
    stored_entry,
    stored_folded,
    stored_place,
)
from stream.scoring.values import NOTHING

FORMAT = 2
"""Version of the stored form. A newer one is refused, an older one read."""

PLAIN = 1
"""The same where no account was joined with another: what an older release may go on with is not kept from it."""

CHUNK = 64
"""Signals in a sealed chunk."""

FEW = 16
"""The same of what came with another account."""

Tiers = tuple[tuple[str, str | None], ...]
"""Profile and tier; ``None`` where the account has none yet."""

MANY_TIERS = 10_000
"""So many are kept to be shared at most."""

_tiers: dict[Tiers, Tiers] = {}


class StateTooNew(Exception):
    """The stored state was written by a newer release."""


class AccountState:
    """Everything known of one account."""

    __slots__ = (
        "_values",
        "account",
        "born",
        "built",
        "chunks",
        "clock",
        "dirty",
        "edits",
        "epoch",
        "facts",
        "facts_edits",
        "floor",
        "folded",
        "folded_at",
        "gone",
        "joined",
        "ledger",
        "open",
        "places",
        "resting",
        "scheduled",
        "sealed",
    )

    def __init__(self, account: str, born: int, epoch: int, rules: Mapping[str, SameEvent]) -> None:
        self.account = account
        self.born = born
        """The first record time: with it an account that was erased and came back has other change ids."""
        self.clock = born
        """The greatest record time applied."""
        self.epoch = epoch
        """How many profile activations of its partition the account has been through."""
        self.floor: Key | None = None
        """The oldest kept, once too many were remembered: what lies before it is too late."""
        self.gone: dict[str, Key] = NOTHING
        """Signal type → the newest that was forgotten; sealed chunks may still hold it and what lies before it."""
        self.joined: tuple[str, ...] = ()
        """The remains of other names of the account that it was given, by their ids."""
        self.facts: dict[str, Fact] = NOTHING
        self.ledger = Ledger(rules)
        self.places: dict[str, Place] = {}
        self.resting: dict[str, Resting] = NOTHING
        """Where it stood in profiles that are retired."""
        self.built = True
        """Whether places carry their derived parts."""
        self.folded: dict[str, Folded] = NOTHING
        """Rule fingerprint → what forgotten signals still give."""
        self.folded_at = born
        self.open: list[Entry] = []
        """The entries stored in the header, as they came."""
        self.edits = 0
        """How often they changed otherwise than by one more: while they do not, their stored form only gets longer."""
        self.chunks: dict[int, list[Entry]] = NOTHING
        self.sealed = 0
        """The greatest chunk number given out."""
        self.dirty: tuple[int, ...] = ()
        """Chunks whose stored form is behind, maybe more than once."""
        self.scheduled: int | None = None
        """When its partition expects it to be due: as it is stored, and kept with each change."""
        self._values: dict[str, Any] | None = None
        self.facts_edits = 0
        """How often facts changed: while they do not, their stored form is as it was."""

    @property
    def values(self) -> Mapping[str, Any]:
        """Known facts by member."""
        if self._values is None:
            self._values = {name: fact.value for name, fact in self.facts.items() if fact.value is not None} or NOTHING
        return self._values

    def tiers(self) -> Tiers:
        """The tier in each profile, one object for all accounts that have the same."""
        found = tuple([(name, place.tier) for name, place in self.places.items()])
        if len(_tiers) > MANY_TIERS:
            _tiers.clear()
        return _tiers.setdefault(found, found)

    def tell(self, name: str, value: Any, key: Key) -> bool:
        """Take a fact, unless a newer one is known. Tells whether what is known changed."""
        known = self.facts.get(name)
        if known is not None and known.key >= key:
            return False
        self.facts = self.facts or {}
        self.facts[name] = Fact(value, key)
        self._values = None
        self.facts_edits += 1
        return known is None or known.value != value or type(known.value) is not type(value)

    def remember(self, entry: Entry) -> None:
        """File an entry for storage: into the header, whose oldest arrivals are sealed when they are too many."""
        self.open.append(entry)
        if len(self.open) > CHUNK:
            self._seal(CHUNK)

    def seal(self) -> None:
        """File what is in the header into small chunks, where it may have become too much for one record."""
        while len(self.open) > FEW:
            self._seal(FEW)

    def _seal(self, count: int) -> None:
        self.sealed += 1
        entries, self.open = self.open[:count], self.open[count:]
        self.edits += 1
        for sealed in entries:
            sealed.chunk = self.sealed
        self.chunks = self.chunks or {}
        self.chunks[self.sealed] = entries
        self.dirty += (self.sealed,)

    def orphan(self, entry: Entry) -> None:
        """A remembered signal never counts from now on, and is stored so."""
        self.ledger.orphan(entry)
        if entry.chunk:
            self.dirty += (entry.chunk,)
        else:
            self.edits += 1

    def forget(self, entry: Entry) -> None:
        """Take the oldest entry of its type out of ledger and storage.

        Its chunk is not rewritten, only deleted once it is empty: ``gone`` says what not to read back.
        """
        gone = self.gone.get(entry.type)
        if gone is None or gone[0] < entry.time or gone < entry.key:
            self.gone = self.gone or {}
            self.gone[entry.type] = entry.key
        for orphan in self.ledger.drop(entry):
            if orphan.chunk:
                self.dirty += (orphan.chunk,)
            else:
                self.edits += 1
        if entry.chunk == 0:
            self.open.remove(entry)
            self.edits += 1
            return
        chunk = self.chunks[entry.chunk]
        chunk.remove(entry)
        if not chunk:
            del self.chunks[entry.chunk]
            self.dirty += (entry.chunk,)

    def build(self) -> None:
        """Derive what a loaded state does not carry: fact values and books."""
        if not self.built:
            for place in self.places.values():
                place.build(self.values, self.ledger, self.folded)
            self.built = True

    @property
    def due(self) -> int | None:
        """No transition comes before this moment, in any profile."""
        soonest = None
        for place in self.places.values():  # asked for every signal: plainer is faster
            due = place.due
            if due is not None and (soonest is None or due < soonest):
                soonest = due
        return soonest

    def stored_facts(self) -> tuple[dict[str, Any], list[Key]]:
        """The stored form of the facts, and of the signals that told them: many come with one."""
        told = {key: number for number, key in enumerate(dict.fromkeys(fact.key for fact in self.facts.values()))}
        return {name: [fact.value, told[fact.key]] for name, fact in self.facts.items()}, list(told)

    def to_stored(
        self, since: int = 0, facts: tuple[Any, Any] | None = None, beside: Mapping[str, Any] = NOTHING
    ) -> tuple[dict[str, Any], dict[int, list[Any] | None]]:
        """The header, with the open entries from ``since`` on, and the chunks that changed (``None``: delete it).

        ``facts``: what stands for the two of ``stored_facts``, where the caller has them. ``beside``: what the caller
        keeps with the header. What a start has to know of every account comes before its name, and is read alone then.
        """
        values, told = facts or self.stored_facts()
        header = {
            "v": FORMAT if self.joined else PLAIN,
            "epoch": self.epoch,
            "places": {name: stored_place(place) for name, place in self.places.items()},
            **beside,
            "account": self.account,
            "born": self.born,
            "clock": self.clock,
            "floor": self.floor,
            "gone": self.gone,
            "facts": values,
            "told": told,
            "resting": self.resting,
            "folded": {name: stored_folded(folded) for name, folded in self.folded.items()},
            "folded_at": self.folded_at,
            "sealed": self.sealed,
            "chunks": list(self.chunks),
            "signals": [stored_entry(entry) for entry in self.open[since:]],
        }
        if self.joined:  # few are
            header["joined"] = self.joined
        chunks: dict[int, list[Any] | None] = {}
        if self.dirty:
            for number in sorted(set(self.dirty)):
                entries = self.chunks.get(number)
                chunks[number] = [stored_entry(entry) for entry in entries] if entries else None
            self.dirty = ()
        return header, chunks

    @classmethod
    def from_stored(
        cls, header: Mapping[str, Any], chunks: Mapping[int, Iterable[Any]], profiles: Profiles
    ) -> AccountState:
        """The state as it was stored, under the profiles in force at its epoch. What is derived waits for ``build``.

        Raises StateTooNew where a newer release wrote it.
        """
        if header["v"] > FORMAT:
            raise StateTooNew(
                f"the state of {header['account']} has format {header['v']}, this release reads up to {FORMAT}; "
                "run the newer release again, or rebuild the state from the log"
            )
        state = cls(header["account"], header["born"], header["epoch"], profiles.rules)
        rows = header["places"]
        state.places = {p.name: read_place(p, rows[p.name]) for p in profiles if p.name in rows}
        state.clock = header["clock"]
        state.floor = read_key(header["floor"]) if header["floor"] else None
        state.gone = {type_: read_key(key) for type_, key in header["gone"].items()} or NOTHING
        state.joined = tuple(header.get("joined", ()))
        state.facts = read_facts(header["facts"], header["told"]) or NOTHING
        resting = {name: (row[0], row[1], row[2], row[3], row[4]) for name, row in header["resting"].items()}
        state.resting = resting or NOTHING
        state.folded = {name: read_folded(row) for name, row in header["folded"].items()} or NOTHING
        state.folded_at = header["folded_at"]
        state.sealed = header["sealed"]
        entries: list[Entry] = []
        state.chunks = {} if header["chunks"] else NOTHING
        for number in header["chunks"]:
            sealed = [read_entry(row, number) for row in chunks[number]]
            kept = [entry for entry in sealed if entry.type not in state.gone or entry.key > state.gone[entry.type]]
            state.chunks[number] = kept
            entries += kept
        for row in header["signals"]:
            state.open.append(read_entry(row, 0))
        entries += state.open
        entries.sort(key=lambda entry: entry.key)
        for entry in entries:
            state.ledger.add(entry)
        state.built, state.scheduled, state.facts_edits = False, state.due, len(header["told"])
        return state
