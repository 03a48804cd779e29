"""Tables come back from their changelog, whatever was compacted or expired, and recovery always ends."""

from __future__ import annotations

import time
from typing import Any

import faust
import pytest
from faust.stores.memory import Store
from faust.types import TP

from stream.transports.batching import Batch, BatchLimits
from stream.transports.records import Append
from tests.transports.example_app import create_app
from tests.transports.rig import Rig, batch_app, keyed, running, until

pytestmark = [pytest.mark.asyncio, pytest.mark.timeout(60)]

CHANGELOG = "group-kept-changelog"


def table_app(rig: Rig) -> tuple[faust.App, Any]:
    """An app whose table `kept` is only recovered."""

    async def ignore(app: faust.App, batch: Batch) -> None:
        app.transport.ack(batch)

    app = batch_app(rig, ignore)
    return app, app.Table("kept", key_type=bytes, value_type=bytes, partitions=2)


async def recovered(rig: Rig) -> dict[bytes, bytes]:
    """What a fresh worker recovers, without waiting for Faust's five seconds of silence to see the end."""
    app, table = table_app(rig)
    began = time.monotonic()
    async with running(rig, app):
        assert time.monotonic() - began < 5
        return {key: value for key, value in table.data.items() if value is not None}


async def test_from_nothing(rig: Rig) -> None:
    """An empty changelog is recovered at once."""
    assert await recovered(rig) == {}


@pytest.mark.parametrize("count", [1, 2, 3000])
async def test_last_value_of_each_key(rig: Rig, count: int) -> None:
    """Each key has its last value, tombstones took theirs out; one record is enough to recover from."""
    rig.create(CHANGELOG, 2, compact=True)
    rig.append([keyed(CHANGELOG, b"key-%d" % (n % 700), b"%d" % n) for n in range(count)])
    expected = {b"key-%d" % (n % 700): b"%d" % n for n in range(count)}
    if count > 2:
        rig.append(
            [keyed(CHANGELOG, b"key-5", None), keyed(CHANGELOG, b"key-6", None), keyed(CHANGELOG, b"key-6", b"again")]
        )
        del expected[b"key-5"]
        expected[b"key-6"] = b"again"
    assert await recovered(rig) == expected


async def test_from_a_compacted_tail(rig: Rig) -> None:
    """Recovery ends although most offsets, and all of a partition but a last tombstone, are gone."""
    rig.create(CHANGELOG, 2, compact=True)
    rig.append([Append(CHANGELOG, 0, b"a", b"%d" % n) for n in range(50)])
    rig.append([Append(CHANGELOG, 1, b"b", b"%d" % n) for n in range(50)] + [Append(CHANGELOG, 1, b"b", None)])
    rig.compact()
    rig.compact()
    assert len(rig.read(CHANGELOG, 0)) == 1
    assert await recovered(rig) == {b"a": b"49"}


async def test_the_app_counts_exactly_over_restarts(rig: Rig) -> None:
    """State, changelog and position agree after restarts, with the changelog compacted in between."""
    rig.create("in", 2)
    for round_ in range(3):
        rig.append([keyed("in", b"key-%d" % (n % 10)) for n in range(500)])
        app = create_app(rig.broker, rig.prefix)
        async with running(rig, app):
            want = 50 * (round_ + 1)
            await until(lambda app=app, want=want: list(app.counts.data.values()) == [b"%d" % want] * 10)
        rig.compact()
    sent = sorted((r.key, int(r.value or b"")) for p in (0, 1) for r in rig.read("out", p))
    assert sent == sorted((b"key-%d" % k, n) for k in range(10) for n in range(1, 151))


class KeptStore(Store):  # type: ignore[type-arg]
    """A store that outlives the worker, as one on disk does."""

    kept: dict[Any, Any]
    offset: int | None

    def persisted_offset(self, tp: TP) -> int | None:
        """What was applied before the restart."""
        return self.offset if tp.partition == 0 else None


@pytest.mark.parametrize("applied", [None, 3, 9])
async def test_local_state_kept_or_wiped(rig: Rig, applied: int | None) -> None:
    """A store that kept offsets up to some point ends as one that starts with nothing."""
    rig.create(CHANGELOG, 2, compact=True)
    rig.append([Append(CHANGELOG, 0, b"key-%d" % n, b"%d" % n) for n in range(10)])
    app, table = table_app(rig)
    store = KeptStore("memory://", app, table, table_name="kept")
    store.offset = applied
    store.data.update({b"key-%d" % n: b"%d" % n for n in range((applied or -1) + 1)})
    table._data = store
    async with running(rig, app):
        assert dict(table.data.items()) == {b"key-%d" % n: b"%d" % n for n in range(10)}


async def test_callback_after_recovery(rig: Rig) -> None:
    """`on_recover` runs once the table is whole, and before the first batch."""
    rig.create("in", 2)
    rig.append([keyed("in", b"a")])
    rig.create(CHANGELOG, 2, compact=True)
    rig.append([keyed(CHANGELOG, b"a", b"1")])
    order: list[Any] = []

    async def work(app: faust.App, batch: Batch) -> None:
        order.append("batch")
        app.transport.ack(batch)

    app = batch_app(rig, work)
    table = app.Table("kept", key_type=bytes, value_type=bytes, partitions=2)

    @table.on_recover
    async def rebuild() -> None:
        order.append(dict(table.data.items()))

    async with running(rig, app):
        await until(lambda: "batch" in order)
    assert order == [{b"a": b"1"}, "batch"]


async def test_an_app_without_tables_starts(rig: Rig) -> None:
    """Nothing to recover is no obstacle."""

    async def ignore(app: faust.App, batch: Batch) -> None:
        app.transport.ack(batch)

    async with running(rig, batch_app(rig, ignore)) as app:
        assert app.tables.recovery.completed.is_set()


@pytest.mark.parametrize("size", [10, 1000])
async def test_in_pieces_of_any_size(rig: Rig, size: int) -> None:
    """Recovery in many fetches, with deletions and rewrites across them, ends in the state that the log says."""
    rig.create(CHANGELOG, 2, compact=True)
    written = [(b"key-%d" % (n * 7 % 97), None if n % 5 == 0 else b"%d" % n) for n in range(1500)]
    rig.append([keyed(CHANGELOG, key, value) for key, value in written])
    app, table = table_app(rig)
    app.transport.limits = BatchLimits(records=size)
    async with running(rig, app):
        found = {key: value for key, value in table.data.items() if value is not None}
    assert found == {key: value for key, value in dict(written).items() if value is not None}


async def test_tables_that_decode_recover_too(rig: Rig) -> None:
    """A table of Faust's own kind, with decoding and a callback for each event, is left to Faust."""
    app, _ = table_app(rig)
    events: list[Any] = []

    async def note(event: Any) -> None:
        events.append(event.value)

    name = "group-plain-changelog"
    rig.create(name, 2, compact=True)
    rig.append([Append(name, 0, b'"a"', b"%d" % n) for n in range(20)])
    plain = app.Table("plain", key_type=str, value_type=int, partitions=2)
    noted = app.Table("noted", key_type=bytes, value_type=bytes, partitions=2, on_changelog_event=note)
    rig.create("group-noted-changelog", 2, compact=True)
    rig.append([Append("group-noted-changelog", 1, b"key-%d" % n, b"%d" % n) for n in range(20)])
    async with running(rig, app):
        assert dict(plain.data.items()) == {"a": 19}
        assert len(noted.data) == 20
    assert events == [b"%d" % n for n in range(20)]
