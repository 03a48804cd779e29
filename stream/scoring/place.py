"""Where an account stands in one profile: its tier, and what its score is made of at any moment.

What is stored is small: tier, since when, sequence, what was last published, and a bound on the next transition.
What the score is made of (fact values and books) is derived from facts and ledger, and built when first needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import inf
from typing import Any

from stream.scoring.book import Book
from stream.scoring.entries import Entry
from stream.scoring.folded import Folded
from stream.scoring.ledger import Ledger
from stream.scoring.profile import Profile
from stream.scoring.values import NOTHING
from stream.scoring.verdicts import Verdicts

Resting = tuple[str | None, int, int, float, dict[str, float]]
"""Tier, since, sequence, and score and points of the last published change."""

PLAIN = 1e6
"""Points below this add up to a score as exactly as ever matters."""


class Place:
    """One account in one profile."""

    __slots__ = (
        "_calm",
        "_ceiling",
        "_latest",
        "_leap",
        "_steady",
        "books",
        "due",
        "exact",
        "points",
        "profile",
        "said",
        "score",
        "sequence",
        "since",
        "tier",
    )

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.tier: str | None = None
        self.since = 0
        """When the tier was entered (ms)."""
        self.sequence = 0
        """Of the last published change; 0 before the first."""
        self.score = 0.0
        self.points: dict[str, float] = NOTHING
        """Score and points by criterion of the last published change."""
        self.due: int | None = None
        """No transition comes before this moment if nothing else happens; ``None``: none ever comes."""
        self.exact = False
        """Whether ``due`` is the moment itself."""
        self.books: dict[int, Book] = NOTHING
        self.said: Verdicts = profile.deciding.nothing
        """What facts say to its criteria and gates."""
        self._steady = True
        """Time alone can only lessen what the books give, once all signals have begun, and moves no gate."""
        self._calm = True
        """The same but for surges, …"""
        self._leap = 0.0
        """… which move the score by so much at most."""
        self._latest = 0
        """No counted signal begins after this moment."""
        self._ceiling = inf
        """The score cannot be above this (and what surges give), as long as the place is calm."""

    def rest(self) -> Resting:
        """What outlives a version of the profile, and its retirement: sequences must go on without a gap."""
        return self.tier, self.since, self.sequence, self.score, self.points

    def resume(self, resting: Resting) -> None:
        """Go on from where an older version left off."""
        self.tier, self.since, self.sequence, self.score, points = resting
        self.points = points or NOTHING

    def build(self, facts: Mapping[str, Any], ledger: Ledger, folded: dict[str, Folded]) -> None:
        """Derive fact values and books, as after loading or under a new profile version."""
        self.weigh(facts)
        self.books = NOTHING
        self._steady, self._calm, self._leap, self._latest, self._ceiling = True, True, 0.0, 0, inf
        for number, rule in enumerate(self.profile.rules):
            if rule is not None and rule.fingerprint in folded:
                self._open(number, folded)
        for type_ in self.profile.by_type:
            for entry in ledger.of(type_):
                if ledger.counts(entry):
                    self.count(entry, folded)

    def weigh(self, facts: Mapping[str, Any]) -> bool:
        """Decide every criterion and gate that reads facts anew; tell whether that can move the account.

        ``facts``: known values by member.
        """
        was, self.said = self.said, self.profile.deciding.verdicts(facts)
        if was is self.said or (was.values == self.said.values and was.gates == self.said.gates):
            return False
        self._ceiling = inf
        return True

    def count(self, entry: Entry, folded: dict[str, Folded]) -> float | None:
        """A signal begins to count. Tells what it can raise the score by at most; ``None`` where no rule matched.

        Infinite where it may do more than that: lower the score, shut a gate, or move it again as time passes.
        """
        matched, lift, leaps = False, 0.0, False
        scales = self.profile.scales
        for number in self.profile.by_type.get(entry.type, ()):
            book = self.books.get(number)
            if book is None:
                rule = self.profile.rules[number]
                assert rule is not None
                if not rule.matches(entry.data):
                    continue  # what is folded has a book since it was built, or since it was counted
                book = self._open(number, folded)
            slept = book.asleep
            gain = book.add(entry)
            if gain is not None:
                matched = True
                if book.rule.surge is not None and number < len(scales):
                    if book.asleep:
                        continue
                    leaps = True
                    if slept:
                        self._survey()
                else:
                    lift += gain * scales[number] if number < len(scales) else inf
            elif not len(book.counted) and book.folded is None:
                del self.books[number]
                self._survey()
        if not matched:
            return None
        self._latest = max(self._latest, entry.time)
        if lift == inf:
            self._survey()
        self._ceiling += lift
        return inf if leaps else lift

    def steady(self, now: int) -> bool:
        """Whether from ``now`` on time alone can only lessen the score, and moves no gate.

        May say no where a signal that stood against it was forgotten; ``build`` sees that.
        """
        return self._steady and self._latest <= now

    def stuck(self, now: int, values: Sequence[float]) -> bool:
        """Whether time alone moves the tier no more: at the bottom, and not even all surges at once would lift it out.

        ``values``: what every criterion gives ``now``. Surges come and go; all else only falls.
        """
        ladder = self.profile.ladder
        if self.tier != ladder.lowest or not self._calm or self._latest > now or not _are_plain(values):
            return False
        return _is_below(self.profile.total(values)[0] + self._leap, ladder.above[self.tier])

    def holds(self, now: int) -> bool:
        """Whether the tier machine gives what it gave when last asked, nothing but gains having been counted since."""
        above = self.profile.ladder.above.get(self.tier)
        if above is None or self._latest > now:
            return False
        if self._steady:
            return _is_below(self._ceiling, above)
        return self._calm and self.tier == self.profile.ladder.lowest and _is_below(self._ceiling + self._leap, above)

    def seen(self, values: Sequence[float], score: float, now: int) -> None:
        """The tier machine was asked at ``now``, and gave the tier that stands. ``values``: what every criterion gives.

        What begins later gives nothing yet: a score that lacks it is no ceiling.
        """
        self._ceiling = score if self._calm and self._latest <= now and _are_plain(values) else inf

    def discount(self, entry: Entry) -> None:
        """A signal ceases to count."""
        for book in self._books_of(entry):
            book.remove(entry)
        self._survey()  # within a limit another takes its place, which may give less than nothing
        self._ceiling = inf

    def forget(self, entry: Entry, folded: dict[str, Folded], done: set[str], now: int) -> None:
        """The ledger forgets a counted signal. ``done``: rules that have folded it already, under another profile."""
        for book in self._books_of(entry):
            if book.rule.fingerprint in done:
                book.folded = folded.get(book.rule.fingerprint)
                book.drop(entry)
            else:
                book.fold(entry, now)
                done.add(book.rule.fingerprint)
                if book.folded is not None:
                    folded[book.rule.fingerprint] = book.folded

    def values(self, now: int) -> list[float]:
        """What every criterion gives at ``now``, before group cap and weight."""
        values = self.said.values.copy()
        size = len(values)
        for number, book in self.books.items():
            if number < size:
                values[number] = book.value(now)
        return values

    def shut(self, now: int) -> bool:
        """Whether some gate disqualifies at ``now``."""
        if self.said.shut:
            return True
        gates = self.profile.timed_gates
        return bool(gates) and any(self._shut(number, now) for number in gates)

    def reasons(self, now: int) -> list[str]:
        """Why the account is disqualified at ``now``, in the order of the profile."""
        gates = self.profile.gates
        return [gate.reason for number, gate in enumerate(gates) if self._shut(number, now)]

    def gate_book(self, number: int) -> Book | None:
        """The book of a gate that reads signals."""
        return self.books.get(len(self.profile.criteria) + number)

    def _survey(self) -> None:
        """Look through the books for what time may do to the score."""
        scales = self.profile.scales
        self._steady, self._calm, self._leap = True, True, 0.0
        for number, book in self.books.items():
            if number >= len(scales):
                self._steady = self._calm = False
            elif book.asleep:
                continue
            elif book.rule.surge is not None:
                self._steady = False
                self._leap += abs(book.rule.points) * scales[number]
            elif not book.only_falls:
                self._steady = self._calm = False

    def _shut(self, number: int, now: int) -> bool:
        gate = self.profile.gates[number]
        if gate.signals is None:
            return gate.shuts(self.said.gates[number])
        book = self.gate_book(number)
        return gate.shuts(book is not None and book.open(now))

    def _open(self, number: int, folded: Mapping[str, Folded]) -> Book:
        rule = self.profile.rules[number]
        assert rule is not None
        book = Book(rule, folded.get(rule.fingerprint))
        books = {**self.books, number: book}
        # one order, whatever came first: sums must not depend on it
        self.books = dict(sorted(books.items())) if len(books) > 1 else books
        self._survey()
        return book

    def _books_of(self, entry: Entry) -> Iterable[Book]:
        numbers = self.profile.by_type.get(entry.type, ())
        return [self.books[number] for number in numbers if number in self.books]


def _are_plain(values: Sequence[float]) -> bool:
    """Sums of very large numbers are too coarse to tell from a bound on which side of a line a score is."""
    return not values or (max(values) < PLAIN and min(values) > -PLAIN)


def _is_below(bound: float, line: float) -> bool:
    return bound + 1e-6 + 1e-9 * abs(bound) < line
