"""Taking a partition up: what is read of its accounts, and when it is dealt out anew meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from faust.types import TP

from schemas.topics import ACCOUNT_STATE, ACCOUNTS, SIGNALS
from stream.agents import loops
from stream.agents.loops import Worker
from stream.agents.memory import ShardMemory, read_shard
from stream.agents.table import is_account
from stream.app import create_app
from stream.settings import load_settings
from stream.topology import open_log
from stream.transports.records import Record
from stream.transports.recovery import BatchTableManager
from stream.transports.rows import MemoryRows

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


def stored() -> Desk:
    """Accounts that are due, that have drifted, that wait to be published, and one that is behind a new version."""
    desk = Desk(document(profile()))
    for number in range(20):
        desk.now += 1_000
        desk.tell(*(funding(f"f{number}", f"a{number}.com", desk.now) for _ in range(1 + number % 2)))
    desk.now += 60_000
    desk.beat()
    desk.activate(document(profile(version=2)))
    work = desk.shard.rescore(7, desk.now)
    assert work is not None
    desk.done(work)
    desk.tell(*(funding(f"new{number}", "a3.com", desk.now) for number in range(9)), waiting=10_000)
    desk.now += 1_000
    desk.tell(funding("newest", "a3.com", desk.now), waiting=10_000)
    return desk


def told(memory: ShardMemory) -> dict[str, Any]:
    """Everything that is known once the rows are read."""
    agendas = [[(agenda.next, agenda.pop()) for _ in range(agenda._some)] for agenda in (memory.dues, memory.drifts)]
    return {
        "names": list(memory.names), "dues": agendas[0], "drifts": agendas[1], "behind": memory.behind,
        "pending": memory.pending, "tiers": memory.tiers, "clock": memory.clock, "applied": memory.applied,
    }  # fmt: skip


def rewritten(desk: Desk, change: Callable[[bytes, bytes], bytes]) -> MemoryRows:
    """The rows with those of accounts changed."""
    rows = MemoryRows()
    rows.write({key: change(key, row) if is_account(key) else row for key, row in desk.stored.items()}, 1)
    return rows


def test_rows_of_an_earlier_release_say_the_same() -> None:
    """They have the name first, and what a start needs anywhere after it."""

    def as_it_was(_: bytes, row: bytes) -> bytes:
        members = orjson.loads(row)
        return orjson.dumps({"v": members.pop("v"), "account": members.pop("account")} | members)

    desk = stored()
    now = told(read_shard(desk.stored, 0))
    assert now["dues"]
    assert now["drifts"]
    assert 0 < len(now["behind"]) < 20
    assert now["pending"]
    assert told(read_shard(rewritten(desk, as_it_was), 0)) == now


def test_of_an_account_its_head_is_read_alone() -> None:
    """Facts and signals are most of a row, and no matter before the account is heard of."""

    def beheaded(key: bytes, row: bytes) -> bytes:
        return row[: row.index(b',"account":"' + key)] + b',"account":"' + key + b'", and no more JSON'

    desk = stored()
    assert told(read_shard(rewritten(desk, beheaded), 0)) == told(read_shard(desk.stored, 0))


async def test_called_off_while_rows_are_taken_in(worker: Worker) -> None:
    """Whoever is next goes on with the same rows: by then nobody else takes anything into them."""
    place = TP(worker.settings.topic(ACCOUNT_STATE), 0)
    rows, began, go_on = worker.store.rows(0), threading.Event(), threading.Event()
    restore = rows.restore

    def slowly(records: Sequence[Record]) -> None:
        began.set()
        go_on.wait(10)
        restore(records)

    class Changelog:
        """As much of a consumer as is asked: two answers."""

        at = 0

        async def fetch(self, _: set[TP]) -> dict[TP, list[Record]]:
            self.at += 1
            return {place: [Record(place.topic, 0, self.at - 1, 0, b"%d.com" % self.at, b"{}")]}

        async def position(self, _: TP) -> int:
            return self.at

    rows.restore = slowly  # type: ignore[method-assign]
    recovery = cast("BatchTableManager", worker.app.tables).recovery
    [recovery.tp_to_table[place]] = worker.app.tables.values()
    reading = asyncio.create_task(recovery._read_to(cast(Any, Changelog()), {place}, {place: 2}))
    assert await asyncio.to_thread(began.wait, 10)
    reading.cancel()
    await asyncio.sleep(0.05)
    assert not reading.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert rows[b"1.com"] == b"{}"
    assert b"2.com" not in rows
