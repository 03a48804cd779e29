"""The embedded log by itself: order, time, atomicity, compaction, retention, look-ups."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as kafkas_murmur2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.transports.errors import LogError, StalePosition, TopicMismatch, UnknownTopic
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append, murmur2, partition_for


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self, now: int = 1_000) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now


@given(st.binary(max_size=40))
def test_partitioner_is_kafkas(key: bytes) -> None:
    """Keys go where aiokafka's default partitioner, and so Kafka's Java client, puts them."""
    assert murmur2(key) == kafkas_murmur2(key) & 0xFFFFFFFF
    for count in (1, 3, 8):
        assert partition_for(key, count) == DefaultPartitioner()(key, list(range(count)), list(range(count)))


def test_no_key_goes_anywhere() -> None:
    """Records without a key are spread."""
    assert {partition_for(None, 3) for _ in range(200)} == {0, 1, 2}


def test_order_and_offsets(log: EmbeddedLog) -> None:
    """Each partition counts its own offsets from 0, in the order of appending, over several topics in one call."""
    log.create_topic("a", 2)
    log.create_topic("b", 1)
    mixed = [
        Append("a", 1, b"k", b"0"),
        Append("b", 0, b"k", b"1"),
        Append("a", 1, b"k", b"2"),
        Append("a", 0, b"k", b"3"),
    ]
    assert log.append(mixed) == [0, 0, 1, 0]
    assert log.append(mixed) == [2, 1, 3, 1]
    assert [(r.offset, r.value) for r in log.read("a", 1, 1, 2)] == [(1, b"2"), (2, b"0")]
    assert (log.begin("a", 1), log.end("a", 1), log.last("a", 1)) == (0, 4, 3)
    assert log.ends() == {("a", 0): 2, ("a", 1): 4, ("b", 0): 2}


def test_append_time_never_goes_back(tmp_path: Path) -> None:
    """When the clock jumps back, append times stand still; a named time is kept as it is."""
    clock = Clock(5_000)
    with EmbeddedLog(tmp_path / "log.db", clock=clock) as log:
        log.create_topic("a", 2)
        log.append([Append("a", 0, b"k", b"v")])
        clock.now = 3_000
        log.append([Append("a", 0, b"k", b"v"), Append("a", 1, b"k", b"v"), Append("a", 0, b"k", b"v", (), 1_000)])
        clock.now = 6_000
        log.append([Append("a", 0, b"k", b"v")])
        assert [r.timestamp_ms for r in log.read("a", 0, 0, 9)] == [5_000, 5_000, 1_000, 6_000]
        assert log.read("a", 1, 0, 9)[0].timestamp_ms == 3_000


def test_a_commit_is_all_or_nothing(log: EmbeddedLog) -> None:
    """If anything of it cannot be done, neither its records nor its positions are there, and no offset is used up."""
    log.create_topic("a", 1)
    with pytest.raises(UnknownTopic):
        log.commit([Append("a", 0, b"k", b"v"), Append("nowhere", 0, b"k", b"v")], {("g", "a", 0): 1})
    with pytest.raises(UnknownTopic):
        log.commit([Append("a", 0, b"k", b"v")], {("g", "a", 7): 1})
    assert (log.end("a", 0), log.position("g", "a", 0)) == (0, None)
    assert log.commit([Append("a", 0, b"k", b"v")], {("g", "a", 0): 1}) == [0]
    assert log.position("g", "a", 0) == 1


def test_positions_only_go_forward(log: EmbeddedLog) -> None:
    """A late commit of an older position changes nothing, and a commit that starts in the past is refused."""
    log.create_topic("a", 1)
    log.commit([], {("g", "a", 0): 5})
    log.commit([], {("g", "a", 0): 3})
    assert log.position("g", "a", 0) == 5
    with pytest.raises(StalePosition, match="offset 5"):
        log.commit([Append("a", 0, b"k", b"v")], {("g", "a", 0): 9}, expected={("g", "a", 0): 4})
    assert (log.position("g", "a", 0), log.end("a", 0)) == (5, 0)
    log.forget_group("g")
    assert log.position("g", "a", 0) is None


def test_topics_are_created_once(log: EmbeddedLog) -> None:
    """Creating again does nothing; another partition count says what to do; unknown ones say so."""
    log.create_topic("a", 2)
    log.create_topic("a", 2)
    with pytest.raises(TopicMismatch, match="has 2 partitions, not 3"):
        log.create_topic("a", 3)
    with pytest.raises(UnknownTopic, match="no topic 'b'"):
        log.partitions("b")
    with pytest.raises(UnknownTopic, match="0 to 1, not 2"):
        log.read("a", 2, 0, 1)
    log.create_topic("c", 1, compact=True)
    with pytest.raises(LogError, match="needs a key"):
        log.append([Append("c", 0, None, b"v")])


def upkeep(log: EmbeddedLog, budget: int = 7, tombstones_ms: int = 86_400_000) -> None:
    """All the upkeep there is to do."""
    for _ in range(10_000):
        if not log.compact(budget, tombstones_ms=tombstones_ms):
            return
    raise AssertionError("upkeep does not end")


def test_compaction_keeps_the_last_of_each_key(log: EmbeddedLog) -> None:
    """Only the newest record of a key stays, at its own offset; the end stays; no offset is used again."""
    log.create_topic("c", 1, compact=True)
    for round_ in range(5):
        log.append([Append("c", 0, b"k%d" % n, b"%d" % round_) for n in range(20)])
        upkeep(log)
    assert [(r.offset, r.key, r.value) for r in log.read("c", 0, 0, 999)] == [
        (80 + n, b"k%d" % n, b"4") for n in range(20)
    ]
    assert (log.begin("c", 0), log.end("c", 0)) == (80, 100)
    assert log.append([Append("c", 0, b"k0", b"5")]) == [100]


def test_tombstones_go_after_a_while_but_never_the_last_record(tmp_path: Path) -> None:
    """A tombstone takes its key out at once for readers, goes itself later, and a last one stays."""
    clock = Clock()
    with EmbeddedLog(tmp_path / "log.db", clock=clock) as log:
        log.create_topic("c", 1, compact=True)
        log.append(
            [
                Append("c", 0, b"a", b"1"),
                Append("c", 0, b"a", None),
                Append("c", 0, b"b", b"1"),
                Append("c", 0, b"b", None),
            ]
        )
        upkeep(log, tombstones_ms=10_000)
        assert [r.offset for r in log.read("c", 0, 0, 9)] == [1, 3]
        assert list(log.scan_latest("c")) == []
        clock.now += 20_000
        upkeep(log, tombstones_ms=10_000)
        assert [r.offset for r in log.read("c", 0, 0, 9)] == [3]
        assert log.last_by_key("c", b"a") is None


def test_retention_waits_for_groups(tmp_path: Path) -> None:
    """Old records go once every group has read them, oldest first; offsets go on."""
    clock = Clock()
    with EmbeddedLog(tmp_path / "log.db", clock=clock) as log:
        log.create_topic("a", 1, retention_ms=10_000)
        log.append([Append("a", 0, b"k", b"%d" % n) for n in range(10)])
        clock.now += 6_000
        log.append([Append("a", 0, b"k", b"%d" % n) for n in range(10, 12)])
        upkeep(log, 3)
        assert log.begin("a", 0) == 0
        clock.now += 6_000
        log.commit([], {("slow", "a", 0): 4, ("quick", "a", 0): 12})
        upkeep(log, 3)
        assert log.begin("a", 0) == 4
        log.forget_group("slow")
        upkeep(log, 3)
        assert [r.value for r in log.read_key("a", b"k")] == [b"10", b"11"]
        clock.now += 60_000
        upkeep(log, 3)
        assert (log.begin("a", 0), log.end("a", 0), log.last("a", 0)) == (12, 12, None)
        assert log.append([Append("a", 0, b"k", b"v")]) == [12]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), budget=st.integers(1, 60))
def test_look_ups_agree_with_reading(tmp_path: Path, seed: int, budget: int) -> None:
    """Look-ups by key give what reading everything gives, however far upkeep has come."""
    pick = random.Random(seed)
    path = tmp_path / f"{seed}-{budget}.db"
    with EmbeddedLog(path, synchronous="OFF") as log:
        for name, compact in (("plain", False), ("compact", True)):
            log.create_topic(name, 2, compact=compact)
        newest: dict[bytes, bytes | None] = {}
        everything: dict[bytes, list[bytes | None]] = {}
        for number in range(pick.randrange(1, 8)):
            batch: list[Append] = []
            for n in range(pick.randrange(1, 40)):
                key = b"key-%d" % pick.randrange(12)
                value = None if pick.random() < 0.2 else b"%d-%d" % (number, n)
                newest[key] = value
                everything.setdefault(key, []).append(value)
                batch += [Append(t, partition_for(key, 2), key, value) for t in ("plain", "compact")]
            log.append(batch)
            for _ in range(pick.randrange(4)):
                log.compact(budget, tombstones_ms=pick.choice((0, 86_400_000)))
        for key, values in everything.items():
            found = log.read_key("plain", key)
            assert [r.value for r in found] == values
            assert [r.offset for r in found] == sorted(r.offset for r in found)
            last = log.last_by_key("compact", key)
            assert (last.value if last else None) == newest[key]
        alive = {k: v for k, v in newest.items() if v is not None}
        for topic in ("plain", "compact"):
            assert {r.key: r.value for r in log.scan_latest(topic)} == alive
            assert len(list(log.scan_latest(topic))) == len(alive)


def test_an_erased_key_is_gone(log: EmbeddedLog) -> None:
    """Every record of the key is deleted, indexed or not, its bytes overwritten; the others and the offsets stay."""
    log.create_topic("a", 1)
    secret = b"person@example.com says hello"
    for _ in range(2):
        log.append([Append("a", 0, b"k%d" % (n % 3), secret if n % 3 == 1 else b"v") for n in range(9)])
        log.compact(5)
    assert log.erase_key("a", b"k1") == 6
    assert log.read_key("a", b"k1") == []
    assert [r.offset for r in log.read("a", 0, 0, 99)] == [n for n in range(18) if n % 3 != 1]
    assert log.append([Append("a", 0, b"k1", b"v")]) == [18]
    with log.reading() as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert secret not in log.path.read_bytes()


def test_a_scan_sees_one_state(log: EmbeddedLog) -> None:
    """What is appended and compacted while a scan is under way does not tear it."""
    log.create_topic("c", 1, compact=True)
    log.append([Append("c", 0, b"k%d" % n, b"old") for n in range(50)])
    scan = log.scan_latest("c")
    first = next(scan)
    log.append([Append("c", 0, b"k%d" % n, b"new") for n in range(50)])
    upkeep(log, 1_000)
    rest = [first, *scan]
    assert [r.value for r in rest] == [b"old"] * 50
    assert [r.value for r in log.scan_latest("c")] == [b"new"] * 50


def test_changes_of_others_are_seen(log: EmbeddedLog) -> None:
    """`changes` differs once another connection has written."""
    log.create_topic("a", 1)
    before = log.changes()
    assert log.changes() == before
    with EmbeddedLog(log.path) as other:
        other.append([Append("a", 0, b"k", b"v")])
    assert log.changes() != before


def test_a_path_with_odd_characters(tmp_path: Path) -> None:
    """Spaces, percent signs and umlauts in a path are nothing special."""
    folder = tmp_path / "größe 100% #1?;x"
    folder.mkdir()
    with EmbeddedLog(folder / "l o g.db") as log:
        log.create_topic("a", 1)
    assert (folder / "l o g.db").exists()
