"""One market for all these tests, and its records read."""

from __future__ import annotations

import gc
import json
import time
from dataclasses import dataclass
from typing import Any

import pytest

from stream.sources.simulated import Market, simulate


@dataclass(frozen=True)
class Read:
    """One record that is JSON: when it was recorded, its key, its members."""

    recorded: int
    key: bytes | None
    event: dict[str, Any]

    @property
    def type(self) -> str:
        """The type without its prefix."""
        return str(self.event["type"]).removeprefix("tierline.signal.")


@pytest.fixture(scope="session")
def timed() -> tuple[Market, float]:
    """The default market and the seconds of processor time it took, without what a collector does for other tests."""
    gc.freeze()
    before = time.process_time()
    market = simulate()
    took = time.process_time() - before
    gc.unfreeze()
    return market, took


@pytest.fixture(scope="session")
def market(timed: tuple[Market, float]) -> Market:
    """The default market."""
    return timed[0]


@pytest.fixture(scope="session")
def read(market: Market) -> list[Read]:
    """Every record of it that is JSON."""
    found = []
    for recorded, key, value in market.records:
        try:
            found.append(Read(recorded, key, json.loads(value)))
        except ValueError:
            continue
    return found
