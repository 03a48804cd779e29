"""The grade beside the score: rows say how good the fit is, columns how good the time."""

from __future__ import annotations

import pytest

from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import Signal

DAY = 86_400_000

PROFILE = {
    "profile": "grid",
    "version": 1,
    "groups": [
        {"name": "fit", "criteria": [{"id": "size", "when": {"employees": {"gte": 100}}, "points": 30},
                                     {"id": "us", "when": {"country": {"eq": "US"}}, "points": 10}]},
        {"name": "tech", "cap": 60, "criteria": [
            {"id": "adopted", "signal": "technology_change", "points": 20, "cap": "none"}]},
        {"name": "intent", "weight": 40, "out_of": 10, "criteria": [
            {"id": "reading", "signal": "content_consumption", "points": 10, "decay": {"linear": "10d"}}]},
    ],
    "grid": {"rows": ["fit", "tech"], "columns": ["intent"]},
    "tiers": [{"name": "hot", "enter": 60}, {"name": "cold"}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("facts", "adoptions", "days", "grade"),
    [
        ({}, 0, 99, "D4"),
        ({"employees": 500}, 0, 0, "C1"),  # 30 of the 100 that fit (40) and tech (its cap, 60) can give
        ({"employees": 500, "country": "us"}, 1, 2, "B1"),  # 60 of 100; intent 32 of 40
        ({"employees": 500, "country": "us"}, 2, 5, "A2"),  # 80 of 100; intent 20 of 40
        ({"employees": 500, "country": "us"}, 9, 7, "A3"),  # the cap bounds it; intent 12 of 40
        ({"country": "us"}, 0, 8, "D4"),  # 10 of 100; intent 8 of 40
    ],
)
def test_grade(facts: dict[str, object], adoptions: int, days: int, grade: str) -> None:
    """Shares of the most that groups can give, against the lines 75, 50 and 25: on a line is inside."""
    partition = Partition(Engine(), Memory())
    partition.activate(compile_profile(PROFILE), 0)
    start = 400 * DAY
    partition.signal(Signal("acme.com", "crm", "f", "account_update", start, {"facts": facts}), start)
    for number in range(adoptions):
        data = {"technology": str(number), "change": "adopted"}
        partition.signal(Signal("acme.com", "t", str(number), "technology_change", start, data), start)
    if days < 99:
        partition.signal(Signal("acme.com", "web", "r", "content_consumption", start, {"topic": "crm"}), start)
    partition.advance(start + days % 99 * DAY)
    state = partition.accounts.get("acme.com")
    assert state is not None
    assert standing(state, state.places["grid"], start + days % 99 * DAY).grade == grade
