"""What a migration asks of Kafka alone: topics that take any time and lose nothing meanwhile, and groups' positions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import NoError
from kafka.structs import OffsetAndMetadata

from schemas.topics import ACCOUNT_STATE, DAY, INTAKE, SIGNALS, TOPICS
from stream.agents.memory import read_format
from stream.agents.table import partition_key
from stream.migrating.sides import Positions
from stream.scoring.state import StateTooNew
from stream.settings import Settings
from stream.topology import group_of
from stream.transports.errors import LogError, LogTooNew
from stream.transports.kafka_errors import translated
from stream.transports.kafka_log import KafkaLog

# Compaction and retention would take out what has just been copied: it is old by its own times.
MEANWHILE = {
    "message.timestamp.type": "CreateTime",
    "message.timestamp.before.max.ms": str((1 << 63) - 1),
    "message.timestamp.after.max.ms": str((1 << 63) - 1),  # a clock that was ahead has left its mark in the log
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
}


UNREAD = 1_000
"""Records looked at: they lie about in the order of their times."""


def take_times(log: KafkaLog, settings: Settings) -> None:
    """The topics take records with times of their own, and keep them all. Raises LogError."""
    _alter(log, {settings.topic(name): dict(MEANWHILE) for name in TOPICS})


def finish(log: KafkaLog, settings: Settings) -> list[str]:
    """The topics have the settings of the registry again. Raises LogError.

    But those where the brokers would at once drop what the workers have still to read keep everything; their names.
    """
    afresh = [name for name in MEANWHILE if name not in next(iter(TOPICS.values())).config]
    kept = [settings.topic(name) for name in INTAKE if _old_and_unread(log, settings, name)]
    wanted = {settings.topic(name): {**about.config, **dict.fromkeys(afresh)} for name, about in TOPICS.items()}
    for topic in kept:
        wanted[topic]["retention.ms"] = "-1"
    _alter(log, wanted)
    return kept


def kept(log: KafkaLog, settings: Settings) -> list[str]:
    """The topics that `finish` gave no retention, and nobody since. Raises LogError."""
    topics = [settings.topic(name) for name in INTAKE if TOPICS[name].retention is not None]
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    with translated(log.name):
        told: dict[str, dict[str, Any]] = log.clients.ask(
            lambda admin: admin.describe_configs(asked, config_filter="all")
        )["topic"]
    return [topic for topic in topics if told.get(topic, {}).get("retention.ms", {}).get("value") == "-1"]


def _old_and_unread(log: KafkaLog, settings: Settings, name: str) -> bool:
    topic, retention = settings.topic(name), TOPICS[name].retention
    if retention is None:
        return False
    before = log.clock() - retention + DAY  # workers have a day to come to it
    for partition in range(log.partitions(topic)):
        at = log.position(group_of(settings), topic, partition)
        unread = log.read(topic, partition, log.begin(topic, partition) if at is None else at, UNREAD)
        if any(record.timestamp_ms < before for record in unread):
            return True
    return False


def _alter(log: KafkaLog, wanted: Mapping[str, Mapping[str, str | None]]) -> None:
    """Sets settings of topics; None: the brokers' default. The same twice is harmless."""
    changes = [
        ConfigResource(
            ConfigResourceType.TOPIC,
            topic,
            {key: ("DELETE", None) if value is None else value for key, value in configs.items()},
        )
        for topic, configs in wanted.items()
    ]
    with translated(log.name):
        told: dict[str, str] = log.clients.ask(lambda admin: admin.alter_configs(changes, raise_on_unknown=False))[
            "topic"
        ]
    for topic, result in told.items():
        if result != "OK":
            raise LogError(
                f"{log.name}: the settings of topic {topic!r} could not be changed: {result}. This user needs"
                " AlterConfigs on the topics; then migrate again, it goes on where it stopped."
            )


def groups(log: KafkaLog, settings: Settings) -> dict[str, dict[tuple[str, int], int]]:
    """The positions of every group on topics of the installation; those of our own holds are left out."""
    ours = {settings.topic(name) for name in TOPICS}
    inner = f"{group_of(settings)}."
    with translated(log.name):
        listed: list[Any] = log.clients.ask(lambda admin: admin.list_groups())
    found = {}
    for name in sorted({one["group_id"] for one in listed} | {group_of(settings)}):
        if not name.startswith(inner):
            positions = {place: at for place, at in log.positions(name).items() if place[0] in ours}
            if positions:
                found[name] = positions
    applied = _applied(log, settings, found.get(group_of(settings), {}))
    return {**found, group_of(settings): applied} if applied else found


def _applied(log: KafkaLog, settings: Settings, positions: Positions) -> dict[tuple[str, int], int]:
    """The workers' positions. One that was killed was further in ``signals`` than it had said, and its state knows.

    What lies between would count twice in another log, whose offsets the state does not know.
    """
    found, topic, state = dict(positions), settings.topic(SIGNALS), settings.topic(ACCOUNT_STATE)
    if not {topic, state} <= set(log.topics()):
        return found
    for partition in range(min(log.partitions(topic), log.partitions(state))):
        last, position = log.last(topic, partition), found.get((topic, partition), 0)
        if last is None or position > last:
            continue
        rows = log.read_key(state, partition_key("clock", partition), partition=partition)
        try:
            known = read_format(rows[-1].value) if rows else {}
        except StateTooNew as error:
            raise LogTooNew(f"{log.name}: {error}.") from error
        if known.get("log") == log.incarnation(topic):
            found[topic, partition] = max(position, known["applied"])
    return found


def commit(log: KafkaLog, group: str, positions: Positions) -> None:
    """Sets the positions of a group that has no members. Raises LogError."""
    wanted = {TopicPartition(*place): OffsetAndMetadata(at, "", -1) for place, at in positions.items()}
    with translated(log.name):
        told = log.clients.ask(lambda admin: admin.alter_group_offsets(group, wanted))
    for place, error in told.items():
        if error is not NoError:
            raise LogError(
                f"{log.name}: the position of group {group!r} on {place.topic}/{place.partition} could not be set"
                f" ({error.__name__}). Stop whatever consumes in that group, then migrate again."
            )
