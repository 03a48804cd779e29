"""`tierline migrate`: from a file to Kafka and back, the history going on as if nothing had been."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.topics import SIGNALS
from stream.agents.table import partition_key
from stream.migrating.kafka_side import commit, take_times
from stream.migrating.partition import _appended
from stream.migrating.procedure import migrate
from stream.settings import Settings, load_settings
from stream.topology import connect_kafka, group_of, open_log
from stream.transports.errors import Held, LogError, LogTooNew, OtherTimes, TopicMismatch, UnknownTopic, WorkerRunning
from stream.transports.kafka_admin import check_topics, create_topics
from stream.transports.kafka_hold import KafkaHold
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.moving import NOW, YEAR, Nobody, a_file, contents, next_of
from tests.kafka.places import kafka_log, made, settings_on, transactional
from tests.worker.load import PROFILE, Sender, counted_once, decayed
from tests.worker.processes import Installation, records


@pytest.fixture
def file(tmp_path: Path) -> Settings:
    """Where there is an installation."""
    return a_file(tmp_path)


@pytest.fixture
def kafka(kafka_cluster: Cluster, topic_prefix: str) -> Settings:
    """Where there is nothing yet."""
    return settings_on(kafka_cluster, topic_prefix)


def test_everything_arrives(file: Settings, kafka: Settings, tmp_path: Path) -> None:
    """Times, keys, tombstones, headers and order are the same on Kafka, and on the file that is made of it again.

    Groups go on at the same record, across holes and the markers of transactions.
    """
    with open_log(file) as log:
        before = contents(log, file)
        stands = {group: next_of(log, file, group) for group in ("tierline", "other")}
        ends = log.ends()
    moved = migrate(file, kafka, Nobody())
    assert moved.records >= sum(map(len, before.values()))
    back = load_settings({}, broker=f"sqlite:///{tmp_path}/back.db", topic_prefix="b.")
    with kafka_log(kafka) as log:
        assert contents(log, kafka) == before
        assert next_of(log, kafka, group_of(kafka)) == stands["tierline"]
        assert next_of(log, kafka, "other") == stands["other"]
    migrate(kafka, back, Nobody())
    with open_log(load_settings({}, broker=back.broker, topic_prefix="b.", partitions=2)) as log:
        assert contents(log, back) == before
        assert next_of(log, back, "tierline") == stands["tierline"]
        assert next_of(log, back, "other") == stands["other"]
    with open_log(file) as log:
        assert contents(log, file) == before, "the source is as it was"
        assert log.ends() == ends


def test_the_topics_are_as_they_should_be(file: Settings, kafka: Settings) -> None:
    """Afterwards `tierline topics check` finds nothing, and the brokers give the record times again."""
    migrate(file, kafka, Nobody())
    with kafka_log(kafka) as log:
        assert check_topics(log, kafka) == []
        signals = kafka.topic(SIGNALS)
        log.append([Append(signals, 0, b"k", b"v", (), NOW - YEAR)])
        last = log.last(signals, 0)
        assert last is not None
        assert log.read(signals, 0, last, 1)[0].timestamp_ms >= NOW


def test_what_is_old_and_unread_stays(file: Settings, kafka: Settings) -> None:
    """Brokers drop by record time alone, workers or not: where they had not read it yet, retention stays off."""
    with open_log(file) as log:
        log.append([Append("signals.jobs", 0, b"k", b"old", (), NOW - YEAR)])
    assert migrate(file, kafka, Nobody()).kept == [kafka.topic("signals.jobs")]
    time.sleep(2)  # the brokers of the tests look more often than that
    with kafka_log(kafka) as log:
        assert b"old" in [one.value for one in records(log, kafka.topic("signals.jobs"))]


def test_up_to_where_the_old_log_was_applied_means_nothing_in_the_new(file: Settings, kafka: Settings) -> None:
    """The state says it in offsets, so that it is taken out of the copy."""
    migrate(file, kafka, Nobody())
    with kafka_log(kafka) as log:
        found = [one for one in records(log, kafka.topic("account-state")) if one.key == partition_key("clock", 1)]
        row = orjson.loads(found[-1].value)
        assert (row["applied"], row["log"], row["clock"]) == (0, "", NOW)


def test_only_into_an_empty_log(file: Settings, kafka: Settings) -> None:
    """Topics with anybody's records are not touched, settings included."""
    made(kafka)
    with kafka_log(kafka) as log:
        log.append([Append(kafka.topic("rejected"), 1, b"k", b"somebody's")])
        before = contents(log, kafka)
        with pytest.raises(LogError, match="do not come from"):
            migrate(file, kafka, Nobody())
        assert contents(log, kafka) == before
        assert check_topics(log, kafka) == []
        assert log.holder("migrate") is None, "a worker starts there as before"


def test_in_use_is_refused(file: Settings, kafka: Settings) -> None:
    """A worker on the file, a worker in the group, an import: each is told, and nothing happens."""
    for app in ("", "alerts"):
        with WorkerLock(file.path, app), pytest.raises(WorkerRunning, match="another worker"):
            migrate(file, kafka, Nobody())
    with open_log(file) as log:
        held = log.hold("import", [])
        with pytest.raises(Held, match="import"):
            migrate(file, kafka, Nobody())
        held.release([])
    made(kafka)
    for app in ("", "-alerts"):
        with kafka_log(kafka) as log:
            member = log.clients.member(group_of(kafka) + app, kafka.topic(SIGNALS))
            until = time.monotonic() + 40
            while not log.members(group_of(kafka) + app):
                assert time.monotonic() < until, "it never became a member"
                member.poll(timeout_ms=100)
            for ways in ((file, kafka), (kafka, file)):
                with pytest.raises(WorkerRunning, match="workers run there: tierline"):
                    migrate(*ways, Nobody())
            member.close()


def test_what_comes_in_meanwhile_is_noticed(file: Settings, kafka: Settings) -> None:
    """Somebody still sends to the source: it says so, and the next attempt brings the rest."""

    class Sends(Nobody):
        def begin(self, what: str, _: int) -> None:
            if what == "copying":
                with open_log(file) as log:
                    log.append([Append(SIGNALS, 0, b"k", b"late")])

    with pytest.raises(LogError, match="1 record came in"):
        migrate(file, kafka, Sends())
    migrate(file, kafka, Nobody())
    with open_log(file) as here, kafka_log(kafka) as there:
        assert contents(there, kafka) == contents(here, file)


def test_the_source_says_how_many_partitions(file: Settings, kafka: Settings) -> None:
    """Whatever TIERLINE_PARTITIONS is: it says where each account lives, so another number there is refused."""
    five = kafka.model_copy(update={"partitions": 5})
    with connect_kafka(five) as log:
        create_topics(log, five)
    with pytest.raises(TopicMismatch, match="has 5 partitions, not 2"):
        migrate(file, kafka, Nobody())


def test_nothing_to_move(file: Settings, kafka: Settings, tmp_path: Path) -> None:
    """No such file, a file without topics, a Kafka without topics of that prefix, twice the same log."""
    nowhere = load_settings({}, broker=f"sqlite:///{tmp_path}/nowhere.db")
    with pytest.raises(LogError, match="no such log"):
        migrate(nowhere, kafka, Nobody())
    EmbeddedLog(tmp_path / "empty.db").close()
    for source in (load_settings({}, broker=f"sqlite:///{tmp_path}/empty.db"), kafka):
        with pytest.raises(UnknownTopic, match="nothing to move"):
            migrate(source, nowhere, Nobody())
    for one in (kafka, file):
        with pytest.raises(LogError, match="the same"):
            migrate(one, one.model_copy(update={"partitions": 7}), Nobody())
    assert not (tmp_path / "nowhere.db").exists()


def test_a_newer_state_is_not_moved(file: Settings, kafka: Settings) -> None:
    """This release does not know what in it would have to change."""
    with open_log(file) as log:
        log.append([Append("account-state", 0, b"acme.com", b'{"v": 99}')])
    with pytest.raises(LogTooNew, match="format 99"):
        migrate(file, kafka, Nobody())


def test_transactions_of_others_are_carried_as_what_was_committed(
    kafka: Settings, kafka_cluster: Cluster, tmp_path: Path
) -> None:
    """What was taken back is not moved, and its offsets do not disturb the positions."""
    made(kafka)
    signals = kafka.topic(SIGNALS)
    producer = transactional(kafka_cluster, f"{kafka.topic_prefix}somebody")
    for number in range(6):
        producer.begin_transaction()
        producer.send(signals, partition=0, key=b"k", value=str(number).encode()).get(10)
        producer.abort_transaction() if number % 2 else producer.commit_transaction()
    producer.close()
    there = load_settings({}, broker=f"sqlite:///{tmp_path}/there.db", partitions=2)
    with kafka_log(kafka) as log:
        third = [one.offset for one in records(log, signals)][2]
        commit(log, group_of(kafka), {(signals, 0): third - 1})
    migrate(kafka, there, Nobody())
    with open_log(there) as log:
        assert [one.value for one in records(log, "signals")] == [b"0", b"2", b"4"]
        assert log.position("tierline", "signals", 0) == 2


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Any]:
    """Makes an installation in a folder of that name: on a file, or where the environment leads."""
    workers: list[Installation] = []
    profiles = tmp_path / "profiles"
    profiles.mkdir()
    (profiles / "quick.yaml").write_text(PROFILE)

    def make(name: str, where: Mapping[str, str] | None = None, **settings: Any) -> Installation:
        folder = tmp_path / name
        folder.mkdir()
        workers.append(Installation(folder, profiles, where=where, partitions=3, scores_every="1s", **settings))
        return workers[-1]

    yield make
    for worker in workers:
        worker.close()


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_to_kafka_and_back(kafka_cluster: Cluster, topic_prefix: str, installed: Any) -> None:
    """A worker on a file, then on Kafka, then on another file: one history, every signal once, no gap in sequences."""
    file = installed("file")
    kafka = installed("kafka", kafka_cluster.environment(), topic_prefix=topic_prefix)
    back = installed("back")
    told: list[dict[str, Any]] = []
    for here, there in ((file, kafka), (kafka, back), (back, None)):
        here.start()
        sender = Sender(here, first=1_000_000 * len(told))
        sender.told = told
        sender.start()
        time.sleep(5)
        sender.enough.set()
        sender.join(30)
        assert sender.error is None
        decayed(here) if there is None else here.drain()
        assert here.stop() == 0
        if there is not None:
            where, prefix = there.settings.broker, there.settings.topic_prefix
            done = here.command("migrate", "--to", where, "--to-prefix", prefix, "--json", timeout=120)
            assert done.returncode == 0, done.stderr
            summary = json.loads(done.stdout)
            assert summary["records"] == sum(one["records"] for one in summary["partitions"])
    changes = counted_once(back, told)
    print(f"\n{len(told)} signals on three logs, {changes} changes, none lost, none twice")


def test_the_state_knows_better_than_the_position(kafka_cluster: Cluster, topic_prefix: str, installed: Any) -> None:
    """A worker that was killed had not said how far it was: in the new log it goes on from where its state is."""
    kafka = installed("kafka", kafka_cluster.environment(), topic_prefix=topic_prefix)
    there = installed("there").settings
    made(kafka.settings)
    kafka.start()
    sender = Sender(kafka)
    sender.start()
    time.sleep(2)
    sender.enough.set()
    sender.join(30)
    kafka.drain()
    assert kafka.stop() == 0
    signals, group = kafka.settings.topic(SIGNALS), group_of(kafka.settings)
    with kafka_log(kafka.settings) as log:
        commit(log, group, {(signals, 0): 0, (signals, 1): 3})  # as of a moment ago; the third is where it was
    migrate(kafka.settings, there, Nobody())
    with kafka_log(kafka.settings) as source, open_log(there) as target:
        assert len(records(source, signals)) == len(records(target, there.topic(SIGNALS))) > 10
        for partition in range(3):
            assert target.position(group_of(there), there.topic(SIGNALS), partition) == target.end("signals", partition)


def test_times_are_kept_or_nothing_is_appended(kafka: Settings) -> None:
    """A broker that has not yet heard that the topic takes times would give its own: then the transaction is none."""
    made(kafka)
    signals = kafka.topic(SIGNALS)
    old = Append(signals, 0, b"k", b"old", (), NOW - YEAR)
    with kafka_log(kafka) as log:
        hold = KafkaHold(log, "migrate", (), topic=signals, timed=True)
        with pytest.raises(OtherTimes, match="times of its own"):
            hold.append([old])
        assert records(log, signals) == []
        take_times(log, kafka)
        [offset] = _appended(hold, [old])
        assert [(one.offset, one.timestamp_ms) for one in records(log, signals)] == [(offset, NOW - YEAR)]
        hold.release([])
