"""The engine against every worked example."""

from __future__ import annotations

import pytest

from stream.scoring.values import Standing

from .conformance import LONG_AFTER_MS, Case, check, load_cases, moment
from .running import run


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_worked_example(case: Case) -> None:
    """The engine gives the answers that were published or worked out by hand."""
    name = case.profile_doc["profile"]

    def at(days: float) -> Standing:
        return run(case.log(), moment(days)).standing("acme.com", name)

    check(
        case,
        run(case.log(), LONG_AFTER_MS).told(),
        score_at=lambda days: at(days).score,
        tier_at=lambda days: at(days).tier,
        coverage_at=lambda days: at(days).coverage,
    )
