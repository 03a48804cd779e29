"""The topics of an installation on Kafka: making them, and saying what differs where somebody else made them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import NoError, TopicAlreadyExistsError, TopicAuthorizationFailedError, for_code

from schemas.topics import MOST_MESSAGE_BYTES, SIGNALS, TOPICS, Topic
from stream.settings import Settings
from stream.topology import partitions_of
from stream.transports.errors import LogError, LogRefused, LogUnavailable
from stream.transports.kafka_errors import explained, translated
from stream.transports.kafka_log import KafkaLog

SAFE = 3
"""Copies of a topic from which on two of them have to have a record before it counts as written."""
IN_SYNC = 2
SETTLING = 50
"""Tenths of a second until all brokers should know of a new topic."""
T = TypeVar("T")
_ALWAYS = 1 << 63


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about a topic that is not as the registry has it."""

    topic: str
    setting: str
    wanted: str
    found: str
    fatal: bool
    """Whether the workers cannot run like that, or would lose what they must not."""
    why: str
    """What it leads to, and what to do."""


def create_topics(log: KafkaLog, settings: Settings) -> list[str]:
    """Make the topics that are missing; the names of those made. Others are left as they are.

    Raises LogError where one cannot be made.
    """
    there = set(log.topics())
    missing = {settings.topic(name): name for name in TOPICS if settings.topic(name) not in there}
    if not missing:
        return []
    log.check_seen(list(missing))
    wanted = {
        topic: {
            "num_partitions": partitions_of(settings, name),
            "replication_factor": settings.kafka_replication or -1,
            "configs": TOPICS[name].config | _in_sync(settings.kafka_replication),
        }
        for topic, name in missing.items()
    }
    with translated(log.name):
        told = log.clients.ask(lambda admin: admin.create_topics(wanted, raise_errors=False))
    for one in told["topics"]:
        error = for_code(one["error_code"])
        if error not in (NoError, TopicAlreadyExistsError):  # somebody else may be making them just now
            raise _refused(log, settings, one["name"], error(one.get("error_message") or ""))
    with translated(log.name):
        log.clients.admin().wait_for_topics(list(missing))
        if settings.kafka_replication is None:
            _tighten(log, list(missing))
    return sorted(missing)


def _tighten(log: KafkaLog, topics: list[str]) -> None:
    """Where the brokers' default gave three copies or more, two have to have each record."""
    many = [topic for topic, copies in _replication(log, topics).items() if copies >= SAFE]
    if many:
        changes = [ConfigResource(ConfigResourceType.TOPIC, topic, _in_sync(SAFE)) for topic in many]
        # not looked up beforehand: the broker that is asked may not know of the new topics yet
        told = log.clients.ask(lambda admin: admin.alter_configs(changes, raise_on_unknown=False))["topic"]
        failed = {topic: said for topic, said in told.items() if said != "OK"}
        if failed:
            topic, said = next(iter(failed.items()))
            raise LogError(f"{log.name}: min.insync.replicas of topic {topic!r} cannot be set: {said}.")


def _in_sync(replication: int | None) -> dict[str, str]:
    return {"min.insync.replicas": str(IN_SYNC)} if replication is not None and replication >= SAFE else {}


def _refused(log: KafkaLog, settings: Settings, topic: str, error: BaseException) -> LogError:
    if isinstance(error, TopicAuthorizationFailedError):
        return LogRefused(
            f"{log.name}: this user may not make topic {topic!r}. Allow it Create on the topics, or have somebody else"
            " make them: docs/kafka.md has the table of all that is needed."
        )
    if type(error).__name__ == "InvalidReplicationFactorError":
        return LogError(
            f"{log.name}: topic {topic!r} cannot have {settings.kafka_replication or 'the default of'} copies:"
            f" {str(error).partition(': ')[2] or error} Set TIERLINE_KAFKA_REPLICATION to fewer."
        )
    return explained(error, log.name)


def check_topics(log: KafkaLog, settings: Settings) -> list[Difference]:
    """What differs from the registry, in its order. Raises LogError where that cannot be found out."""
    names = {settings.topic(name): topic for name, topic in TOPICS.items()}
    there = set(log.topics())
    found = [topic for topic in names if topic in there]
    if len(found) < len(names):
        log.check_seen([topic for topic in names if topic not in there])
    with translated(log.name):
        copies = _replication(log, found) if found else {}
        configs = _configs(log, found) if found else {}
        brokers = len(log.brokers())
    differences: list[Difference] = []
    for topic, about in names.items():
        if topic not in there:
            why = "`tierline topics create` makes it"
            differences.append(Difference(topic, "topic", "there", "missing", fatal=True, why=why))
            continue
        differences += _counted(topic, partitions_of(settings, about.name), log.partitions(topic))
        differences += _configured(topic, about, configs[topic])
        differences += _copied(topic, copies[topic], configs[topic], settings.kafka_replication, brokers)
    return differences


def _replication(log: KafkaLog, topics: list[str]) -> dict[str, int]:
    """The fewest copies that any partition of each topic has."""

    def ask() -> dict[str, int]:
        described = log.clients.ask(lambda admin: admin.describe_topics(topics))
        return {
            one["name"]: min((len(at["replica_nodes"]) for at in one["partitions"]), default=0) for one in described
        }

    return _settled(log, topics, ask)


def _configs(log: KafkaLog, topics: list[str]) -> dict[str, dict[str, str]]:
    asked = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]

    def ask() -> dict[str, dict[str, str]]:
        told = log.clients.ask(lambda admin: admin.describe_configs(asked, config_filter="all"))["topic"]
        return {topic: {name: str(one["value"]) for name, one in told.get(topic, {}).items()} for topic in topics}

    return _settled(log, topics, ask)


def _settled(log: KafkaLog, topics: list[str], ask: Callable[[], dict[str, T]]) -> dict[str, T]:
    """The answer once it has something of every topic: of new ones each broker learns in its own time."""
    for _ in range(SETTLING):
        found = ask()
        if all(found.get(topic) for topic in topics):
            return found
        time.sleep(0.1)
    unknown = next(topic for topic in topics if not found.get(topic))
    raise LogUnavailable(
        f"{log.name}: a broker tells nothing of topic {unknown!r}. Try again in a moment; where that does not help,"
        " allow this user DescribeConfigs on the topics (docs/kafka.md)."
    )


def _counted(topic: str, wanted: int, found: int) -> Iterator[Difference]:
    if found != wanted:
        why = f"set TIERLINE_PARTITIONS={found} if all topics have so many; the number is fixed once there are records"
        if wanted == 1:
            why = "it keeps one order: delete it while it is empty, then `tierline topics create`"
        yield Difference(topic, "partitions", str(wanted), str(found), fatal=True, why=why)


def _configured(topic: str, about: Topic, found: dict[str, str]) -> Iterator[Difference]:
    for setting, wanted in about.config.items():
        has = found.get(setting, "")
        if has == wanted:
            continue
        if setting == "cleanup.policy":
            why = "only the latest record of each key would stay" if not about.compacted else "records would expire"
            yield Difference(topic, setting, wanted, has, fatal=True, why=_set(topic, setting, wanted, why))
        elif setting == "message.timestamp.type":
            why = "the senders' clocks would decide when a record came"
            fatal = about.name == SIGNALS
            yield Difference(topic, setting, wanted, has, fatal=fatal, why=_set(topic, setting, wanted, why))
        elif setting == "max.message.bytes" and _number(has) < MOST_MESSAGE_BYTES:
            why = "a large record would hold up its partition"
            yield Difference(topic, setting, wanted, has, fatal=True, why=_set(topic, setting, wanted, why))
        elif setting == "retention.ms" and not about.compacted and _number(has) < _number(wanted):
            why = "records go sooner than they should"
            yield Difference(topic, setting, wanted, has, fatal=False, why=_set(topic, setting, wanted, why))
    if not about.compacted and _number(found.get("retention.bytes", "-1")) != _ALWAYS:
        why = _set(topic, "retention.bytes", "-1", "records go when there are many, whether they were read or not")
        yield Difference(topic, "retention.bytes", "-1", found["retention.bytes"], fatal=False, why=why)


def _copied(topic: str, copies: int, found: dict[str, str], wanted: int | None, brokers: int) -> Iterator[Difference]:
    if wanted is not None and copies < wanted:
        why = "give it more copies with kafka-reassign-partitions"
        yield Difference(topic, "replication", str(wanted), str(copies), fatal=False, why=why)
    elif wanted is None and copies == 1 and brokers >= SAFE:
        why = "with one disk all of it is lost: give it three copies with kafka-reassign-partitions"
        yield Difference(topic, "replication", str(SAFE), "1", fatal=False, why=why)
    in_sync = int(found.get("min.insync.replicas", "1"))
    if in_sync > copies:
        why = _set(topic, "min.insync.replicas", str(max(1, copies - 1)), "nothing can be written to it")
        yield Difference(topic, "min.insync.replicas", f"at most {copies}", str(in_sync), fatal=True, why=why)
    elif copies >= SAFE and in_sync < IN_SYNC:
        why = _set(topic, "min.insync.replicas", str(IN_SYNC), "what one broker alone has taken is lost with it")
        yield Difference(topic, "min.insync.replicas", str(IN_SYNC), str(in_sync), fatal=False, why=why)
    elif in_sync == copies > 1:
        why = _set(topic, "min.insync.replicas", str(copies - 1), "with one broker down nothing can be written to it")
        yield Difference(topic, "min.insync.replicas", str(copies - 1), str(in_sync), fatal=False, why=why)


def _number(text: str) -> int:
    """A number of a setting's, of which -1 is without end."""
    return _ALWAYS if text == "-1" else int(text)


def _set(topic: str, setting: str, value: str, why: str) -> str:
    return f"{why}: kafka-configs --alter --entity-type topics --entity-name {topic} --add-config {setting}={value}"
