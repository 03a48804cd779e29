"""What a broker is told (`server.properties`), and why it differs from Kafka's own defaults."""

from __future__ import annotations

from collections.abc import Mapping

MIN_INSYNC = 2  # of three: one lost broker stops nothing, and nothing acknowledged is lost with it


def shared(brokers: int) -> dict[str, str]:
    """What makes results what they are; docker-compose.yml says the same, and a test compares them."""
    copies, insync = (3, MIN_INSYNC) if brokers >= 3 else (1, 1)
    return {
        "auto.create.topics.enable": "false",  # a misspelt topic is an error, not a new topic
        "default.replication.factor": str(copies),
        "min.insync.replicas": str(insync),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(insync),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(insync),
        "group.initial.rebalance.delay.ms": "0",  # a worker alone need not wait for others
    }


# Small and quick: for a machine that runs the tests beside it. None of it changes what a client gets.
QUICK: Mapping[str, str] = {
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "1",
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    "num.recovery.threads.per.data.dir": "1",
    "log.cleaner.dedupe.buffer.size": "8388608",  # taken at once from the heap; 128 MiB by default
    "log.cleaner.backoff.ms": "500",  # a test of compaction need not wait 15 s
    "log.retention.check.interval.ms": "2000",
    "log.initial.task.delay.ms": "1000",
    "log.index.size.max.bytes": "1048576",
    "group.min.session.timeout.ms": "1000",  # how soon a killed worker's partitions may move
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "broker.session.timeout.ms": "2000",  # how soon a killed broker counts as lost
    "broker.heartbeat.interval.ms": "500",
}


def text(properties: Mapping[str, str]) -> str:
    """As Java's properties file."""
    lines = (f"{name}={value.replace(chr(92), chr(92) * 2)}" for name, value in properties.items())
    return "\n".join(lines) + "\n"
