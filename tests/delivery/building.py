"""Tier changes, routes and states for the tests of alerting."""

from __future__ import annotations

from typing import Any

from schemas.routes import validate_routes
from schemas.times import format_time
from stream.delivery.change import Change, read_change
from stream.delivery.routes import Routes, compile_routes
from stream.delivery.state import State
from stream.profiles.document import read_document

MONDAY = 1_795_424_400_000
"""Monday 23 November 2026, 09:00 UTC."""
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def routes(text: str) -> Routes:
    """Routes from YAML; a channel called `sales` is there where the text names none."""
    if "channels:" not in text:
        text = "channels: {sales: {kind: inbox, folder: in}, mail: {kind: inbox, folder: in}}\n" + text
    return compile_routes(validate_routes(read_document("alerts.yaml", text.encode()).value))


def event(account: str = "acme.com", sequence: int = 1, at: int = MONDAY, **members: Any) -> dict[str, Any]:
    """An event on `tier-changes`."""
    profile = members.pop("profile", "demo")
    data = {
        "account": account, "profile": profile, "profile_version": 1, "sequence": sequence, "import": False,
        "engine": "1", "from_tier": "warm", "to_tier": "hot", "direction": "up", "cause": "signal", "score": 75.0,
        "previous_score": 65.0, "grade": None, "coverage": 1.0, "effective_at": format_time(at),
        "detected_at": format_time(at), "trigger": None, "contributions": [], "gaps": [], "reasons": [],
        "next_transition_at": None, "next_tier": None, "summary": "Raised a series B: 65 → 75, now hot.",
    }  # fmt: skip
    data |= {name.rstrip("_"): value for name, value in members.items()}
    return {
        "specversion": "1.0", "id": f"{account}/{profile}/abc/{sequence}", "source": "tierline",
        "type": "tierline.tier.changed", "subject": account, "time": data["effective_at"], "data": data,
    }  # fmt: skip


def change(account: str = "acme.com", sequence: int = 1, at: int = MONDAY, **members: Any) -> Change:
    """A change as alerting reads it."""
    return read_change(event(account, sequence, at, **members))


def fresh(since: int = 0) -> State:
    """A state that remembers nothing."""
    return State({}, since)
