"""What `tierline doctor` looks at in a Kafka cluster."""

from __future__ import annotations

from collections.abc import Iterator

from schemas.topics import TOPICS
from stream.checks import Finding, halves
from stream.settings import Settings
from stream.transports.errors import LogError
from stream.transports.kafka_admin import Difference, check_topics
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog


def cluster(settings: Settings, log: KafkaLog) -> Iterator[Finding]:
    """The connection, and the topics: there, and as the registry has them."""
    connection = Connection.of(settings)
    try:
        brokers = log.brokers()
    except LogError as error:
        yield Finding("log", "connection", "fail", *halves(str(error)))
        return
    login = "without a login" if connection.sasl == "none" else f"as {connection.user} ({connection.sasl})"
    told = f"{log.name}, {len(brokers)} broker{'' if len(brokers) == 1 else 's'} up, {login}"
    if not connection.tls and connection.sasl == "plain":
        mend = "set TIERLINE_KAFKA_TLS=true, or use scram-sha-512"
        yield Finding("log", "connection", "warn", f"{told}: the password goes over the network in clear", mend)
    else:
        yield Finding("log", "connection", "ok", f"{told}, {'TLS' if connection.tls else 'not encrypted'}")
    try:
        yield from _topics(settings, check_topics(log, settings))
    except LogError as error:
        yield Finding("log", "topics", "fail", *halves(str(error)))


def _topics(settings: Settings, found: list[Difference]) -> Iterator[Finding]:
    missing = [one.topic for one in found if one.setting == "topic"]
    if missing:
        which = f"none of the topics {settings.topic_prefix}…" if len(missing) == len(TOPICS) else ", ".join(missing)
        yield Finding("log", "topics", "fail", f"not there: {which}", "tierline topics create")
    for one in found:
        if one.setting != "topic":
            told = f"{one.setting} is {one.found}, not {one.wanted}"
            yield Finding("log", one.topic, "fail" if one.fatal else "warn", told, one.why)
    if not found:
        yield Finding("log", "topics", "ok", f"all {len(TOPICS)} are there and as they should be")
