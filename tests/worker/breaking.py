"""A core that fails on purpose, after it has changed states."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from stream.agents import shard
from stream.scoring.partition import Partition
from stream.scoring.values import Signal


class Breaking:
    """A partition that raises after each signal, or tick (``None``), of which ``fails`` says so."""

    def __init__(self, partition: Partition, fails: Callable[[Signal | None], bool]) -> None:
        object.__setattr__(self, "_partition", partition)
        object.__setattr__(self, "_fails", fails)

    def signal(self, signal: Signal, time: int) -> Any:
        effects = self._partition.signal(signal, time)
        self._break(signal)
        return effects

    def tick(self, time: int) -> Any:
        changes = self._partition.tick(time)
        self._break(None)
        return changes

    def _break(self, signal: Signal | None) -> None:
        if self._fails(signal):
            raise ZeroDivisionError(f"on purpose: {signal.id if signal else 'a tick'}")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._partition, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._partition, name, value)


def broken(monkeypatch: pytest.MonkeyPatch, fails: Callable[[Signal | None], bool]) -> None:
    """Every shard that is made, or made anew, from now on fails so."""
    monkeypatch.setattr(shard, "Partition", lambda *given: Breaking(Partition(*given), fails))
