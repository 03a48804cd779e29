"""A write is waited for until it is durable; what is told of it meanwhile ends with it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stream.agents import durably
from stream.agents.durably import Durably
from stream.metrics import Metrics
from stream.transports.batching import StaleBatch
from stream.transports.errors import LogFull
from stream.web.health import Health

pytestmark = pytest.mark.asyncio


@pytest.fixture
def health(monkeypatch: pytest.MonkeyPatch) -> Health:
    """Of a worker that is ready, and loses patience soon."""
    monkeypatch.setattr(durably, "PATIENCE", 0.02)
    return Health(recovered=True)


def writes(health: Health) -> Durably:
    """The writes of a worker that goes on."""
    return Durably(cast(Any, SimpleNamespace(should_stop=False)), Metrics(), health)


async def test_a_write_that_took_long_and_was_somebody_elses(health: Health) -> None:
    """While it lasts it is what the worker is not ready for; once refused, it holds up nothing any more."""
    told: list[list[str]] = []

    async def refused() -> Sequence[int]:
        await asyncio.sleep(0.1)
        told.append(health.reasons())
        raise StaleBatch("somebody else's")

    assert await writes(health).write(refused) is None
    assert "has not taken a write" in told[0][0]
    assert health.reasons() == []


async def test_a_write_that_nobody_waits_for(health: Health, caplog: pytest.LogCaptureFixture) -> None:
    """Where the agent that writes is cancelled, so is the write; asyncio has nothing to complain of."""
    ended = asyncio.Event()

    async def endless() -> Sequence[int]:
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return []

    task = asyncio.ensure_future(writes(health).write(endless))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 1)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_stop_while_the_log_refuses(health: Health) -> None:
    """Once a write was given up, so is what comes after it: nothing may be there without what was before it."""
    tried: list[str] = []

    async def refused() -> Sequence[int]:
        tried.append("refused")
        raise LogFull("no room")

    async def after_it() -> Sequence[int]:
        tried.append("after it")
        return [0]

    stopping = Durably(cast(Any, SimpleNamespace(should_stop=True)), Metrics(), health)
    assert await stopping.write(refused) is None
    assert await stopping.write(after_it) is None
    assert tried == ["refused"]
