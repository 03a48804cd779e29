"""The most that a criterion, a group and a profile can give: pure arithmetic on a valid profile document.

None means that there is no such bound. Used by the grid, whose lines are percents of it, and by the linter.
"""

from __future__ import annotations

from typing import Any


def criterion_most(criterion: dict[str, Any]) -> float | None:
    """The most points this criterion can give, at least 0 (it need not hold); None without a bound."""
    cap, table = criterion.get("cap"), criterion.get("points_by")
    values = list(next(iter(table.values())).values()) if table else [criterion["points"]]
    best = float(max(0.0, *values))
    if "when" in criterion or criterion.get("surge"):
        return best
    if criterion.get("multiply"):
        # the member can be anything, negative too: nothing but a cap bounds the product
        return _ceiling(cap)
    if cap is None or best == 0:
        return best
    return _ceiling(cap)


def _ceiling(cap: object) -> float | None:
    """A negative cap bounds from below, and `none` not at all."""
    return float(cap) if isinstance(cap, int | float) and cap >= 0 else None


def group_most(group: dict[str, Any]) -> float | None:
    """The most a group can add to the score; None without a bound."""
    parts = [criterion_most(criterion) for criterion in group["criteria"]]
    most = None if None in parts else float(sum(part for part in parts if part is not None))
    if group.get("cap") is not None:
        most = float(group["cap"]) if most is None else min(most, group["cap"])
    if group.get("weight") is not None:
        share = 1.0 if most is None else min(max(most / group["out_of"], 0.0), 1.0)
        return float(group["weight"]) * share
    return most


def group_scale(group: dict[str, Any]) -> float | None:
    """What the grid's percents are of: the weight, else the most that criteria and cap allow; None if there is none."""
    return float(group["weight"]) if group.get("weight") is not None else group_most(group)


def score_most(document: dict[str, Any]) -> float:
    """The greatest score an account can have under this profile."""
    span = document.get("score") or {}
    ceiling, floor = float(span.get("max", 100)), float(span.get("min", 0))
    parts = [group_most(group) for group in document["groups"]]
    if None in parts:
        return ceiling
    return min(max(sum(part for part in parts if part is not None), floor), ceiling)
