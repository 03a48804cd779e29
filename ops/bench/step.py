"""What one record costs the pure core: microseconds per step, and bytes of state per account.

    python ops/bench/step.py [--json] [--rounds 5]

Of each case the best of several rounds is told: what the code takes, not what else the machine does.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.state import AccountState
from stream.scoring.values import Signal

START_MS = 1_767_225_600_000
MINUTE_MS = 60_000
ACCOUNT = "acme.com"
BATCH = 200

PROFILE: dict[str, Any] = {
    "profile": "typical",
    "version": 1,
    "groups": [
        {
            "name": "firmographic",
            "criteria": [
                {"id": "size", "when": {"employees": {"between": [50, 5000]}}, "points": 15},
                {"id": "industry", "when": {"industry": {"in": ["technology", "manufacturing"]}}, "points": 10},
                {"id": "stack", "when": {"technologies": {"has_any": ["salesforce", "snowflake"]}}, "points": 10},
            ],
        },
        {
            "name": "behavioral",
            "criteria": [
                {"id": "hire", "signal": "executive_hire", "points": 20, "decay": {"half_life": "90d"}},
                {"id": "round", "signal": "funding_round", "points": 20, "decay": {"half_life": "120d"}},
                {"id": "cuts", "signal": "layoff", "points": -15, "decay": {"linear": "90d"}},
            ],
        },
        {
            "name": "intent",
            "cap": 30,
            "criteria": [
                {
                    "id": "reading",
                    "signal": "content_consumption",
                    "where": {"topic": {"in": ["crm", "data"]}},
                    "points": 2,
                    "cap": 25,
                    "decay": {"half_life": "14d"},
                },
                {"id": "surge", "signal": "intent_surge", "points": 15, "decay": {"window": "21d"}},
            ],
        },
    ],
    "tiers": [{"name": "hot", "enter": 60, "leave": 55}, {"name": "warm", "enter": 30, "leave": 27}, {"name": "cold"}],
}

FACTS: dict[str, Any] = {
    "name": "Acme Incorporated",
    "industry": "manufacturing",
    "sub_industry": "industrial machinery",
    "employees": 1200,
    "annual_revenue_usd": 310_000_000,
    "country": "US",
    "region": "North America",
    "stage": "growth",
    "technologies": ["salesforce", "snowflake", "kafka", "workday"],
    "owner": "dana.roe@example.com",
    "custom.plan": "enterprise",
}


class Bench:
    """One account under the typical profile, told as many signals as wanted."""

    def __init__(self, remembered: int) -> None:
        self.partition = Partition(Engine(), Memory())
        self.partition.activate(compile_profile(PROFILE), START_MS)
        self.now = START_MS
        self.count = 0
        self.tell("account_update", {"facts": FACTS})
        for _ in range(remembered - 1):
            self.tell("content_consumption", {"topic": "crm", "kind": "page_view"})

    def tell(self, kind: str, data: dict[str, Any]) -> None:
        """The next signal, ten minutes after the last."""
        self.now += 10 * MINUTE_MS
        self.count += 1
        self.partition.signal(Signal(ACCOUNT, "crm", f"s-{self.count:06d}", kind, self.now, data), self.now)

    def tell_again(self) -> None:
        """The last signal, delivered twice."""
        signal = Signal(ACCOUNT, "crm", f"s-{self.count:06d}", "content_consumption", self.now, {"topic": "crm"})
        self.partition.signal(signal, self.now)

    @property
    def state(self) -> AccountState:
        """The account."""
        state = self.partition.accounts.get(ACCOUNT)
        assert state is not None
        return state


def best(rounds: int, setup: Callable[[], Any], step: Callable[[Any], object], batch: int = BATCH) -> float:
    """Microseconds of one step: the best round of so many, each on a fresh subject."""
    found = float("inf")
    for _ in range(rounds):
        subject = setup()
        before = perf_counter_ns()
        for _ in range(batch):
            step(subject)
        found = min(found, (perf_counter_ns() - before) / batch / 1_000)
    return found


def read(bench: Bench) -> None:
    """A counted signal."""
    bench.tell("content_consumption", {"topic": "crm", "kind": "page_view"})


def update(bench: Bench) -> None:
    """A fact that changes but moves no tier."""
    bench.tell("account_update", {"facts": {"employees": 1_000 + bench.count % 7}})


def visit(bench: Bench) -> None:
    """A signal of a type that no profile reads."""
    bench.tell("website_change", {"kind": "redesign"})


def swing(bench: Bench) -> None:
    """A fact that moves the account out of its tier, or back: a change, explained, every time."""
    bench.tell("account_update", {"facts": {"employees": 1_200 if bench.count % 2 else 3}})


def load_and_store(remembered: int) -> tuple[Callable[[], Any], Callable[[Any], object], Callable[[Any], object]]:
    """A stored account of so many signals, how to load it (built), and how to store it."""

    def setup() -> tuple[Bench, Any, Any]:
        bench = Bench(remembered)
        return bench, *bench.state.to_stored()

    def load(subject: tuple[Bench, Any, Any]) -> None:
        bench, header, chunks = subject
        AccountState.from_stored(header, chunks, bench.partition.timeline.profiles).build()

    return setup, load, lambda subject: subject[0].state.to_stored()


def measure(rounds: int) -> dict[str, float]:
    """Every figure by name."""
    figures: dict[str, float] = {}
    for remembered in (10, 1_000, 3_800):
        figures[f"counted signal, {remembered:,} remembered (us)"] = best(rounds, lambda n=remembered: Bench(n), read)
    figures["duplicate (us)"] = best(rounds, lambda: Bench(10), Bench.tell_again)
    figures["fact update (us)"] = best(rounds, lambda: Bench(10), update)
    figures["signal no profile reads (us)"] = best(rounds, lambda: Bench(10), visit)
    figures["tier change, explained (us)"] = best(rounds, lambda: Bench(1), swing)
    for remembered in (5, 64):
        setup, load, store = load_and_store(remembered)
        figures[f"from_stored and build, {remembered} signals (us)"] = best(rounds, setup, load)
        figures[f"to_stored, {remembered} signals (us)"] = best(rounds, setup, store)
    figures["state, 5 signals and facts (bytes)"] = len(orjson.dumps(Bench(5).state.to_stored()[0]))
    figures["of which facts as told (bytes)"] = len(orjson.dumps(FACTS))
    return figures


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of which the best is told (default: 5)")
    asked = parser.parse_args()
    figures = measure(asked.rounds)
    if asked.json:
        sys.stdout.write(json.dumps({"python": platform.python_version(), "figures": figures}, indent=2) + "\n")
        return
    width = max(map(len, figures))
    for name, value in figures.items():
        sys.stdout.write(f"{name:<{width}}  {value:>10,.1f}\n")


if __name__ == "__main__":
    main()
