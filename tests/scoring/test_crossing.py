"""The reference's next transition against looking at every single millisecond."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from .reference import PlainSignal
from .reference.crossing import next_transition
from .reference.scoring import prepare
from .reference.tiers import next_tier
from .strategies import profiles, signals

UNTIL = 150


@settings(max_examples=200, deadline=None)
@given(
    doc=profiles(unit="ms"),
    told=st.lists(signals(("acme.com",), st.integers(0, 40)), max_size=10, unique_by=lambda one: (one.source, one.id)),
    clock=st.integers(0, 60),
)
def test_first_millisecond(doc: dict[str, Any], told: list[PlainSignal], clock: int) -> None:
    """It is the first millisecond after the clock at which the tier machine gives another tier."""
    prepared = prepare(told, doc)

    def machine(tier: str | None, now: int) -> str:
        return next_tier(doc["tiers"], tier, clock, prepared.at(now), now)

    tier = machine(None, clock)
    first = next((now for now in range(clock + 1, UNTIL + 1) if machine(tier, now) != tier), None)
    expected = None if first is None else (first, machine(tier, first))
    assert next_transition(prepared, doc, (tier, clock), clock, UNTIL) == expected
