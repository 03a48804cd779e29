"""The state of an account: bounded, cheap to store, cheap to go on with, and safe between releases."""

from __future__ import annotations

import json
from statistics import median
from time import perf_counter_ns
from typing import Any

import pytest

from stream.scoring.engine import Limits
from stream.scoring.profile import Profiles, compile_profile
from stream.scoring.state import FORMAT, AccountState, StateTooNew

from .builders import DAY_MS, Desk, day, line, profile
from .running import Restarting, Storing

MINUTES = 1 / 1_440

TYPICAL = profile(
    line(points=2, cap=30, decay={"half_life": "14d"}),
    line("executive_hire", 20, decay={"half_life": "90d"}),
    line("job_posting", 3, cap=15, decay={"linear": "60d"}),
    line("layoff", -10, decay={"window": "30d"}),
    {"id": "size", "when": {"employees": {"gte": 100}}, "points": 10},
    tiers=[{"name": "hot", "enter": 45, "leave": 40}, {"name": "warm", "enter": 20, "dwell": "1d"}, {"name": "cold"}],
)


def test_ten_thousand_signals() -> None:
    """Of ten thousand signals no more are kept than the bound says; the header stays small; and all in all each signal
    is written into one sealed chunk once.
    """
    accounts = Storing()
    desk = Desk(TYPICAL, Limits(remembered=512), accounts)
    for number in range(10_000):
        desk.tell(number * 10 * MINUTES, topic="crm")
    state = desk.state
    assert len(state.ledger) == 512
    assert len(state.open) <= 64
    assert sum(map(len, state.chunks.values())) + len(state.open) == 512
    assert set(accounts.chunks["acme.com"]) == set(state.chunks)
    assert len(accounts.chunks["acme.com"]) <= 512 // 64 + 2
    assert max(accounts.header_bytes) < 8_000
    assert len(accounts.chunk_bytes) <= 10_000 / 64
    assert sum(accounts.chunk_bytes) / 10_000 < 120


def test_retractions_rewrite_no_chunks() -> None:
    """A storm of retractions, half of them of signals that never come, is bounded like everything else."""
    accounts = Storing()
    desk = Desk(TYPICAL, Limits(remembered=256), accounts)
    for number in range(1_000):
        desk.tell(number * MINUTES, id_=f"k{number}", topic="crm")
        desk.take_back(number * MINUTES, f"k{number}" if number % 2 else f"never{number}", number * MINUTES)
    assert len(desk.state.ledger) == 256
    assert len(desk.state.ledger.retracted) <= 256
    assert len(accounts.chunk_bytes) <= 2 * 2_000 / 64
    assert max(accounts.header_bytes) < 12_000


def test_what_is_stored_is_what_is_loaded() -> None:
    """The stored form of a loaded state is the stored form."""
    accounts = Restarting()
    desk = Desk(TYPICAL, Limits(remembered=100), accounts)
    for number in range(300):
        desk.tell(number / 10, topic="crm")
    desk.tell(31, "account_update", facts={"employees": 200, "custom": {"plan": "pro", "none": None}})
    header = json.loads(accounts.headers["acme.com"])
    loaded = accounts.get("acme.com")
    assert loaded is not None
    again, chunks = loaded.to_stored()
    assert json.loads(json.dumps(again)) == header
    assert chunks == {}


def stored(**changed: Any) -> dict[str, Any]:
    """The header of an account that was told one signal, with some of it changed."""
    desk = Desk(TYPICAL)
    desk.tell(0, topic="crm")
    return json.loads(json.dumps(desk.state.to_stored()[0])) | changed


def test_a_newer_state_is_refused() -> None:
    """A state that a newer release wrote is refused with an error that says of whom, and what to do."""
    with pytest.raises(StateTooNew, match=r"acme\.com has format 3, this release reads up to 2; run the newer release"):
        AccountState.from_stored(stored(v=FORMAT + 1), {}, Profiles([compile_profile(TYPICAL)]))


def test_an_older_state_is_read() -> None:
    """This format, and any before it, is read."""
    for version in range(FORMAT + 1):
        state = AccountState.from_stored(stored(v=version), {}, Profiles([compile_profile(TYPICAL)]))
        state.build()
        assert state.places["p"].profile.total(state.places["p"].values(day(0)))[0] == 2.0


def microseconds(desk: Desk, start: float, count: int) -> float:
    """The median time that a signal takes."""
    spent = []
    for number in range(count):
        before = perf_counter_ns()
        desk.tell(start + number * MINUTES, topic="crm")
        spent.append(perf_counter_ns() - before)
    return median(spent) / 1_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    [
        {"cap": 30, "decay": {"half_life": "14d"}},
        {"cap": "none", "decay": {"linear": "60d"}},
        {"decay": {"window": "60d"}},
        {"points": -2, "cap": -20, "decay": {"half_life": "14d"}},
        {"surge": {"recent": "7d", "baseline": "28d", "at_least": 3.0, "min_count": 5}},
        {"limit": {"count": 3, "per": "1d"}, "cap": 30, "decay": {"half_life": "14d"}},
    ],
    ids=["half-life", "line", "strongest", "negative", "surge", "limit"],
)
def test_time_per_signal_is_flat(rule: dict[str, Any]) -> None:
    """A signal takes an account with 4,000 remembered ones less than one and a half times as long as one with ten."""
    few, many = Desk(profile(line(**rule))), Desk(profile(line(**rule)))
    for desk, count in ((few, 10), (many, 4_000)):
        for number in range(count):
            desk.tell(number * 10 * MINUTES, topic="crm")
    microseconds(few, 28, 5)
    ratios = []
    for _ in range(5):  # whatever else the machine does now it does to both
        fresh = Desk(profile(line(**rule)))
        for number in range(10):
            fresh.tell(number * 10 * MINUTES, topic="crm")
        start = 28 + len(ratios)
        ratios.append(microseconds(many, start, 15) / microseconds(fresh, start, 15))
    assert median(ratios) < 1.5, ratios


def test_memory_of_limits_is_in_days_and_numbers() -> None:
    """Unless told otherwise an account remembers 180 days and 4,096 signals."""
    assert Limits() == Limits(horizon=180 * DAY_MS, remembered=4_096, ahead=600_000)
