"""The reference against every worked example."""

from __future__ import annotations

import pytest

from .conformance import LONG_AFTER_MS, Case, check, load_cases, moment
from .reference import Outcome, replay
from .reference.values import ProfileView


def run(case: Case, until: int) -> Outcome:
    """The case, by the reference."""
    return replay(case.log(), until=until)


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_worked_example(case: Case) -> None:
    """The reference gives the answers that were published or worked out by hand."""

    def at(days: float) -> ProfileView:
        (account,) = run(case, moment(days)).accounts.values()
        return account.profiles[case.profile_doc["profile"]]

    check(
        case,
        run(case, LONG_AFTER_MS).changes,
        score_at=lambda days: at(days).score,
        tier_at=lambda days: at(days).tier,
        coverage_at=lambda days: at(days).coverage,
    )
