"""An account that has lived through its signals looks ahead as one that was read back from what is stored of it."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from stream.scoring.crossing import next_drift, next_transition
from stream.scoring.engine import Limits
from stream.scoring.state import AccountState

from .builders import Desk, line, profile

TIERS: list[dict[str, Any]] = [{"name": "hot", "enter": 40}, {"name": "warm", "enter": 15}, {"name": "cold"}]
LIMITED: dict[str, Any] = {"cap": "none", "limit": {"count": 1, "per": "7d"}, "multiply": "weight"}
"""Of each week the first signal counts, for better or worse: to take one back, or hear late of one, turns the score."""

told = st.tuples(
    st.sampled_from(("read", "read", "layoff", "back")), st.integers(0, 48), st.sampled_from((-1, 1, 2)),
    st.integers(0, 30),
)  # fmt: skip
"""What, how many hours after the one before, its weight, and how late it comes or which is taken back."""
TAKEN_BACK = [("read", 0, 1, 0), ("read", 2, -1, 0), ("back", 2, 1, 0)]
"""The one that takes points counts once the first is taken back."""
decays = st.sampled_from(({"linear": "10d"}, {"half_life": "5d"}, {"window": "6d"}))


def read_back(state: AccountState, desk: Desk) -> AccountState:
    """The state after its way through the stored form."""
    header, _ = state.to_stored()
    timeline = desk.partition.timeline
    found = AccountState.from_stored(json.loads(json.dumps(header)), {}, timeline.at(state.epoch))
    found.build()
    return found


@given(history=st.lists(told, min_size=1, max_size=12), decay=decays)
@example(history=TAKEN_BACK, decay={"linear": "10d"})
def test_what_is_ahead_does_not_depend_on_how_it_came_about(
    history: list[tuple[str, int, int, int]], decay: dict[str, str]
) -> None:
    """The next transition and the next drift are those of the signals that count, whichever counted before."""
    lines = line(points=20, decay=decay, **LIMITED), line("layoff", 25, cap="none", decay={"linear": "2d"})
    desk = Desk(profile(*lines, tiers=TIERS, score={"min": -100}))
    at, when = 1.0, dict[str, float]()
    for count, (kind, hours, weight, which) in enumerate(history):
        at += hours / 24
        if kind == "back" and when:
            id_ = list(when)[which % len(when)]
            desk.take_back(at, id_, when[id_])
        else:
            when[f"k{count}"] = at - which / 24
            type_ = "layoff" if kind == "layoff" else "content_consumption"
            desk.tell(at - which / 24, type_, id_=f"k{count}", record=at, weight=weight)
        now = desk.partition.clock
        place, anew = desk.state.places["p"], read_back(desk.state, desk).places["p"]
        assert place.values(now) == anew.values(now)
        assert anew.steady(now) or not place.steady(now)
        assert next_transition(place, now) == next_transition(anew, now)
        assert next_drift(place, now, 1.0) == next_drift(anew, now, 1.0)


def test_what_is_forgotten_is_stored_in_one_order() -> None:
    """An account that was read back in between is stored byte for byte as one that was not."""
    headers = []
    for between in (False, True):
        lines = line(points=1, decay={"half_life": "5d"}), line("layoff", -5, cap="none")
        desk = Desk(profile(*lines), Limits(horizon=30 * 86_400_000))
        for number in range(20):
            desk.tell(5 + number / 20)
        desk.tell(1, "layoff", record=7)
        if between:
            desk.partition.accounts.put(read_back(desk.state, desk))
        desk.tell(100, "website_change")
        headers.append(json.dumps(desk.state.to_stored()[0]))
    assert len(json.loads(headers[0])["folded"]) == 2
    assert headers[0] == headers[1]
