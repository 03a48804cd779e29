"""Partitions are dealt out anew while they are still being taken up: what was ours by then owns nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from faust.types import TP

from schemas.topics import ACCOUNTS, SIGNALS
from stream.agents import loops
from stream.agents.loops import Worker
from stream.app import create_app
from stream.settings import load_settings
from stream.topology import open_log

from .desk import Desk, document
from .telling import funding, profile


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    """Two partitions of ``signals`` were dealt to it, with a stored account in the first; nothing is taken up yet."""
    settings = load_settings({}, broker=f"sqlite:///{tmp_path / 'x.db'}", partitions=2)
    open_log(settings).close()
    app = create_app(settings, [])
    dealt = {TP(settings.topic(SIGNALS), 0), TP(settings.topic(SIGNALS), 1), TP(settings.topic(ACCOUNTS), 0)}
    app.consumer._assigned = dealt
    desk = Desk(document(profile()))
    desk.tell(funding("a", "acme.com", desk.now))
    app.worker.store.rows(0).write(dict(desk.stored.items()), None)
    return app.worker


def overtaken(worker: Worker, real: Callable[..., Any], did: list[object]) -> Callable[..., Any]:
    """The same in its thread, with the partitions being dealt out anew at its end."""
    loop = asyncio.get_running_loop()

    def slowly(*arguments: Any) -> Any:
        done = real(*arguments)
        asyncio.run_coroutine_threadsafe(worker.revoked(), loop).result(5)
        did.append(done)
        return done

    return slowly


def metric(worker: Worker, name: str) -> float | None:
    return worker.metrics.registry.get_sample_value(name)


def owns_nothing(worker: Worker) -> bool:
    told = metric(worker, "tierline_partitions"), metric(worker, "tierline_assignments_total")
    return not worker.owned and not worker.health.recovered and told == (0, 0)


async def test_overtaken_while_accounts_are_taken_up(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read meanwhile is let go of, uncounted; the next assignment reads anew and has everything."""
    made: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(worker, "_new_shard", overtaken(worker, worker._new_shard, made))
        await worker.recovered()
    assert len(made) == 1, "the other partition is not begun: it may not be ours any more"
    assert owns_nothing(worker)
    assert worker.shards == {}
    assert metric(worker, "tierline_state_accounts") == 0
    await worker.recovered()
    assert worker.owned == {0, 1}
    assert worker.health.recovered
    assert made[0] not in worker.shards.values()
    assert metric(worker, "tierline_state_accounts") == 1
    assert metric(worker, "tierline_assignments_total") == 1


async def test_overtaken_while_aliases_are_read(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is taken up, and the last question is still out: nothing is ours then either."""
    read: list[object] = []
    with monkeypatch.context() as patched:
        patched.setattr(loops, "learn_aliases", overtaken(worker, loops.learn_aliases, read))
        await worker.recovered()
    assert len(read) == 1
    assert owns_nothing(worker)
    await worker.recovered()
    assert worker.owned == {0, 1}
    assert metric(worker, "tierline_state_accounts") == 1
