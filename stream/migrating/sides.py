"""The two ends of a migration, whichever kind each of them is: what a file and Kafka do differently."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import Protocol

from schemas.topics import SIGNALS, TOPICS
from stream.migrating.whole import MIGRATE
from stream.settings import Settings
from stream.topology import connect_kafka, group_of, partitions_of
from stream.transports.errors import WorkerRunning
from stream.transports.kafka_log import KafkaLog
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog
from stream.transports.seam import Hold, Log

APPS = ("", "alerts")
"""What runs on a log: workers, and alerting; so are their locks on a file called, and their groups on Kafka end."""

Positions = Mapping[tuple[str, int], int]
"""By topic and partition: the offset read next."""


class Side(Protocol):
    """One end of a migration."""

    settings: Settings

    @property
    def log(self) -> Log:
        """Its log, topics not looked at."""

    def quiet(self) -> AbstractContextManager[object]:
        """Within it no worker runs there, as far as that can be kept. Raises WorkerRunning."""

    def groups(self) -> dict[str, dict[tuple[str, int], int]]:
        """The positions of every group that has one on topics of the installation; those of our own marks left out."""

    # The target alone

    def make_topics(self) -> None:
        """Makes the topics that are missing. Raises LogError where one has another number of partitions."""

    def hold(self) -> Hold:
        """Keeps other migrations out. Raises Held."""

    def begin(self) -> None:
        """From here on the topics take records with times of their own, and lose none."""

    def commit(self, group: str, positions: Positions) -> None:
        """Sets a group's positions."""

    def finish(self) -> list[str]:
        """The topics are as they should be for workers; those that keep all their records for now."""

    def kept(self) -> list[str]:
        """The topics whose retention is off since."""


def side_of(settings: Settings, *, create: bool) -> Side:
    """The side that the settings name. Raises LogError where it cannot be used."""
    return FileSide(settings, create=create) if settings.embedded else KafkaSide(settings)


class FileSide:
    """A file."""

    def __init__(self, settings: Settings, *, create: bool) -> None:
        self.settings = settings
        self.log = EmbeddedLog(settings.path, create=create)

    def quiet(self) -> AbstractContextManager[object]:
        """See `Side`: the locks of workers and alerting are ours meanwhile."""
        with ExitStack() as stack:
            for app in APPS:
                stack.enter_context(WorkerLock(self.settings.path, app))
            return stack.pop_all()

    def groups(self) -> dict[str, dict[tuple[str, int], int]]:
        """See `Side`."""
        inner = f"{group_of(self.settings)}."
        return {group: self.log.positions(group) for group in self.log.groups() if not group.startswith(inner)}

    def make_topics(self) -> None:
        """See `Side`."""
        for name, topic in TOPICS.items():
            self.log.create_topic(
                self.settings.topic(name),
                partitions_of(self.settings, name),
                compact=topic.compacted,
                retention_ms=topic.retention,
            )

    def hold(self) -> Hold:
        """See `Side`."""
        return self.log.hold(MIGRATE, [])

    def begin(self) -> None:
        """See `Side`: a file takes records with any time, and only a worker clears up."""

    def commit(self, group: str, positions: Positions) -> None:
        """See `Side`."""
        self.log.commit([], {(group, topic, partition): at for (topic, partition), at in positions.items()})

    def finish(self) -> list[str]:
        """See `Side`."""
        return self.kept()

    def kept(self) -> list[str]:
        """See `Side`."""
        return []


class KafkaSide:
    """A Kafka cluster."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log: KafkaLog = connect_kafka(settings)

    def quiet(self) -> AbstractContextManager[object]:
        """See `Side`: nothing keeps a worker from starting, so it is looked for."""
        self.look()
        return nullcontext()

    def look(self) -> None:
        """Raises WorkerRunning where one runs."""
        group = group_of(self.settings)
        names = [f"{group}-{app}" if app else group for app in APPS]
        found = [member for name in names for member in self.log.members(name)]
        if found:
            who = ", ".join(found[:5]) + (f" and {len(found) - 5} more" if len(found) > 5 else "")
            raise WorkerRunning(f"{self.log.name}: workers run there: {who}. Stop them all, then migrate.")

    def groups(self) -> dict[str, dict[tuple[str, int], int]]:
        """See `Side`."""
        from stream.migrating.kafka_side import groups

        return groups(self.log, self.settings)

    def make_topics(self) -> None:
        """See `Side`."""
        from stream.transports.kafka_admin import create_topics

        create_topics(self.log, self.settings)
        self.log.topics()

    def hold(self) -> Hold:
        """See `Side`."""
        from stream.transports.kafka_hold import KafkaHold

        return KafkaHold(self.log, MIGRATE, (), topic=self.settings.topic(SIGNALS), timed=True)

    def begin(self) -> None:
        """See `Side`."""
        from stream.migrating.kafka_side import take_times

        take_times(self.log, self.settings)

    def commit(self, group: str, positions: Positions) -> None:
        """See `Side`."""
        from stream.migrating.kafka_side import commit

        commit(self.log, group, positions)

    def finish(self) -> list[str]:
        """See `Side`."""
        from stream.migrating.kafka_side import finish

        return finish(self.log, self.settings)

    def kept(self) -> list[str]:
        """See `Side`."""
        from stream.migrating.kafka_side import kept

        return kept(self.log, self.settings)


def missing(side: Side, names: Iterable[str]) -> list[str]:
    """Of the registry's topics, those that are not there."""
    there = set(side.log.topics())
    return [name for name in names if side.settings.topic(name) not in there]
