"""What is missing to the most that each criterion can give, and why."""

from __future__ import annotations

from typing import Any

import pytest

from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import Signal, Standing

DAY = 86_400_000
NOW = 400 * DAY
ACCOUNT = "acme.com"


class Desk:
    """One account under a profile with a criterion on a fact and one on layoffs, of which a grade is made."""

    def __init__(self, layoff: dict[str, Any]) -> None:
        fit = [{"id": "us", "when": {"country": {"eq": "US"}}, "points": 40}, {"id": "c", "signal": "layoff", **layoff}]
        reading = [{"id": "read", "signal": "content_consumption", "points": 10}]
        self.partition = Partition(Engine(), Memory())
        profile = {
            "profile": "p", "version": 1, "score": {"min": -100, "max": 100}, "tiers": [{"name": "all"}],
            "groups": [{"name": "fit", "criteria": fit}, {"name": "intent", "criteria": reading}],
            "grid": {"rows": ["fit"], "columns": ["intent"]},
        }  # fmt: skip
        self.partition.activate(compile_profile(profile), 0)
        self.tell("account_update", {"facts": {"country": "US"}})

    def tell(self, type_: str, data: dict[str, Any]) -> None:
        """Tell the account something now."""
        self.partition.signal(Signal(ACCOUNT, "s", type_, type_, NOW, data), NOW)

    def standing(self, days: int = 0) -> Standing:
        """How it stands so many days later."""
        self.partition.advance(NOW + days * DAY)
        state = self.partition.accounts.get(ACCOUNT)
        assert state is not None
        return standing(state, state.places["p"], NOW + days * DAY)


@pytest.mark.parametrize(
    ("takes", "of"),
    [
        ({"points": -10}, -10.0),
        ({"points": -10, "cap": 30}, 0.0),
        ({"points": -10, "cap": "none"}, 0.0),
        ({"points": -10, "cap": -30}, -30.0),
        ({"points_by": {"kind": {"closure": -10}}, "cap": 30}, 0.0),
    ],
)
def test_what_only_takes_points_has_no_gap_and_no_part_in_the_most(takes: dict[str, Any], of: float) -> None:
    """A cap above zero is never come to by what takes points, so a grade is of what the others can give."""
    desk = Desk(takes)
    found = desk.standing()
    assert found.grade == "A4"
    assert [gap.criterion for gap in found.gaps] == ["read"]
    desk.tell("layoff", {"kind": "closure"})
    found = desk.standing()
    told = [(line.criterion, line.points, line.of) for line in found.contributions]
    assert told == [("us", 40.0, 40.0), ("c", -10.0, of)]
    assert [gap.criterion for gap in found.gaps] == ["read"]


@pytest.mark.parametrize(
    ("rule", "days", "why"),
    [
        ({"points_by": {"kind": {"closure": 5, "move": 10}}}, 9, "not met"),
        ({"points_by": {"kind": {"closure": 5, "move": 10}}, "decay": {"half_life": "9d"}}, 0, "not met"),
        ({"points_by": {"kind": {"closure": 5, "move": 10}}, "decay": {"half_life": "9d"}}, 9, "faded"),
        ({"points": 10, "decay": {"half_life": "9d"}}, 9, "faded"),
        ({"points": 10, "decay": {"window": "5d"}}, 9, "faded"),
        ({"points": 10, "decay": {"window": "5d"}, "cap": 20}, 9, "faded"),
        ({"points": 10, "decay": {"half_life": "9d"}, "cap": 20}, 9, "below the cap"),
        ({"points_by": {"kind": {"move": 10}}, "cap": 20}, 9, "not met"),
    ],
)
def test_only_what_gives_less_than_it_did_has_faded(rule: dict[str, Any], days: int, why: str) -> None:
    """A signal that is worth less from the start has not faded: what is asked for the rest is not met."""
    desk = Desk(rule)
    assert [gap.why for gap in desk.standing().gaps if gap.criterion == "c"] == ["no signal"]
    desk.tell("layoff", {"kind": "closure"})
    assert [gap.why for gap in desk.standing(days).gaps if gap.criterion == "c"] == [why]
