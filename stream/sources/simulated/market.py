"""The simulated market: what its feeds deliver, and the truth that none of them tells."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from stream.sources.simulated.companies import Company, found
from stream.sources.simulated.feeds import Reporter
from stream.sources.simulated.process import Life, live
from stream.sources.simulated.rates import DAY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stream.sources.simulated.delivery import Record

START_MS: Final = 1_767_225_600_000
"""The default first moment: 2026-01-01T00:00:00Z."""


@dataclass(frozen=True, slots=True)
class Market:
    """A market over [start_ms, end_ms).

    `truth`: for every account its windows of buying as (start, end) in epoch milliseconds, none for most; whole, so
    the first may begin before the market and the last be decided after it. `lives`: the same with all hidden states.
    `faults`: how many records each fault of the feeds touched.
    """

    start_ms: int
    end_ms: int
    companies: tuple[Company, ...] = field(repr=False)
    truth: Mapping[str, list[tuple[int, int]]] = field(repr=False)
    lives: Mapping[str, Life] = field(repr=False)
    faults: Mapping[str, int]
    _records: tuple[Record, ...] = field(repr=False)

    @property
    def records(self) -> Iterator[Record]:
        """(record time in epoch milliseconds, key, value) in non-decreasing record time; from the first each time."""
        return iter(self._records)

    def __len__(self) -> int:
        """How many records there are."""
        return len(self._records)


def simulate(accounts: int = 2000, days: int = 180, seed: int = 7, start_ms: int = START_MS) -> Market:
    """A market of so many accounts over so many days: the same for the same arguments, byte for byte.

    Raises ValueError for a market without accounts or days.
    """
    if accounts < 1 or days < 1:
        raise ValueError(f"a market needs at least one account and one day, not {accounts} and {days}")
    end = start_ms + days * DAY
    faults: Counter[str] = Counter()
    companies: list[Company] = []
    lives: dict[str, Life] = {}
    records: list[Record] = []
    for index in range(accounts):
        company, rng = found(index, seed)
        life = live(company, rng, start_ms, end)
        companies.append(company)
        lives[company.domain] = life
        records.extend(Reporter(company, rng, start_ms, end, faults).report(life))
    records.sort(key=itemgetter(0))  # stable: what is recorded in one millisecond stays in the order it was told
    truth = {domain: life.windows(start_ms, end) for domain, life in lives.items()}
    return Market(start_ms, end, tuple(companies), truth, lives, dict(faults), tuple(records))
