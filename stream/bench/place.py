"""An installation for a measurement alone: topics under a prefix that nobody else has, deleted at the end."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from schemas.topics import TOPICS
from stream.settings import Settings
from stream.topology import connect_kafka, group_of
from stream.transports.errors import LogError
from stream.transports.kafka_admin import create_topics
from stream.transports.kafka_log import KafkaLog

log = logging.getLogger("tierline")

PREFIX = "tierline-bench-"


def new_prefix() -> str:
    """A prefix that no installation has."""
    return f"{PREFIX}{secrets.token_hex(4)}."


@contextmanager
def own_topics(settings: Settings, first: Callable[[KafkaLog], None] | None = None) -> Iterator[KafkaLog]:
    """The log of an installation whose topics are made now and deleted at the end, with its group.

    ``first`` may make some of them otherwise than they should be.
    Raises LogError where topics of that prefix are there already: they are somebody's, and are not touched.
    """
    check_prefix(settings)
    with connect_kafka(settings) as opened:
        names = [settings.topic(name) for name in TOPICS]
        if there := [name for name in opened.topics() if name.startswith(settings.topic_prefix)]:
            raise LogError(f"{opened.name}: topic {there[0]!r} is there already, and not ours. Run it once more.")
        made: list[str] = []
        try:
            if first is not None:
                first(opened)
            made = create_topics(opened, settings)
            yield opened
        finally:
            with suppress(LogError):  # where making them failed half way, some are there all the same
                made = [name for name in opened.topics() if name in names]
            _delete(opened, settings, made)


def check_prefix(settings: Settings) -> None:
    """Raises ValueError for the prefix of an installation that is not a measurement's."""
    if not settings.topic_prefix.startswith(PREFIX):
        raise ValueError(f"{settings.topic_prefix!r} is not the prefix of a measurement")


def _delete(opened: KafkaLog, settings: Settings, made: list[str]) -> None:
    try:
        if made:
            opened.clients.ask(lambda admin: admin.delete_topics(made))
        opened.clients.ask(lambda admin: admin.delete_groups([group_of(settings)]))
    except Exception as error:  # noqa: BLE001  (whatever it is, what was measured is told)
        log.warning("not everything of %s* could be deleted: %s", settings.topic_prefix, error)
