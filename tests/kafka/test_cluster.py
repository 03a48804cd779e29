"""What the tests of Kafka stand on: the brokers that they start."""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from tests.kafka.cluster import Cluster


def test_a_broker_answers_and_gives_back_what_it_was_given(kafka_cluster: Cluster, topic_prefix: str) -> None:
    """A topic is made, a record is written and read."""
    topic = create(kafka_cluster, f"{topic_prefix}a")
    write(kafka_cluster, topic, [b"one"])
    assert read(kafka_cluster, topic) == [b"one"]


def create(cluster: Cluster, topic: str) -> str:
    admin = KafkaAdminClient(**cluster.client())
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=-1)])
    admin.close()
    return topic


def write(cluster: Cluster, topic: str, values: list[bytes]) -> None:
    producer = KafkaProducer(**cluster.client(), acks="all")
    sent = [producer.send(topic, value, partition=0) for value in values]
    for future in sent:
        future.get(timeout=30)
    producer.close()


def read(cluster: Cluster, topic: str) -> list[bytes]:
    consumer = KafkaConsumer(**cluster.client(), auto_offset_reset="earliest", consumer_timeout_ms=20_000)
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    count = consumer.end_offsets([partition])[partition]
    values = [message.value for _, message in zip(range(count), consumer, strict=False)]
    consumer.close()
    return values
