"""Clients of others: whatever they produce, good signals are scored and bad ones rejected; and what they may read."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer
from kafka.admin import ConfigResource, ConfigResourceType

import schemas
from schemas.times import format_time
from stream.transports.records import partition_for
from tests.kafka.cluster import Cluster
from tests.kafka.places import kafka_log, made, transactional
from tests.worker.load import PROFILE, Sender
from tests.worker.processes import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

CONSUMER = Path(schemas.__file__).parent / "examples" / "crm_consumer.py"
MIB = 1_048_576
COUNTS = """
profile: counts
version: 1
groups:
  - name: reading
    criteria:
      - {id: reading, signal: content_consumption, points: 1, cap: 90, decay: none}
tiers:
  - {name: seen, enter: 1}
  - {name: unseen}
"""


class NotText(str):
    """A header's name as a client could write it that does not mind what text is."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:  # type: ignore[override]
        return b"\xff\xfe" + super().encode()


class Clients:
    """A worker, and producers of others: each good signal is one point for its account."""

    def __init__(self, worker: Installation, cluster: Cluster) -> None:
        self.worker, self.cluster = worker, cluster
        self.producer = KafkaProducer(**cluster.client(), max_request_size=16 * MIB, max_block_ms=20_000)
        self.wanted: Counter[str] = Counter()
        self.number = 0

    def event(self, account: str, **data: Any) -> dict[str, Any]:
        """One good signal, not sent."""
        self.number += 1
        now = format_time(time.time_ns() // 1_000_000)
        return {
            "specversion": "1.0", "id": f"s{self.number}", "source": "others", "subject": account, "time": now,
            "type": "tierline.signal.content_consumption", "data": {"topic": f"t{self.number}", **data},
        }  # fmt: skip

    def good(self, account: str, name: str = "signals", producer: Any = None, **given: Any) -> None:
        """Sends one in structured mode."""
        value = json.dumps(self.event(account)).encode()
        key = given.pop("key", account.encode())
        partition = given.pop("partition", 0)
        (producer or self.producer).send(self.topic(name), value, key, partition=partition, **given)
        self.wanted[account] += 1

    def send(self, value: bytes | None, name: str = "signals", **given: Any) -> tuple[str, int, int]:
        """Sends anything; its place."""
        given = {"partition": 0, "key": b"acme.com", **given}
        sent = self.producer.send(self.topic(name), value, **given).get(20)
        return sent.topic, sent.partition, sent.offset

    def topic(self, name: str) -> str:
        return self.worker.settings.topic(name)

    def rejected(self) -> dict[tuple[str, int, int], dict[str, Any]]:
        """Every rejected record by its place."""
        self.producer.flush()
        self.worker.drain()
        found = {}
        for document in self.worker.documents("rejected"):
            place = document["origin"]
            found[place["topic"], place["partition"], place["offset"]] = document
        return found

    def scored(self) -> dict[str, float]:
        """The score of each account that was sent something."""
        self.producer.flush()
        self.worker.drain()
        until, found = time.monotonic() + 15, dict[str, float]()
        while found != self.wanted and time.monotonic() < until:
            time.sleep(0.3)
            newest = {one["subject"]: one["data"] for one in self.worker.documents("account-scores")}
            found = {name: data["profiles"]["counts"]["score"] for name, data in newest.items()}
        return found


@pytest.fixture
def worker(kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Installation]:
    """A worker of an installation of its own, not started."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "counts.yaml").write_text(COUNTS)
    made_here = Installation(
        tmp_path, tmp_path / "profiles", where=kafka_cluster.environment(),
        topic_prefix=topic_prefix, partitions=2, scores_every="1s",
    )  # fmt: skip
    made(made_here.settings)
    yield made_here
    made_here.close()


@pytest.fixture
def clients(worker: Installation, kafka_cluster: Cluster) -> Iterator[Clients]:
    """The same with the worker running, which has to stop in peace at the end."""
    worker.start()
    found = Clients(worker, kafka_cluster)
    yield found
    found.producer.close()
    assert worker.stop() == 0


def account(number: int, partition: int = 0) -> str:
    """Some account of that partition of two."""
    names = (f"company-{each}.com" for each in range(number * 100, 10_000))
    return next(name for name in names if partition_for(name.encode(), 2) == partition)


def test_binary_and_structured_in_every_compression(clients: Clients, kafka_cluster: Cluster) -> None:
    """Both modes of CloudEvents, uncompressed, gzip, snappy, lz4 and zstd, on the log and on a family's topic."""
    for number, compression in enumerate((None, "gzip", "snappy", "lz4", "zstd")):
        producer = KafkaProducer(**kafka_cluster.client(), compression_type=compression, linger_ms=50)
        for _ in range(20):
            clients.good(account(number), producer=producer)
        clients.good(account(number), "signals.content", producer=producer, key=None)
        for name, key in (("signals", account(number).encode()), ("signals.content", b"whatever")):
            event = clients.event(account(number))
            data = json.dumps(event.pop("data")).encode()
            headers = [(f"ce_{one}", value.encode()) for one, value in event.items()]
            headers += [("content-type", b"application/json"), ("traceparent", b"\x00\xff")]
            producer.send(clients.topic(name), data, key, headers, partition=0)
            clients.wanted[account(number)] += 1
        producer.close()
    assert clients.scored() == clients.wanted
    assert clients.rejected() == {}


def test_keys_that_are_no_accounts(clients: Clients) -> None:
    """No key, another account's, other spellings, odd bytes, an empty or a huge one: scored under the right account."""
    keys = (None, b"wrong.com", b"WWW.Company-1.com", b"https://company.com/x", b"\xff\x00\xfe", b"", b"k" * 300_000)
    for number, key in enumerate(keys):
        for partition in (0, 1):
            clients.good(account(number), key=key, partition=partition)
    assert clients.scored() == clients.wanted
    assert clients.rejected() == {}


def test_headers_of_all_sorts(clients: Clients, kafka_cluster: Cluster) -> None:
    """Twice the same, without name, without value, with bytes that are no text: none of it stops anything.

    Kafka knows headers without a value, which Java's clients can write; and brokers do not look whether names are text.
    """
    good = account(1)
    clients.good(good, headers=[("", b""), ("a", b"1"), ("a", b"2"), ("b", b"\xff\xfe"), ("x" * 1_000, b"y" * 10_000)])
    clients.good(good, headers=[(NotText("name"), b"value")])
    clients.good(good, headers=[("ce_foo", b"no specversion, so structured")])
    event = clients.event(good)
    data = json.dumps(event.pop("data")).encode()
    headers = [(f"ce_{one}", value.encode()) for one, value in event.items()]
    clients.send(data, key=good.encode(), headers=[*headers, (NotText("ce_id"), b"none"), ("ce_id", b"the last holds")])
    clients.wanted[good] += 1
    version = ("ce_specversion", b"1.0")
    places = [
        clients.send(data, key=good.encode(), headers=bad)
        for bad in ([("ce_id", b"\xff"), version], [version], [version, (NotText("ce_id"), b"x")])
    ]

    async def without_values() -> None:
        async with AIOKafkaProducer(**kafka_cluster.client()) as producer:
            none = [*((name, value) for name, value in headers if name != "ce_id"), ("ce_id", None)]
            sent = await producer.send_and_wait(clients.topic("signals"), data, good.encode(), 0, headers=none)
            places.append((sent.topic, sent.partition, sent.offset))
            value = json.dumps(clients.event(good)).encode()
            await producer.send_and_wait(clients.topic("signals"), value, good.encode(), 0, headers=[("ce_x", None)])
            clients.wanted[good] += 1


    asyncio.run(without_values())
    clients.good(account(2), headers=[("after", b"all of it")])
    assert clients.scored() == clients.wanted
    rejected = clients.rejected()
    assert {place: one["reason"] for place, one in rejected.items()} == dict.fromkeys(places, "bad_envelope")
    names = [header["name"] for header in rejected[places[2]]["headers"]]
    assert "\\xff\\xfece_id" in names, "spelt out, and kept"


def test_what_is_no_signal(clients: Clients) -> None:
    """No value, no JSON, JSON of another kind, deep, of huge numbers: each is rejected for what it is, whole."""
    good = account(1)
    bad = {
        clients.send(None): "not_json",
        clients.send(b""): "not_json",
        clients.send(b"\x00\xff\xfe"): "not_json",
        clients.send(b'{"specversion": "1.0", "id": "'): "not_json",
        clients.send(b'"text"'): "bad_envelope",
        clients.send(b"[]"): "bad_envelope",
        clients.send(b"null"): "bad_envelope",
        clients.send(b"[" * 100_000 + b"]" * 100_000): "not_json",
        clients.send(b'{"a":' * 500 + b"1" + b"}" * 500): "bad_member",
        clients.send(b'{"type": "tierline.log.nothing", "data": 5}'): "unknown_type",
        clients.send(b'{"type": "tierline.log.alias"}'): "unexpected",
        clients.send(b"x", "signals.jobs", key=None): "not_json",
        clients.send(None, "accounts", key=b""): "not_json",
    }
    for partition in (0, 1):
        clients.good(good, partition=partition)
    assert clients.scored() == clients.wanted
    found = clients.rejected()
    assert {place: one["reason"] for place, one in found.items()} == bad


def test_what_is_too_large(clients: Clients) -> None:
    """5 MB where somebody raised max.message.bytes; huge keys and headers; what would grow on its way: nothing stops.

    Each is rejected with its beginning, its size and its digest, in a record that fits into its topic.
    """
    raised = {"max.message.bytes": str(16 * MIB)}
    with kafka_log(clients.worker.settings) as log:
        for name in ("signals", "signals.content"):
            resource = ConfigResource(ConfigResourceType.TOPIC, clients.topic(name), raised)
            log.clients.admin().alter_configs([resource])
    time.sleep(0.5)
    good = account(1)
    event = clients.event(good)
    event["data"] = {"topic": "t", "numbers": [1e15] * 200_000}
    grows = json.dumps(event).replace("1000000000000000.0", "1e15").replace(", ", ",").encode()
    assert len(grows) < MIB
    binary = [(f"ce_{name}", b"x") for name in ("specversion", "id", "source", "type", "subject", "time")]
    bad = {
        clients.send(b"x" * 5_000_000): "too_large",
        clients.send(b"x" * 5_000_000, "signals.content", key=None): "too_large",
        clients.send(json.dumps({**event, "data": "x" * (MIB + 1)}).encode()): "too_large",
        clients.send(b"x" * (MIB - 10), headers=[("a", b"y" * 900_000)]): "not_json",
        clients.send(b"x" * (MIB - 10), key=b"k" * 5_000_000): "not_json",
        clients.send(b"x" * (MIB - 10), key=None, headers=[("", b"")] * 100_000): "not_json",
        clients.send(b"{}", headers=[("ce_" + "n" * 3_000_000, b"\xff"), *binary]): "bad_envelope",
        clients.send(b"{}", headers=[(f"h{one}\x01" * 20, b"v") for one in range(20_000)]): "bad_envelope",
        clients.send(grows, key=b"wrong.com"): "too_large",
        clients.send(grows, "signals.content", key=None): "too_large",
    }
    clients.good(good, partition=0)
    clients.good(good, "signals.content", partition=0)
    assert clients.scored() == clients.wanted
    found = clients.rejected()
    assert {place: one["reason"] for place, one in found.items()} == bad
    first = found[next(iter(bad))]
    assert (first["raw_size"], len(first["sha256"])) == (5_000_000, 64)
    assert all(len(json.dumps(one)) < 2 * MIB for one in found.values())


def test_transactions_of_others(clients: Clients, kafka_cluster: Cluster) -> None:
    """What a producer took back never counts, what it committed does once; the markers in between are passed over.

    The group's position comes to the end, so that no lag stays where a partition ends in a marker.
    """
    producer = transactional(kafka_cluster, f"{clients.worker.settings.topic_prefix}somebody")
    for number in range(10):
        producer.begin_transaction()
        before = clients.wanted.copy()
        for partition in (0, 1):
            clients.good(account(number), partition=partition, producer=producer)
        producer.flush()
        if number % 2:
            producer.abort_transaction()
            clients.wanted = before
        else:
            producer.commit_transaction()
    producer.close()
    assert clients.scored() == clients.wanted
    assert clients.rejected() == {}


def test_a_consumer_for_crms(worker: Installation, kafka_cluster: Cluster, tmp_path: Path) -> None:
    """The example of `schemas/examples`, killed again and again, has each change once and the latest score of each."""
    (tmp_path / "profiles" / "counts.yaml").write_text(PROFILE)
    worker.start()
    sender = Sender(worker)
    sender.start()
    database = tmp_path / "crm.db"
    words = [sys.executable, str(CONSUMER), kafka_cluster.bootstrap, str(database)]
    words += ["--prefix", worker.settings.topic_prefix]
    for seconds in (1.2, 1.7, 2.1, 1.4):
        process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        time.sleep(seconds)
        assert process.poll() is None, process.communicate()[1].decode()
        process.kill()
        process.communicate()
    sender.enough.set()
    sender.join(30)
    worker.drain()
    assert worker.stop() == 0
    subprocess.run([*words, "--once"], check=True, timeout=60, stdout=subprocess.DEVNULL)
    changes = worker.documents("tier-changes")
    with kafka_log(worker.settings) as log:
        latest = log.scan_latest(worker.settings.topic("account-scores"))
        newest = [json.loads(one.value or b"")["data"] for one in latest]
    assert len(changes) > 20
    with sqlite3.connect(database) as db:
        assert sorted(db.execute("SELECT id FROM changes")) == sorted((one["id"],) for one in changes)
        scores = {(name, profile): score for name, profile, score, *_ in db.execute("SELECT * FROM scores")}
    db.close()
    assert scores == {
        (data["account"], profile): now["score"] for data in newest for profile, now in data["profiles"].items()
    }


def test_a_state_of_a_newer_release(worker: Installation, kafka_cluster: Cluster) -> None:
    """It is found during recovery: the worker ends with one sentence that says what to do, and writes nothing."""
    clients = Clients(worker, kafka_cluster)
    worker.start()
    clients.good(account(1))
    clients.scored()
    clients.send(b'{"v": 99, "account": "acme.com"}', "account-state")
    before = {name: len(worker.documents(name)) for name in ("signals", "tier-changes", "account-scores", "rejected")}
    assert worker.stop() == 0
    done = worker.command("run")
    clients.producer.close()
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("tierline: ")]
    assert len(said) == 1
    assert "has format 99, this release reads up to" in said[0]
    assert "Run the newer release again" in said[0]
    assert "Traceback" not in done.stderr
    assert {name: len(worker.documents(name)) for name in before} == before
