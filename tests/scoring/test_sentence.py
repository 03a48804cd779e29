"""The sentence of a change, as people read it."""

from __future__ import annotations

import pytest

from stream.scoring.explain import sentence


@pytest.mark.parametrize(
    ("previous", "score", "told"),
    [(14.2, 30.0, "Time passed: 14.2 → 30, now warm."), (14.21, 14.19, "Time passed: at 14.2, now warm.")],
)
def test_a_score_that_is_the_same_is_said_once(previous: float, score: float, told: str) -> None:
    """Where both round to one number, as when only a gate opened, the sentence says it once."""
    said = sentence(
        cause="decay", direction="up", trigger=None, previous=previous, score=score, tier="warm", reasons=(),
        next_at=None, next_tier=None, moved=(),
    )  # fmt: skip
    assert said == told
