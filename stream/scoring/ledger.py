"""What is remembered of an account's signals: identity, order, taking back, and the same event told twice.

Entries are kept in order of ``(time, source, id)``. An entry counts when it has not been taken back and is not the
repeat of an earlier counted one (SPEC section 3.4); adding one entry answers with the few whose standing changed.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from stream.scoring.entries import Entry
from stream.scoring.shelf import FEW, Shelf
from stream.scoring.values import NOT_RETRACTABLE, NOTHING

Event = tuple[str, tuple[Any, ...]]
"""Signal type, and what all tellings of an event have in common."""

_by_key = attrgetter("key")


@dataclass(frozen=True, slots=True)
class SameEvent:
    """Signals of a type are one event when these members are equal and they lie at most ``span`` ms apart."""

    members: tuple[str, ...]
    span: int | None
    needs: tuple[str, ...] = ()
    """Members without which the rule does not apply."""

    def key(self, data: Mapping[str, Any]) -> tuple[Any, ...] | None:
        """What two tellings of one event share, or ``None`` where the rule does not apply."""
        if any(not data.get(member) for member in self.needs):
            return None
        return tuple(_plain(data.get(member)) for member in self.members)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return value.strip().casefold()
    return value if isinstance(value, int | float | bool) or value is None else repr(value)


class Shift:
    """Which entries began and which ceased to count."""

    __slots__ = ("added", "removed")

    def __init__(self, added: list[Entry], removed: list[Entry]) -> None:
        self.added = added
        self.removed = removed


class Ledger(Shelf):
    """The remembered signals of one account."""

    __slots__ = ("_events", "_rules", "retracted")

    def __init__(self, rules: Mapping[str, SameEvent]) -> None:
        super().__init__()
        self._rules = rules
        self.retracted: dict[tuple[str, str], Entry] = NOTHING
        """Identity taken back → the retraction that did it, the latest of several."""
        self._events: dict[Event, list[Entry]] | None = None
        """Event → its tellings that stand, in order. Of few signals those are looked for instead."""

    def add(self, entry: Entry) -> Shift:
        """Remember a signal whose identity is new; tell what it changed in what counts."""
        if self._events is None and len(self) == FEW:
            self._index_events()
        self.put(entry)
        if entry.type == "retracted":
            return self._take_back(entry)
        if entry.orphan or self._is_retracted(entry):
            return Shift([], [])
        return self._join(entry)

    def counts(self, entry: Entry) -> bool:
        """Whether an entry stands: not taken back, and no repeat."""
        return (
            not entry.orphan
            and entry.repeat_of is None
            and entry.type != "retracted"
            and not self._is_retracted(entry)
        )

    def _is_retracted(self, entry: Entry) -> bool:
        if not self.retracted or entry.type in NOT_RETRACTABLE:
            return False
        return (entry.source, entry.id) in self.retracted

    def repeats(self, entry: Entry) -> list[Entry]:
        """The other tellings of the same event."""
        tellings: Iterable[Entry] = self
        if self._events is not None:
            key = self._event(entry)
            tellings = self._events.get(key, ()) if key else ()
        return [other for other in tellings if other.repeat_of is entry]

    def drop(self, entry: Entry) -> list[Entry]:
        """Forget an entry. Repeats of it that stay become orphans, which never begin to count; returns them.

        The event goes with its first telling: a telling that comes after that counts, where one pushed out by number
        still lies within the span.
        """
        self.take(entry)
        if entry.type == "retracted":
            target = (entry.data["signal_source"], entry.data["signal_id"])
            if self.retracted.get(target) is entry:
                del self.retracted[target]
                taken = self.find(*target)
                if taken is not None and taken.type not in NOT_RETRACTABLE:
                    taken.orphan = True
                    return [taken]
            return []
        key = self._event(entry)
        if key is None:
            return []
        tellings = self._tellings(entry, key)
        orphans = [other for other in tellings if other.repeat_of is entry]
        for other in orphans:
            other.repeat_of, other.orphan = None, True
            tellings.remove(other)
        self._leave(key, entry, tellings)
        return orphans

    def orphan(self, entry: Entry) -> None:
        """An entry that is there never counts from now on; other tellings of its event settle anew which of them does.

        It is known elsewhere to be no original, or to have been taken back, by what is forgotten.
        """
        key = None if self._is_retracted(entry) else self._event(entry)
        if key is not None:
            tellings = self._tellings(entry, key)
            self._leave(key, entry, tellings)
            self._rejoin(tellings, self._rules[entry.type].span)
        entry.repeat_of, entry.orphan = None, True

    def _take_back(self, retraction: Entry) -> Shift:
        target = (retraction.data["signal_source"], retraction.data["signal_id"])
        if target in self.retracted:  # the last of them holds, whichever came first: it is forgotten last
            self.retracted[target] = max(retraction, self.retracted[target], key=_by_key)
            return Shift([], [])
        entry = self.find(*target)
        counted = entry is not None and self.counts(entry)
        self.retracted = self.retracted or {}
        self.retracted[target] = retraction
        if entry is None or entry.type in NOT_RETRACTABLE:  # it came after what would take it back
            return Shift([], [])
        key = self._event(entry)
        if key is None or entry.orphan:
            return Shift([], [entry] if counted else [])
        tellings = self._tellings(entry, key)
        self._leave(key, entry, tellings)
        entry.repeat_of = None
        shift = self._rejoin(tellings, self._rules[entry.type].span)
        if counted:
            shift.removed.append(entry)
        return shift

    def _join(self, entry: Entry) -> Shift:
        key = self._event(entry)
        if key is None:
            return Shift([entry], [])
        tellings, span = self._tellings(entry, key), self._rules[entry.type].span
        if not tellings or tellings[-1].precedes(entry):
            anchor = (tellings[-1].repeat_of or tellings[-1]) if tellings else None
            tellings.append(entry)
            if anchor is not None and (span is None or entry.time - anchor.time <= span):
                entry.repeat_of = anchor
                return Shift([], [])
            return Shift([entry], [])
        insort(tellings, entry, key=_by_key)
        entry.repeat_of = entry  # as yet undecided: counted before this is false for it
        return self._rejoin(tellings, span)

    def _tellings(self, entry: Entry, key: Event) -> list[Entry]:
        """The tellings of an event that stand, in order, for the caller to change.

        Of many signals they are what the index has; of few a list of the moment, in which this one is not.
        """
        if self._events is not None:
            return self._events.setdefault(key, [])
        return [other for other in self.of(entry.type) if other is not entry and self._tells(other, key)]

    def _tells(self, entry: Entry, key: Event) -> bool:
        return not entry.orphan and not self._is_retracted(entry) and self._event(entry) == key

    def _leave(self, key: Event, entry: Entry, tellings: list[Entry]) -> None:
        """An entry stands no longer for an event; ``tellings``: those that did."""
        if entry in tellings:
            tellings.remove(entry)
        if self._events is not None and not tellings:
            del self._events[key]

    def _index_events(self) -> None:
        self._events = {}
        for entry in self:  # few, and so in order
            key = self._event(entry)
            if key is not None and self._tells(entry, key):
                self._events.setdefault(key, []).append(entry)

    @staticmethod
    def _rejoin(group: Iterable[Entry], span: int | None) -> Shift:
        """Walk one event's tellings in order of time and settle anew which of them count."""
        shift = Shift([], [])
        anchor: Entry | None = None
        for entry in group:
            counted = entry.repeat_of is None
            if anchor is not None and (span is None or entry.time - anchor.time <= span):
                entry.repeat_of = anchor
            else:
                entry.repeat_of, anchor = None, entry
            if counted and entry.repeat_of is not None:
                shift.removed.append(entry)
            elif not counted and entry.repeat_of is None:
                shift.added.append(entry)
        return shift

    def _event(self, entry: Entry) -> Event | None:
        rule = self._rules.get(entry.type)
        key = rule.key(entry.data) if rule else None
        return None if key is None else (entry.type, key)
