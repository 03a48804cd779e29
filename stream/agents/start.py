"""Before a worker consumes anything: the profile directory is brought into force, and the aliases are learned."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from schemas.topics import ACCOUNT_STATE, PROFILES
from stream.agents.activation import activation, in_force
from stream.agents.memory import read_format
from stream.agents.table import partition_key
from stream.identity import Aliases
from stream.migrating.whole import check_whole
from stream.profiles import LoadedProfile
from stream.reading import aliases_in_force
from stream.scoring.state import StateTooNew
from stream.settings import Settings
from stream.topology import open_log
from stream.transports.errors import LogTooNew
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append

log = logging.getLogger("tierline")


def bring_into_force(settings: Settings, profiles: Sequence[LoadedProfile], now: int) -> None:
    """Appends what the profile directory changes. Blocks.

    Raises LogError, also for a state that a newer release wrote, and ProfileErrors; then nothing was appended.
    """
    with open_log(settings) as opened:
        check_whole(opened)
        if isinstance(opened, EmbeddedLog):  # elsewhere recovery finds it out: there a look costs a whole read
            _check_format(opened, settings)
        told: list[str] = []

        def decide() -> Sequence[Append]:
            rows = [(r.key or b"", r.value or b"") for r in opened.scan_latest(settings.topic(PROFILES))]
            appends, told[:] = activation(profiles, in_force(rows), settings, now)
            return appends

        opened.exclusively(PROFILES, decide)  # another worker may be starting, too
    for sentence in told:
        log.info(sentence)


def incarnations(settings: Settings, *names: str) -> list[str]:
    """What tells each of these topics from one that had its name before. Blocks. Raises LogError."""
    with open_log(settings) as opened:
        return [opened.incarnation(settings.topic(name)) for name in names]


def learn_aliases(settings: Settings) -> Aliases:
    """Which names stand for others by now. Blocks. Raises LogError."""
    with open_log(settings) as opened:
        return aliases_in_force(opened, settings)


def _check_format(opened: EmbeddedLog, settings: Settings) -> None:
    topic = settings.topic(ACCOUNT_STATE)
    try:
        for partition in range(settings.partitions):
            for record in opened.read_key(topic, partition_key("clock", partition), partition=partition)[-1:]:
                read_format(record.value)
    except StateTooNew as error:
        raise LogTooNew(f"{opened.path}: {error}.") from error
