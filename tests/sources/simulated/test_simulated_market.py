"""What the market as a whole promises."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from schemas.signals import SIGNAL_TYPES
from stream.identity.canonical import canonical_account
from stream.sources.simulated import simulate
from stream.sources.simulated.companies import found

if TYPE_CHECKING:
    from stream.sources.simulated import Market

    from .conftest import Read


def test_the_same_seed_gives_the_same_bytes() -> None:
    """Two markets of one seed are equal byte for byte; another seed gives other companies and records."""
    one, same, other = (simulate(accounts=40, days=60, seed=seed) for seed in (3, 3, 4))
    assert list(one.records) == list(same.records)
    assert one.truth == same.truth
    assert list(one.records) != list(other.records)
    assert one.truth.keys() != other.truth.keys()


def test_records_can_be_read_again() -> None:
    """Each look at `records` begins with the first, and their number is known."""
    market = simulate(accounts=5, days=30)
    assert list(market.records) == list(market.records)
    assert len(market) == len(list(market.records))


def test_a_market_can_begin_at_any_time() -> None:
    """Every record time lies within the market's own time, wherever that is."""
    start = int(datetime(2031, 5, 6, 7, tzinfo=UTC).timestamp() * 1000)
    market = simulate(accounts=30, days=40, start_ms=start)
    assert market.start_ms == start
    assert all(market.start_ms <= recorded < market.end_ms for recorded, _, _ in market.records)


def test_an_empty_market_is_refused() -> None:
    """Without accounts or days there is no market."""
    with pytest.raises(ValueError, match="at least one account"):
        simulate(accounts=0)


def test_record_times_never_step_back(market: Market) -> None:
    """Record times are non-decreasing, as in a log."""
    assert all(a[0] <= b[0] for a, b in pairwise(market.records))


def test_the_default_market_has_the_size_and_speed_of_a_demo(timed: tuple[Market, float]) -> None:
    """60,000 to 100,000 records of 2,000 accounts, in less than 5 seconds of processor time."""
    market, seconds = timed
    assert len(market.companies) == 2000
    assert 60_000 <= len(market) <= 100_000
    assert seconds < 5


def test_nothing_is_said_but_by_a_simulated_source(read: list[Read]) -> None:
    """Every source says that it is simulated, so that no record can pass for a real vendor's."""
    assert {one.event["source"].split("/")[0] for one in read} == {"simulated"}


def test_every_type_of_signal_occurs(read: list[Read]) -> None:
    """The demo shows every type of the contract."""
    assert {one.type for one in read} >= SIGNAL_TYPES


def test_an_import_can_tell_the_record_time(read: list[Read]) -> None:
    """`recordedtime` is the record time, but for exact repeats, whose bytes are those of the first delivery."""
    told: Counter[bool] = Counter()
    seen: set[str] = set()
    for one in read:
        stamp = int(datetime.fromisoformat(one.event["recordedtime"]).timestamp() * 1000)
        again = one.event["id"] in seen
        seen.add(one.event["id"])
        assert stamp <= one.recorded if again else stamp == one.recorded
        told[again] += 1
    assert told[True] > 100


def test_companies_are_believable_and_nobody_real(market: Market) -> None:
    """Every domain is an account of its own and reserved; most companies are American; revenue follows size."""
    domains = [company.domain for company in market.companies]
    assert len(set(domains)) == len(domains)
    assert all(canonical_account(domain) == domain for domain in domains)
    assert all(domain.endswith(".home.arpa") for domain in domains)
    assert sum(company.country == "US" for company in market.companies) > len(domains) / 2
    by_size = sorted(market.companies, key=lambda company: company.employees)
    small, large = by_size[: len(by_size) // 4], by_size[-len(by_size) // 4 :]
    assert max(company.annual_revenue_usd for company in small) < min(c.annual_revenue_usd for c in large) * 3
    assert 100 < by_size[len(by_size) // 2].employees < 600


def test_names_never_repeat() -> None:
    """Even a market with more companies than syllables can name has a domain for each."""
    domains = {found(index, 7)[0].domain for index in (*range(3_000), *range(47_000, 50_000), 96_001)}
    assert len(domains) == 6_001


def test_no_hidden_thing_is_told(market: Market) -> None:
    """No record carries fit, appetite or state: the truth is not in the feeds."""
    for _, _, value in market.records:
        assert not any(word in value for word in (b'"fit"', b'"appetite"', b'"stirring"', b'"attention"'))


def test_truth_names_every_account(market: Market) -> None:
    """Every account has its windows in the truth, ordered and within reach of the market; few accounts have any."""
    assert set(market.truth) == {company.domain for company in market.companies}
    for windows in market.truth.values():
        assert all(a < b and b > market.start_ms and a < market.end_ms for a, b in windows)
        assert all(one[1] <= two[0] for one, two in pairwise(windows))
    buyers = sum(bool(windows) for windows in market.truth.values())
    assert 0.08 < buyers / len(market.truth) < 0.3


def test_json_has_only_plain_members(read: list[Read]) -> None:
    """Every envelope has the members of CloudEvents and the import's record time, and no others."""
    members = {"specversion", "id", "source", "type", "subject", "time", "recordedtime", "data"}
    assert all(set(one.event) == members for one in read)
    assert json.dumps(read[0].event)
