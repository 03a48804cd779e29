"""The log on Kafka, on a real broker: what the command line and the preparations of a worker stand on."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest
from kafka import KafkaProducer
from kafka.structs import OffsetAndMetadata, TopicPartition

from stream.topology import group_of, open_log
from stream.transports.errors import (
    Fenced,
    LogClosed,
    LogError,
    LogUnavailable,
    LogUnreachable,
    RecordTooLarge,
    TopicMismatch,
    UnknownTopic,
)
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.places import kafka_log, made, make_topic, settings_on, transactional, until


@pytest.fixture
def log(kafka_cluster: Cluster, topic_prefix: str) -> Iterator[KafkaLog]:
    """A log without topics."""
    with kafka_log(settings_on(kafka_cluster, topic_prefix)) as opened:
        yield opened


@pytest.fixture
def topic(log: KafkaLog, topic_prefix: str) -> str:
    """A topic with two partitions, times by the broker."""
    return make_topic(log, f"{topic_prefix}topic", 2, message_timestamp_type="LogAppendTime")


@pytest.fixture
def compacted(log: KafkaLog, topic_prefix: str) -> str:
    """A compacted topic with one partition, compacted as soon as can be."""
    return make_topic(
        log,
        f"{topic_prefix}compacted",
        cleanup_policy="compact",
        min_cleanable_dirty_ratio="0.001",
        segment_ms="100",
        max_compaction_lag_ms="200",
    )


def test_what_is_appended_is_read_back(log: KafkaLog, topic: str) -> None:
    """Offsets count in each partition; key, value, headers and the broker's time come back; limits hold."""
    before = log.clock()
    headers = (("ce_type", b"x"), ("ce_type", b"twice"), ("bytes", b"\xff\x00"))
    assert log.append([Append(topic, n % 2, b"k%d" % n, b"v%d" % n, headers) for n in range(10)]) == [
        0, 0, 1, 1, 2, 2, 3, 3, 4, 4,
    ]  # fmt: skip
    found = log.read(topic, 1, 0, 100)
    assert [one.value for one in found] == [b"v1", b"v3", b"v5", b"v7", b"v9"]
    assert (found[0].topic, found[0].partition, found[0].offset, found[0].key) == (topic, 1, 0, b"k1")
    assert found[0].headers == headers
    assert before - 1_000 <= found[0].timestamp_ms <= log.clock() + 1_000
    assert [one.offset for one in log.read(topic, 0, 2, 2)] == [2, 3]
    assert [one.offset for one in log.read(topic, 0, -5, 1)] == [0]
    assert [one.offset for one in log.read(topic, 0, 0, 100, max_bytes=7)] == [0, 1]
    assert log.read(topic, 0, 5, 100) == log.read(topic, 0, 10**9, 100) == []
    assert (log.begin(topic, 0), log.end(topic, 0), log.last(topic, 0)) == (0, 5, 4)
    assert log.append([]) == []


def test_what_comes_later_is_seen(log: KafkaLog, topic: str) -> None:
    """At the end there is nothing, and once others have appended, there is: partitions read in turns, too."""
    with connect_again(log) as other:
        for number in range(20):
            for partition in range(2):
                assert log.read(topic, partition, number, 10) == []
                other.append([Append(topic, partition, b"k", b"%d" % number)])
                assert [one.value for one in log.read(topic, partition, number, 10)] == [b"%d" % number]
        other.append([Append(topic, 0, b"k", b"x" * 900_000) for _ in range(12)])
        assert len(log.read(topic, 0, 0, 1_000)) == 32


def test_a_topic_that_was_made_anew(log: KafkaLog, topic: str) -> None:
    """Whoever was in the middle of the old one is told, and does not take the new one's records for its rest."""
    log.append([Append(topic, 0, b"k", b"old") for _ in range(10)])
    assert len(log.read(topic, 0, 0, 5)) == 5
    log.clients.admin().delete_topics([topic])
    until(lambda: topic not in log.topics())
    make_topic(log, topic, 2)
    with connect_again(log) as other:
        other.append([Append(topic, 0, b"k", b"new")])
    with pytest.raises(LogError):
        log.read(topic, 0, 7, 5)
    assert [one.value for one in log.read(topic, 0, 0, 5)] == [b"new"]


def connect_again(log: KafkaLog) -> KafkaLog:
    """A second log on the same cluster."""
    return KafkaLog(Connection(tuple(log.name.removeprefix("kafka://").split(","))), group=log.group)


def test_transactions_that_were_not_committed_are_left_out(kafka_cluster: Cluster, log: KafkaLog, topic: str) -> None:
    """Aborted records are passed over, markers are nothing, and before an open transaction reading ends, at once."""
    log.append([Append(topic, 0, b"k", b"before")])
    other = transactional(kafka_cluster, f"{topic}.a")
    other.begin_transaction()
    other.send(topic, key=b"k", value=b"aborted", partition=0)
    other.flush()
    assert [one.value for one in log.read(topic, 0, 0, 10)] == [b"before"]
    assert log.end(topic, 0) == 1
    other.abort_transaction()
    other.begin_transaction()
    other.send(topic, key=b"k", value=b"committed", partition=0)
    other.commit_transaction()
    other.begin_transaction()
    other.send(topic, key=b"k", value=b"aborted at the end", partition=0)
    other.flush()
    other.abort_transaction()
    other.close()
    until(lambda: log.end(topic, 0) == 7)
    began = time.monotonic()
    assert [(one.offset, one.value) for one in log.read(topic, 0, 0, 10)] == [(0, b"before"), (3, b"committed")]
    assert log.read(topic, 0, 4, 10) == []
    assert (log.end(topic, 0), log.last(topic, 0)) == (7, 3)
    assert log.read(topic, 0, 1, 1)[0].offset == 3
    assert time.monotonic() - began < 2


def test_a_partition_of_markers_alone_has_no_last_record(kafka_cluster: Cluster, log: KafkaLog, topic: str) -> None:
    """However many transactions were taken back: nothing is read, nothing waits."""
    other = transactional(kafka_cluster, f"{topic}.b")
    for _ in range(60):
        other.begin_transaction()
        other.send(topic, key=b"k", value=b"aborted", partition=1)
        other.flush()
        other.abort_transaction()
    other.close()
    until(lambda: log.end(topic, 1) == 120)
    assert log.last(topic, 1) is None
    assert log.read(topic, 1, 0, 10) == []
    log.append([Append(topic, 1, b"k", b"first")])
    assert log.last(topic, 1) == 120


@pytest.mark.slow
def test_holes_that_compaction_leaves_are_passed_over(log: KafkaLog, compacted: str) -> None:
    """The newest of each key, tombstones left out; offsets that are gone hold nothing up."""
    for number in range(300):
        log.append([Append(compacted, 0, b"k%d" % (number % 3), b"%d" % number)])
    log.append([Append(compacted, 0, b"k1", None)])
    time.sleep(0.3)
    log.append([Append(compacted, 0, b"k4", b"closes the segment")])
    until(lambda: len(log.read(compacted, 0, 0, 1_000)) < 20, 40)
    assert [(one.key, one.value) for one in log.scan_latest(compacted)] == [
        (b"k0", b"297"), (b"k2", b"299"), (b"k4", b"closes the segment"),
    ]  # fmt: skip
    tombstone = log.last_by_key(compacted, b"k1")
    assert tombstone is None or tombstone.value is None
    assert log.last(compacted, 0) == log.end(compacted, 0) - 1 == 301


def test_look_ups_by_key(log: KafkaLog, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All records of a key in order, the newest of each, also where a partition is too large to be held."""
    accounts = [b"acme.com", b"beta.io", b"gamma.de"]
    homes = {account: number % 2 for number, account in enumerate(accounts)}
    monkeypatch.setattr("stream.transports.kafka_log.partition_for", lambda key, _: homes[key])
    log.append([Append(topic, homes[key], key, b"%d" % n) for n in range(5) for key in accounts])
    log.append([Append(topic, homes[b"gamma.de"], b"gamma.de", None), Append(topic, 0, None, b"a mark")])
    assert [one.value for one in log.read_key(topic, b"beta.io")] == [b"0", b"1", b"2", b"3", b"4"]
    assert log.read_key(topic, b"beta.io", partition=0) == []
    newest = log.last_by_key(topic, b"acme.com")
    assert newest is not None
    assert newest.value == b"4"
    told = [(one.key, one.value) for one in log.scan_latest(topic)]
    assert told == [(b"acme.com", b"4"), (b"beta.io", b"4")]
    monkeypatch.setattr("stream.transports.kafka_log.HELD_BYTES", 1)
    assert [(one.key, one.value) for one in log.scan_latest(topic)] == told


def test_positions_of_a_group(log: KafkaLog, topic: str) -> None:
    """What a group has committed; None where it has not, and for a group that nobody knows."""
    assert log.position("nobody", topic, 0) is None
    assert log.positions("nobody") == {}
    group = f"{topic}.group"
    log.clients.admin().alter_group_offsets(group, {TopicPartition(topic, 1): OffsetAndMetadata(7, "", -1)})
    assert (log.position(group, topic, 0), log.position(group, topic, 1)) == (None, 7)
    assert log.positions(group) == {(topic, 1): 7}
    assert log.ends([topic])[topic, 0] == 0


def test_exclusive_appends_do_not_overlap(log: KafkaLog, topic: str) -> None:
    """Six processes that each read the number there is and append the next leave no number out, and none twice."""

    def increment(one: KafkaLog) -> None:
        def next_() -> list[Append]:
            found = one.read(topic, 0, 0, 1_000)
            return [Append(topic, 0, b"k", b"%d" % len(found)), Append(topic, 1, b"k", b"%d" % len(found))]

        for _ in range(3):
            with suppress(Fenced):
                one.exclusively("count", next_)
                done.append(1)

    done: list[int] = []
    logs = [connect_again(log) for _ in range(3)]
    threads = [threading.Thread(target=increment, args=(one,)) for one in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(100)
    for one in logs:
        one.close()
    for partition in range(2):
        assert [one.value for one in log.read(topic, partition, 0, 1_000)] == [b"%d" % n for n in range(len(done))]
    assert len(done) >= 3


def test_exclusive_work_that_appends_nothing_or_fails(log: KafkaLog, topic: str) -> None:
    """Nothing to append is fine; an error in the work is raised and leaves nothing; a record refused takes back all."""
    assert log.exclusively("x", list) == []
    with pytest.raises(ZeroDivisionError):
        log.exclusively("x", lambda: [Append(topic, 0, b"k", b"%d" % (1 // 0))])
    with pytest.raises(RecordTooLarge):
        log.exclusively("x", lambda: [Append(topic, 0, b"k", b"good"), Append(topic, 1, b"k", b"x" * 3_000_000)])
    assert log.exclusively("x", lambda: [Append(topic, 0, b"k", b"then")]) != []
    assert [one.value for one in log.read(topic, 0, 0, 10)] == [b"then"]


def test_records_that_are_refused(log: KafkaLog, topic: str, compacted: str) -> None:
    """Too large, without a key where one is needed, where no topic is: each says so, and the log goes on."""
    with pytest.raises(RecordTooLarge, match=r"max\.message\.bytes"):
        log.append([Append(topic, 0, b"k", b"x" * 3_000_000)])
    with pytest.raises(LogError, match="needs a key"):
        log.append([Append(compacted, 0, None, b"x")])
    with pytest.raises(UnknownTopic, match="tierline topics create"):
        log.append([Append("nowhere", 0, b"k", b"x")])
    with pytest.raises(UnknownTopic, match="partitions 0 to 1, not 2"):
        log.read(topic, 2, 0, 1)
    assert log.append([Append(topic, 0, b"k", b"x")]) == [0]


def test_a_log_that_was_closed(log: KafkaLog, topic: str) -> None:
    """It says so, and closing it again does nothing."""
    log.append([Append(topic, 0, b"k", b"x")])
    log.close()
    log.close()
    with pytest.raises(LogClosed):
        log.append([Append(topic, 0, b"k", b"x")])
    with pytest.raises(LogClosed):
        log.read(topic, 0, 0, 1)


def test_an_installations_topics_must_be_there(kafka_cluster: Cluster, topic_prefix: str) -> None:
    """Opening makes nothing: none there, one missing, another number each says what to do; then it opens."""
    settings = settings_on(kafka_cluster, topic_prefix)
    with pytest.raises(UnknownTopic, match=r"no topic of this installation .*tierline topics create"):
        open_log(settings)
    made(settings)
    with open_log(settings) as log:
        assert log.partitions(settings.topic("signals")) == 2
        assert log.partitions(settings.topic("profiles")) == 1
    with pytest.raises(TopicMismatch, match=r"has 2 partitions, not 3\. .*TIERLINE_PARTITIONS=2"):
        open_log(settings.model_copy(update={"partitions": 3}))
    with kafka_log(settings) as log:
        log.clients.admin().delete_topics([settings.topic("aliases")])
        until(lambda: settings.topic("aliases") not in log.topics())
    with pytest.raises(UnknownTopic, match=rf"no topic {topic_prefix}aliases "):
        open_log(settings)
    assert group_of(settings) == f"{topic_prefix}tierline"


def test_nobody_there() -> None:
    """No broker at the address: said within the patience, with the address and what to look at."""
    began = time.monotonic()
    log = KafkaLog(Connection(("127.0.0.1:1",)), patience=1)
    with pytest.raises(LogUnreachable, match=r"kafka://127\.0\.0\.1:1: no broker answers \(.*REFUSED.*TIERLINE_BROKER"):
        log.topics()
    log.close()
    assert time.monotonic() - began < 5
    log = KafkaLog(Connection(("no-such-host.invalid:9092",)), patience=1)
    with pytest.raises(LogUnreachable, match=r"no-such-host\.invalid:9092"):
        log.partitions("signals")
    log.close()


def test_a_broker_that_stops_answering(own_broker: Cluster, topic_prefix: str) -> None:
    """Reading and appending end within their patience, say so, and go on once it answers again."""
    with KafkaLog(Connection((own_broker.bootstrap,)), patience=1) as log:
        topic = make_topic(log, f"{topic_prefix}topic")
        log.append([Append(topic, 0, b"k", b"before")])
        log.read(topic, 0, 0, 1)
        own_broker.kill()
        for ask in (lambda: log.append([Append(topic, 0, b"k", b"lost?")]), lambda: log.read(topic, 0, 1, 1)):
            began = time.monotonic()
            with pytest.raises(LogUnreachable, match="no broker answers"):
                ask()
            assert time.monotonic() - began < 15
        own_broker.restart()
        log.append([Append(topic, 0, b"k", b"after")])
        values = [one.value for one in log.read(topic, 0, 0, 10)]
    assert values[0] == b"before"
    assert values[-1] == b"after"


@pytest.mark.slow
def test_too_few_copies_are_told(three_brokers: Cluster, topic_prefix: str) -> None:
    """With two of three brokers gone nothing counts as written; with one gone everything works."""
    with KafkaLog(Connection(tuple(three_brokers.bootstrap.split(","))), patience=3) as log:
        configs = {"min.insync.replicas": "2"}
        topic = f"{topic_prefix}topic"
        wanted = {topic: {"num_partitions": 1, "replication_factor": 3, "configs": configs}}
        log.clients.admin().create_topics(wanted, wait_for_metadata=True)
        until(lambda: topic in log.topics())  # another broker may hear of it later
        log.append([Append(topic, 0, b"k", b"three")])
        three_brokers.brokers[2].signal(signal.SIGKILL)
        log.append([Append(topic, 0, b"k", b"two")])
        assert [one.value for one in log.read(topic, 0, 0, 10)] == [b"three", b"two"]
        three_brokers.brokers[1].signal(signal.SIGKILL)
        with pytest.raises((LogUnavailable, LogUnreachable)):
            log.append([Append(topic, 0, b"k", b"one")])


def test_other_producers_records_are_read(kafka_cluster: Cluster, log: KafkaLog, topic: str) -> None:
    """Without key, with a null value, null headers, compressed: whatever plain producers send is read."""
    with KafkaProducer(**kafka_cluster.client(), compression_type="gzip") as other:
        other.send(topic, value=b"x" * 10_000, partition=0)
        other.send(topic, key=b"k", value=None, partition=0, headers=[("h", b"")])
    found = log.read(topic, 0, 0, 10)
    assert [(one.key, one.value) for one in found] == [(None, b"x" * 10_000), (b"k", None)]
