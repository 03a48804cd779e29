"""The hidden buying process: one company's life as spans of state and the things that happened in them.

Events and state drive each other. The state sets how often each kind of thing happens; a catalyst (a new head of
data, a funding round, a rival dropped) may move a company on, the sooner the better it fits, and a layoff may stop it.
"""

from __future__ import annotations

import math
from bisect import bisect
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from stream.sources.simulated import rates
from stream.sources.simulated.rates import DAY, MONTH, State

if TYPE_CHECKING:
    import random

    from stream.sources.simulated.companies import Company

# what the market adds to every life, whatever the state: told in stream.sources.simulated.feeds
RUMOUR = "rumour"
MALFORMED = "malformed"


@dataclass(slots=True)
class Life:
    """What really happened to one company.

    `spans`: (start, end, state) in epoch milliseconds, without a gap; the first may start before the market and the
    last end after it. `happenings`: (time, kind) in order of time, within the market only.
    """

    spans: list[tuple[int, int, State]] = field(default_factory=list)
    happenings: list[tuple[int, str]] = field(default_factory=list)

    def windows(self, start: int, end: int) -> list[tuple[int, int]]:
        """The times of buying that touch [start, end), whole: a decision may lie after the market's end."""
        return [(a, b) for a, b, state in self.spans if state is State.BUYING and b > start and a < end]


def live(company: Company, rng: random.Random, start: int, end: int) -> Life:
    """Live one company from long before `start` until `end` (epoch milliseconds)."""
    life = Life()
    kinds, running = _table(company)
    now = float(start - rates.BURN_IN * DAY)
    state, since = State.QUIET, now
    until = now + _stay(rng, state, company)
    while now < end:
        totals = running[state]
        arrival = now + rng.expovariate(totals[-1]) * MONTH
        moved: State | None
        if arrival >= until:
            now, moved = until, _next(rng, state, company)
        else:
            now = arrival
            kind = kinds[bisect(totals, rng.random() * totals[-1])]
            if start <= now < end:
                life.happenings.append((int(now), kind))
            moved = _shaken(rng, state, kind, company)
        if moved is not None:
            life.spans.append((int(since), int(now), state))
            state, since = moved, now
            until = now + _stay(rng, state, company)
    life.spans.append((int(since), int(until), state))
    return life


def monthly(company: Company, state: State) -> dict[str, float]:
    """Events per 30 days of each kind for this company in `state`."""
    factors = {"attention": company.attention, "size": company.size, "steady": 1.0}
    table = {kind: rate.at(state) * factors[rate.scale] for kind, rate in rates.HAPPENINGS.items()}
    return {**table, RUMOUR: rates.RUMOUR, MALFORMED: rates.MALFORMED}


def _table(company: Company) -> tuple[list[str], dict[State, list[float]]]:
    """The kinds and, for each state, the running totals of their rates."""
    tables = {state: monthly(company, state) for state in State}
    return list(tables[State.QUIET]), {state: list(accumulate(table.values())) for state, table in tables.items()}


def _stay(rng: random.Random, state: State, company: Company) -> float:
    """How long, in milliseconds, it stays in a state it has just entered, if nothing shakes it."""
    if state is State.QUIET:
        if company.appetite <= 0:
            return 100 * 365.0 * DAY  # a competitor never stirs
        return rng.expovariate(company.appetite / rates.QUIET_DAYS) * DAY
    median, spread = {
        State.STIRRING: rates.STIRRING_DAYS,
        State.BUYING: rates.BUYING_DAYS,
        State.DONE: rates.DONE_DAYS,
        State.LAPSED: rates.LAPSED_DAYS,
    }[state]
    return rng.lognormvariate(math.log(median), spread) * DAY


def _next(rng: random.Random, state: State, company: Company) -> State:
    """The state after one that has run its time."""
    if state is State.QUIET:
        return State.STIRRING
    if state is State.STIRRING:
        return State.BUYING if rng.random() < rates.STIRRING_BUYS * company.appetite else State.QUIET
    if state is State.BUYING:
        return State.DONE if rng.random() < rates.BUYING_DECIDES else State.LAPSED
    return State.QUIET


def _shaken(rng: random.Random, state: State, kind: str, company: Company) -> State | None:
    """The state an event moves a company to, or None where it does not."""
    if kind == "layoff":
        stoppable = state in (State.STIRRING, State.BUYING)
        return State.LAPSED if stoppable and rng.random() < rates.LAYOFF_STOPS else None
    if state not in (State.QUIET, State.STIRRING) or kind not in rates.CATALYSTS:
        return None
    if rng.random() >= rates.CATALYSTS[kind] * company.appetite:
        return None
    return State.STIRRING if state is State.QUIET else State.BUYING
