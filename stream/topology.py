"""Which topics an installation has, and making them on an embedded log."""

from __future__ import annotations

from schemas.topics import TOPICS
from stream.settings import Settings
from stream.transports.log import EmbeddedLog

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


def open_log(settings: Settings, *, create: bool = True) -> EmbeddedLog:
    """The installation's embedded log, with every topic declared.

    Raises LogError where the file cannot be used, or was made with another number of partitions.
    """
    log = EmbeddedLog(settings.path, create=create)
    for name, topic in TOPICS.items():
        log.create_topic(
            settings.topic(name), partitions_of(settings, name), compact=topic.compacted, retention_ms=topic.retention
        )
    return log
