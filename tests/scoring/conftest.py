"""How many examples the properties look at: `TIERLINE_SOAK=1` for many, as `make soak` does."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from stream.scoring.values import NOTHING

SLOW_DRAWS = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)

settings.register_profile("quick", max_examples=100, deadline=None, suppress_health_check=SLOW_DRAWS)
settings.register_profile(
    "soak", max_examples=2_500, deadline=None, suppress_health_check=SLOW_DRAWS, print_blob=True
)
settings.load_profile("soak" if os.environ.get("TIERLINE_SOAK") else "quick")


@pytest.fixture(autouse=True)
def _nothing_stays_nothing() -> Iterator[None]:
    """What all accounts share that have nothing is never written to."""
    yield
    assert not NOTHING
