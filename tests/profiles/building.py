"""Small valid profile documents for tests to spoil."""

from __future__ import annotations

from datetime import date
from typing import Any

TODAY = date(2026, 11, 22)
SURGE = {"recent": "21d", "baseline": "84d", "at_least": 2, "min_count": 5}


def signal(**members: Any) -> dict[str, Any]:
    """A criterion on layoffs, changed."""
    return {"id": "c", "signal": "layoff", "points": 10, "decay": {"half_life": "30d"}, **members}


def fact(condition: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A criterion on facts."""
    return {"id": "c", "when": condition, "points": 10, **members}


def profile(*criteria: dict[str, Any], **members: Any) -> dict[str, Any]:
    """A profile of one group with these criteria, ids made unique, and two tiers that do not hover."""
    lines = [
        {**criterion, "id": f"c{at}"} for at, criterion in enumerate(criteria or (fact({"country": {"eq": "US"}}),))
    ]
    return {
        "profile": "p",
        "version": 1,
        "groups": [{"name": "g", "criteria": lines}],
        "tiers": [{"name": "hot", "enter": 10, "leave": 8}, {"name": "cold"}],
        **members,
    }
