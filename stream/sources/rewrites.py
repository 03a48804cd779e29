"""Telling a vendor that rewrites its columns from companies that change.

A directory that is polled shows differences. Most are news about one company; some are the vendor's own doing, and
those come for thousands of companies at once. No date and no column is named here; three rules decide:

1. *Same meaning.* A value that is equal to the old one after normalisation (spacing, case, order, repetition) is no
   change. Each source supplies its own normalisation; this module does not see such pairs.
2. *Vocabulary.* In one observation nearly all holders of a value (90 %, and at least 20 companies) get the same new
   value, which hardly anybody had before (at most 5 % as many): the word was renamed. Both words are one from then
   on, for every company and at every time, spelt as the vendor spells it last.
3. *Flood.* In one observation at least 50 companies and 5 % of those listed change in one field, at four times or more
   the field's usual daily rate (the median of its earlier observations that were no floods; at least three of them;
   before that, half of all companies must change). The new values are believed as facts; no event is made of them.

The third rule looks only backwards, so what it said of an observation never changes when later ones arrive.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from statistics import median

VOCABULARY_SHARE = 0.9
VOCABULARY_COMPANIES = 20
VOCABULARY_PRIOR = 0.05
FLOOD_COMPANIES = 50
FLOOD_SHARE = 0.05
FLOOD_RATE = 4.0
FLOOD_HISTORY = 3
FLOOD_SHARE_WITHOUT_HISTORY = 0.5


@dataclass(slots=True)
class FieldChanges:
    """What one observation says of one field. `days`: since the field was last observed. `listed`: companies then."""

    date: str
    field: str
    days: float
    listed: int
    pairs: list[tuple[str, str]]
    holders: Counter[str]


@dataclass(slots=True)
class Vocabulary:
    """Words that were renamed, per field, each led to the vendor's latest spelling."""

    latest: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    renamed_on: set[tuple[str, str, str]] = field(default_factory=set)

    def learn(self, changes: FieldChanges) -> list[tuple[str, str, int]]:
        """Renamings in these changes: (old, new, companies). They are remembered."""
        found = []
        for (old, new), count in Counter(changes.pairs).items():
            held, prior = changes.holders[old], changes.holders[new]
            if not old or not new or count < VOCABULARY_COMPANIES:
                continue
            if count >= VOCABULARY_SHARE * held and prior <= VOCABULARY_PRIOR * count:
                found.append((old, new, count))
                self._rename(changes.field, old, new)
                self.renamed_on.add((changes.date, changes.field, old))
        return sorted(found)

    def _rename(self, name: str, old: str, new: str) -> None:
        words = self.latest[name]
        words.pop(new, None)
        for word, leads_to in words.items():
            if leads_to == old:
                words[word] = new
        words[old] = new

    def canonical(self, name: str, value: str) -> str:
        """The latest spelling of a value; the value itself where it was never renamed."""
        words = self.latest.get(name)
        return words.get(value, value) if words else value


@dataclass(slots=True)
class Floods:
    """Remembers each field's usual daily rate of change and says which observation of it is a flood."""

    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    found: set[tuple[str, str]] = field(default_factory=set)

    def judge(self, changes: FieldChanges) -> float | None:
        """How many times the usual rate this is, where it is a flood (infinity without a history); otherwise None."""
        count, listed = len(changes.pairs), max(changes.listed, 1)
        share = count / listed
        rate = share / max(changes.days, 1.0)
        earlier = self.rates[changes.field]
        times = None
        if count >= FLOOD_COMPANIES:
            if len(earlier) < FLOOD_HISTORY:
                times = float("inf") if share >= FLOOD_SHARE_WITHOUT_HISTORY else None
            elif share >= FLOOD_SHARE and rate >= FLOOD_RATE * (usual := median(earlier)):
                times = rate / usual if usual else float("inf")
        if times is None:
            earlier.append(rate)
        else:
            self.found.add((changes.date, changes.field))
        return times
