"""The demo's profile suits the demo's market."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from schemas.profiles import validate_profile
from stream.identity.canonical import canonical_account
from stream.sources.simulated.rates import DAY
from tests.scoring.reference.scoring import prepare
from tests.scoring.reference.values import PlainSignal

from .test_simulated_faults import trouble

if TYPE_CHECKING:
    from stream.sources.simulated import Market

    from .conftest import Read

PROFILE = Path(__file__).parents[3] / "examples" / "profiles" / "demo" / "demo.yaml"
SAMPLED = 500
WEEKS = range(4, 26)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    """The profile as it is in the file."""
    return dict(YAML(typ="safe").load(PROFILE.read_text(encoding="utf-8")))


def test_it_is_a_profile_of_a_sensible_length(document: dict[str, Any]) -> None:
    """It satisfies the contract, with ten criteria at most, three tiers and a reason to leave each."""
    profile = validate_profile(document)
    assert sum(len(group.criteria) for group in profile.groups) <= 10
    assert [tier.name for tier in profile.tiers] == ["hot", "warm", "cold"]
    assert all(tier.leave is not None and tier.dwell for tier in profile.tiers[:-1])


def test_hot_accounts_are_buying_several_times_as_often(
    market: Market, read: list[Read], document: dict[str, Any]
) -> None:
    """Looked at once a week, a few per cent of accounts are hot, and they are buying 4 to 18 times as often.

    The bounds are wide because a quarter of the market is looked at; all of it comes to about ten.
    """
    told: dict[str, list[tuple[int, PlainSignal]]] = defaultdict(list)
    seen = set()
    for one in read:
        identity = (one.event["source"], one.event["id"])
        if trouble(one) is None and one.type != "account_alias" and identity not in seen:
            seen.add(identity)
            account, time = canonical_account(one.event["subject"]), datetime.fromisoformat(one.event["time"])
            signal = PlainSignal(account, *identity, one.type, int(time.timestamp() * 1000), one.event["data"])
            told[account].append((one.recorded, signal))
    line = document["tiers"][0]["enter"]
    days: Counter[tuple[bool, bool]] = Counter()
    for company in market.companies[:SAMPLED]:
        for week in WEEKS:
            now = market.start_ms + week * 7 * DAY
            result = prepare([signal for at, signal in told[company.domain] if at <= now], document).at(now)
            hot = result.score >= line and not result.disqualified
            days[hot, any(a <= now < b for a, b in market.truth[company.domain])] += 1
    hot_share = (days[True, True] + days[True, False]) / days.total()
    precision = days[True, True] / (days[True, True] + days[True, False])
    rest = days[False, True] / (days[False, True] + days[False, False])
    assert 0.01 < hot_share < 0.06
    assert 4 < precision / rest < 18
