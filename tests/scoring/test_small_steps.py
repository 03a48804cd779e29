"""Small profiles and dense histories of one account, some signals ahead of their time, against the reference.

Short cuts of the core (the tier machine is not asked where nothing can move) are wrong, if at all, within seconds:
where a signal begins between two others, where a dwell ends, where a window shuts. General histories pass that by.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest

from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.values import Signal
from tests.scoring.reference import Item, PlainSignal, replay

ROUNDS = int(os.environ.get("ROUNDS", "250"))
START = 1_790_000_000_000


def a_profile(rng: random.Random) -> dict[str, Any]:
    """Three tiers over a fact, and signals that decay in every way."""
    slow, floored = {"linear": "20s"}, {"half_life": "2s", "floor": 0.2}
    decay = [{"half_life": "5s"}, {"linear": "8s"}, {"window": "3s"}, floored, slow]
    timing: list[dict[str, Any]] = [
        {"id": "funding", "signal": "funding_round", "points": 40, "decay": rng.choice(decay)},
        {"id": "reading", "signal": "content_consumption", "points": rng.choice([4, 9]), "cap": 30,
         "decay": rng.choice(decay)},
        {"id": "hiring", "signal": "job_posting", "points": 10, "decay": rng.choice(decay), "cap": 20,
         "limit": {"count": 2, "per": "2s"}},
    ]  # fmt: skip
    if rng.random() < 0.4:
        timing.append({"id": "news", "signal": "news_mention", "points": -12, "decay": rng.choice(decay)})
    if rng.random() < 0.5:
        surge = {"recent": "2s", "baseline": rng.choice(["2s", "6s"]), "at_least": 1.5, "min_count": rng.choice([1, 2])}
        points = rng.choice([15, 30, -15])
        timing.append({"id": "rush", "signal": "content_consumption", "surge": surge, "points": points})
    profile: dict[str, Any] = {
        "profile": "quick",
        "version": 1,
        "groups": [
            {"name": "fit", "criteria": [{"id": "big", "when": {"employees": {"gte": 100}}, "points": 20}]},
            {"name": "timing", "criteria": timing},
        ],
        "tiers": [
            {"name": "hot", "enter": 50, "leave": 45},
            {"name": "warm", "enter": 25, **({"dwell": "1s"} if rng.random() < 0.6 else {"leave": 20})},
            {"name": "cold"},
        ],
    }
    if rng.random() < 0.5:
        profile["exclude"] = [{"id": "layoffs", "signal": "layoff", "decay": {"window": "2s"}}]
    return profile


def a_history(rng: random.Random) -> list[tuple[int, str, int, dict[str, Any]]]:
    """(record time, type, time, data), milliseconds to seconds apart."""
    told = []
    now = START
    for _ in range(rng.randrange(3, 25)):
        now += rng.choice([0, 5, 40, 300, 900, 1_500, 4_000])
        kind, data = rng.choice([
            ("funding_round", {"series": "b"}), ("content_consumption", {"topic": rng.choice("ab")}),
            ("content_consumption", {"topic": "c"}),
            ("job_posting", {"title": "E", "posting_id": str(rng.randrange(9))}),
            ("news_mention", {"title": "x"}), ("layoff", {}),
            ("account_update", {"facts": {"employees": rng.choice([10, 1_000, None])}}),
        ])  # fmt: skip
        told.append((now, kind, now - rng.choice([0, 0, 3, 500, 4_000, -1, -300, -2_500, -60_000]), data))
    return told


@pytest.mark.parametrize("part", range(5))
def test_dense_histories_of_one_account(part: int) -> None:
    """Every change has the moment, the tiers and the cause that the reference finds in the whole history."""
    for seed in range(part * ROUNDS // 5, (part + 1) * ROUNDS // 5):
        rng = random.Random(seed)
        profile, history = a_profile(rng), a_history(rng)
        partition = Partition(Engine(), Memory())
        partition.activate(compile_profile(profile), START - 1_000)
        items = [Item("profile_activated", START - 1_000, profile_doc=profile)]
        found = []
        for number, (now, kind, time, data) in enumerate(history):
            found += partition.signal(Signal("acme.com", "t", str(number), kind, time, data), now).changes
            items.append(Item("signal", now, "acme.com", PlainSignal("acme.com", "t", str(number), kind, time, data)))
        end = history[-1][0] + 90_000
        found += partition.advance(end)
        ours = [(c.effective_at, c.from_tier, c.standing.tier, c.cause) for c in found]
        wanted = replay(items, until=end).changes
        theirs = [(c["effective_at"], c["from_tier"], c["to_tier"], c["cause"]) for c in wanted]
        assert ours == theirs, f"seed {seed}: {profile} {history}"
