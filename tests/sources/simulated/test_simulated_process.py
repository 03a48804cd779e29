"""The hidden process: states drive events, events drive states, fit drives both."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

from stream.sources.simulated import rates
from stream.sources.simulated.process import monthly
from stream.sources.simulated.rates import MONTH, State

if TYPE_CHECKING:
    from stream.sources.simulated import Market

RISING = [kind for kind, rate in rates.HAPPENINGS.items() if rate.buying > rate.quiet]


def test_rates_rise_with_the_state_except_layoffs() -> None:
    """No kind of event is rarer the nearer a company is to buying; layoffs alone are."""
    for kind, rate in rates.HAPPENINGS.items():
        if kind == "layoff":
            assert rate.quiet > rate.stirring > rate.buying > 0
        else:
            assert 0 < rate.quiet <= rate.stirring <= rate.buying
    assert {"pricing_view", "surge", "data_job", "data_hire", "rival_drop", "rival_review"} <= set(RISING)


def test_rates_of_a_company_follow_its_attention_and_size(market: Market) -> None:
    """A company's own rates are monotone in the state too, and noise never stops while it is quiet."""
    for company in market.companies[:50]:
        quiet, stirring, buying = (monthly(company, state) for state in (State.QUIET, State.STIRRING, State.BUYING))
        assert all(0 < quiet[kind] < stirring[kind] for kind in RISING if kind != "website")
        assert all(stirring[kind] <= buying[kind] for kind in RISING)


def test_what_happens_follows_the_state(market: Market) -> None:
    """Counted over all lives, prices are read, intent surges and data people are sought more in each next state."""
    events: Counter[tuple[str, State]] = Counter()
    exposure: Counter[State] = Counter()
    for life in market.lives.values():
        for start, end, state in life.spans:
            a, b = max(start, market.start_ms), min(end, market.end_ms)
            exposure[state] += max(0, b - a)
            events.update((kind, state) for time, kind in life.happenings if a <= time < b)
    for kind in ("page_view", "pricing_view", "surge", "data_job", "rival_review"):
        quiet, stirring, buying = (
            events[kind, state] / exposure[state] * MONTH for state in (State.QUIET, State.STIRRING, State.BUYING)
        )
        assert quiet < stirring < buying, kind


def test_lives_have_no_gaps(market: Market) -> None:
    """A company is in exactly one state at any time of the market, and buying comes after stirring."""
    for life in market.lives.values():
        assert life.spans[0][0] <= market.start_ms
        assert life.spans[-1][1] >= market.end_ms
        for one, two in pairwise(life.spans):
            assert one[1] == two[0]
            assert two[2] is not State.BUYING or one[2] is State.STIRRING
        assert all(a[0] <= b[0] for a, b in pairwise(life.happenings))


def test_fit_makes_buying_likelier_but_not_certain(market: Market) -> None:
    """Companies that fit buy several times as often as those that do not; those buy now and then; rivals never."""
    ranked = sorted((c for c in market.companies if not c.competitor), key=lambda company: company.fit)
    third = len(ranked) // 3
    low, high = (sum(len(market.truth[c.domain]) for c in part) for part in (ranked[:third], ranked[-third:]))
    assert high > 3 * low > 0
    assert not any(market.truth[company.domain] for company in market.companies if company.competitor)
