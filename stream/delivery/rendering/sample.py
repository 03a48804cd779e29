"""Sample alerts: what templates are checked with at the start, and `tierline alerts test` sends."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

from stream.delivery.message import Alert


@cache
def sample_changes() -> dict[str, dict[str, Any]]:
    """A tier change of each direction, by direction."""
    text = (files(__package__) / "samples.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found


def samples() -> dict[str, Alert]:
    """An alert of each direction, a digest and an overflow, by name."""
    changes = sample_changes()
    found = {name: sample(change) for name, change in changes.items()}
    several = list(changes.values())
    found["digest"] = sample(*several, kind="digest", count=31, title="Held overnight")
    found["overflow"] = sample(kind="overflow", count=12)
    return found


def sample(*changes: dict[str, Any], kind: Any = "single", count: int = 1, title: str | None = None) -> Alert:
    """An alert of sample changes."""
    account = changes[0]["data"]["account"] if len(changes) == 1 else ""
    return Alert(
        key=f"{changes[0]['id'] if changes else kind}/hot-accounts/sales",
        route="hot-accounts",
        channel="sales",
        changes=changes,
        kind=kind,
        count=max(count, len(changes)),
        link=f"https://tierline.example.com/accounts/{account}",
        title=title,
        facts=FACTS,
        labels=LABELS,
    )


FACTS: dict[str, dict[str, Any]] = {
    "acme.com": {
        "name": "Acme Logistics", "industry": "logistics", "country": "US", "employees": 1_250, "owner": "Dana Roe",
    },
    "northwind.example": {"name": "Northwind Media", "industry": "media", "country": "GB", "employees": 410},
    "globex.example": {"name": "Globex Financial", "industry": "financial services", "employees": 2_300},
    "initech.example": {"name": "Initech", "industry": "software", "country": "US", "employees": 640},
    "umbra.example": {"name": "Umbra Health", "country": "CA"},
}  # fmt: skip
LABELS = {
    "demo": "Data pipeline monitoring",
    "demo/data_leader": "A new head of data buys within the first hundred days.",
    "demo/size": "Big enough to have a data team, small enough to decide within a quarter.",
    "demo/layoffs": "Who let people go in the last quarter does not buy in this one.",
}
