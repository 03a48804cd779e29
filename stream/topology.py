"""Which topics an installation has, and opening its log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from schemas.topics import TOPICS
from stream.settings import Settings
from stream.transports.errors import TopicMismatch, UnknownTopic
from stream.transports.log import EmbeddedLog
from stream.transports.seam import Log

if TYPE_CHECKING:
    from stream.transports.kafka_log import KafkaLog

GROUP = "tierline"


def group_of(settings: Settings) -> str:
    """The consumer group of the workers, and their application id.

    On Kafka it has the topics' prefix, so that two installations on one cluster do not meet. A file is one
    installation's, so on an embedded log the name is always the same.
    """
    return GROUP if settings.embedded else settings.topic_prefix + GROUP


def partitions_of(settings: Settings, name: str) -> int:
    """How many partitions a topic has in this installation."""
    return settings.partitions if TOPICS[name].partitions == "scaled" else 1


def connect(settings: Settings, *, create: bool = True) -> Log:
    """The installation's log as it is, its topics not looked at. A file is created where `create` says so.

    Raises LogError where it cannot be used; of Kafka that shows when something is asked of it.
    """
    if settings.embedded:
        return EmbeddedLog(settings.path, create=create)
    return connect_kafka(settings)


def connect_kafka(settings: Settings, *, patience: float = 10.0) -> KafkaLog:
    """The same, known to be Kafka; `patience`: seconds to wait for an answer.

    Raises LogInsecure where a certificate cannot be read.
    """
    from stream.transports.kafka_connection import Connection
    from stream.transports.kafka_log import KafkaLog

    return KafkaLog(Connection.of(settings), group=group_of(settings), patience=patience)


def open_log(settings: Settings, *, create: bool = True) -> Log:
    """The installation's log with every topic: in a file they are made, on Kafka they must be there.

    Raises LogError where it cannot be used, a topic is missing, or has another number of partitions.
    """
    log = connect(settings, create=create)
    try:
        if isinstance(log, EmbeddedLog):
            _declare(log, settings)
        else:
            check_topics(log, settings)
    except BaseException:
        log.close()
        raise
    return log


def _declare(log: EmbeddedLog, settings: Settings) -> None:
    for name, topic in TOPICS.items():
        log.create_topic(
            settings.topic(name), partitions_of(settings, name), compact=topic.compacted, retention_ms=topic.retention
        )


def check_topics(log: Log, settings: Settings) -> None:
    """Raises UnknownTopic or TopicMismatch where the topics are not those of this installation."""
    there = set(log.topics())
    missing = [settings.topic(name) for name in TOPICS if settings.topic(name) not in there]
    if missing:
        if not settings.embedded:
            _check_seen(log, missing)
        which = "no topic of this installation" if len(missing) == len(TOPICS) else f"no topic {', '.join(missing)}"
        prefix = f" (TIERLINE_TOPIC_PREFIX is {settings.topic_prefix!r})" if settings.topic_prefix else ""
        raise UnknownTopic(f"{log.name}: there is {which}{prefix}. `tierline topics create` makes what is missing.")
    for name in TOPICS:
        found, wanted = log.partitions(settings.topic(name)), partitions_of(settings, name)
        if found != wanted:
            raise TopicMismatch(f"{log.name}: topic {settings.topic(name)!r} {_counted(settings, name, found)}")


def _check_seen(log: Log, topics: list[str]) -> None:
    """Raises LogRefused where topics are not missing, but hidden from this user."""
    from stream.transports.kafka_log import KafkaLog

    if isinstance(log, KafkaLog):
        log.check_seen(topics)


def _counted(settings: Settings, name: str, found: int) -> str:
    """What to do about a topic with another number of partitions than it should have."""
    wanted = partitions_of(settings, name)
    told = f"has {found} partition{'' if found == 1 else 's'}, not {wanted}."
    if TOPICS[name].partitions == "one":
        return f"{told} It keeps one order: delete it while it is empty, then `tierline topics create`."
    return (
        f"{told} All topics of an installation have the same number, and it is fixed: it says where each account lives."
        f" Set TIERLINE_PARTITIONS={found} if that is their number; to have another, move to new topics."
    )
