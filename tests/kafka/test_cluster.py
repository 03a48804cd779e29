"""What the tests of Kafka stand on: the brokers that they start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewTopic
from kafka.errors import KafkaError

from tests.kafka.cluster import EVERY, Cluster, needed, shared_cluster

ROOT = Path(__file__).resolve().parents[2]
OWNER = """
import sys, time
from pathlib import Path
from ops.kafka.cluster import Cluster
cluster = Cluster(Path(sys.argv[1])).start()
print(cluster.brokers[0].pid, flush=True)
time.sleep(600)
"""


def test_a_broker_gives_back_what_it_was_given(kafka_cluster: Cluster, topic_prefix: str) -> None:
    """A topic is made, a record is written and read."""
    topic = create(kafka_cluster, f"{topic_prefix}a")
    write(kafka_cluster, topic, b"one")
    assert read(kafka_cluster, topic) == [b"one"]


def test_no_topic_comes_into_being_by_being_named(kafka_cluster: Cluster, topic_prefix: str) -> None:
    """Writing to a topic that nobody made fails, and does not make it."""
    with pytest.raises(KafkaError):
        KafkaProducer(**kafka_cluster.client(), max_block_ms=1_000).send(f"{topic_prefix}nobodys", b"one").get(5)
    admin = KafkaAdminClient(**kafka_cluster.client())
    assert f"{topic_prefix}nobodys" not in admin.list_topics()
    admin.close()


@pytest.mark.slow
def test_a_killed_broker_comes_back_with_its_records(own_broker: Cluster, topic_prefix: str) -> None:
    """`kill -9` and a start on the same ports and data: what was acknowledged is there."""
    topic = create(own_broker, f"{topic_prefix}kept")
    write(own_broker, topic, b"one", b"two")
    before = own_broker.bootstrap
    own_broker.kill()
    assert own_broker.living() == set()
    own_broker.restart()
    assert own_broker.bootstrap == before
    write(own_broker, topic, b"three")
    assert read(own_broker, topic) == [b"one", b"two", b"three"]


@pytest.mark.slow
def test_three_brokers_do_without_the_one_that_led(three_brokers: Cluster, topic_prefix: str) -> None:
    """The leader of the cluster and of a partition is killed: nothing acknowledged is lost, and writing goes on."""
    admin = KafkaAdminClient(**three_brokers.client())
    [metadata] = admin.describe_metadata_quorum()["topics"]
    leader = metadata["partitions"][0]["leader_id"]
    followers = sorted({1, 2, 3} - {leader})
    topic = f"{topic_prefix}copied"
    admin.create_topics([NewTopic(topic, replica_assignments={0: [leader, *followers]})])
    admin.close()
    write(three_brokers, topic, b"one", b"two")
    three_brokers.kill(leader)
    write(three_brokers, topic, b"three")
    assert read(three_brokers, topic) == [b"one", b"two", b"three"]
    three_brokers.restart(leader)
    assert three_brokers.living() == {1, 2, 3}


@pytest.mark.slow
def test_three_brokers_keep_three_copies_of_everything(three_brokers: Cluster, topic_prefix: str) -> None:
    """A topic made without a word about copies, the groups' offsets and the transactions: three copies, two in sync."""
    topic = create(three_brokers, f"{topic_prefix}copies")
    producer = KafkaProducer(**three_brokers.client(), transactional_id=topic)
    producer.init_transactions()
    producer.close()
    consumer = KafkaConsumer(**three_brokers.client(), group_id=topic)
    consumer.assign([TopicPartition(topic, 0)])
    consumer.commit({TopicPartition(topic, 0): OffsetAndMetadata(0, "", -1)})
    consumer.close()
    admin = KafkaAdminClient(**three_brokers.client())
    names = [topic, "__consumer_offsets", "__transaction_state"]
    for found in admin.describe_topics(names):
        assert {len(partition["replica_nodes"]) for partition in found["partitions"]} == {3}, found["name"]
    told = admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)], config_filter="all")
    assert told["topic"][topic]["min.insync.replicas"]["value"] == "2"
    admin.close()


def test_each_listener_lets_in_who_meets_its_demands(secure_cluster: Cluster, topic_prefix: str) -> None:
    """With TLS, a certificate, PLAIN or SCRAM as demanded, records are written and read."""
    for name in EVERY:
        topic = create(secure_cluster, f"{topic_prefix}{name}", name)
        write(secure_cluster, topic, name.encode(), security=name)
        assert read(secure_cluster, topic, name) == [name.encode()]


def test_each_listener_refuses_everybody_else(secure_cluster: Cluster) -> None:
    """Nothing shown, a wrong password, no or a stranger's certificate, TLS or a login alone: refused, each of them."""
    wrong = {(name, "nothing"): {"bootstrap_servers": secure_cluster.address(name)} for name in EVERY}
    for name, security in EVERY.items():
        right = secure_cluster.client(name)
        if security.sasl:
            wrong[name, "password"] = {**right, "sasl_plain_password": "guessed"}
            wrong[name, "user"] = {**right, "sasl_plain_username": "nobody"}
        if security.sasl and security.tls:
            wrong[name, "tls alone"] = {**secure_cluster.client("tls"), "bootstrap_servers": right["bootstrap_servers"]}
            alone = secure_cluster.client(security.sasl)
            wrong[name, "login alone"] = {**alone, "bootstrap_servers": right["bootstrap_servers"]}
    known = {**secure_cluster.client("tls"), "bootstrap_servers": secure_cluster.address("mutual-tls")}
    files = secure_cluster.certificates
    stranger = {"ssl_certfile": str(files.stranger), "ssl_keyfile": str(files.stranger_key)}
    wrong["mutual-tls", "no certificate"] = known
    wrong["mutual-tls", "stranger"] = {**known, **stranger}
    with ThreadPoolExecutor(len(wrong)) as pool:
        entered = dict(zip(wrong, pool.map(gets_in, wrong.values()), strict=True))
    assert [who for who, inside in entered.items() if inside] == []
    log = (secure_cluster.folder / "broker-1" / "log.txt").read_text()
    refusals = {line.split("channelId=")[1].split("-")[0] for line in log.splitlines() if "Failed authentic" in line}
    assert refusals == {secure_cluster.address(name) for name in EVERY}  # it was the broker that refused


def test_all_workers_of_a_run_share_one_broker(tmp_path: Path) -> None:
    """Two who ask at the same moment get the same broker, which one of them started."""
    needed()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(shared_cluster, [tmp_path, tmp_path])
    assert one.bootstrap == other.bootstrap
    started = [cluster for cluster in (one, other) if cluster.brokers[0].pid]
    assert len(started) == 1
    assert one.living() == {1}
    started[0].discard()


def test_brokers_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    """A test run that is killed with `kill -9` leaves no broker behind."""
    needed()
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout
        broker = int(owner.stdout.readline())
        assert is_alive(broker)
        owner.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while is_alive(broker) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(broker)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")  # nobody may be there to bury it, as in a container
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def gets_in(client: dict[str, Any]) -> bool:
    try:
        KafkaAdminClient(**client, bootstrap_timeout_ms=1_000).close()
    except KafkaError:
        return False
    return True


def create(cluster: Cluster, topic: str, security: str | None = None) -> str:
    admin = KafkaAdminClient(**cluster.client(security))
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=-1)])
    admin.close()
    return topic


def write(cluster: Cluster, topic: str, *values: bytes, security: str | None = None) -> None:
    producer = KafkaProducer(**cluster.client(security), acks="all")
    sent = [producer.send(topic, value, partition=0) for value in values]
    for future in sent:
        future.get(timeout=30)
    producer.close()


def read(cluster: Cluster, topic: str, security: str | None = None) -> list[bytes]:
    settings = {"auto_offset_reset": "earliest", "consumer_timeout_ms": 20_000}
    consumer = KafkaConsumer(**cluster.client(security), **settings)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    count = consumer.end_offsets([partition])[partition]
    values = [message.value for _, message in zip(range(count), consumer, strict=False)]
    consumer.close()
    return values
