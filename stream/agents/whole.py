"""What is stored of a partition as a whole, beside its accounts: clock, timeline, aliases. Written where it changed."""

from __future__ import annotations

from typing import Any

import orjson

from stream.agents.renaming import Renamed
from stream.agents.table import partition_key
from stream.scoring.engine import Timeline
from stream.scoring.partition import Partition
from stream.scoring.state import FORMAT, PLAIN


class Whole:
    """The rows of a partition as a whole."""

    def __init__(self, number: int, log: str, timeline: Timeline, renamed: Renamed) -> None:
        """``log``: as in ``ShardMemory``; ``timeline``: as it is stored."""
        self._number = number
        self._log = log
        self._clock: bytes | None = None
        self._timeline = _timeline_row(timeline)
        self._renamed = renamed

    def writes(self, partition: Partition, applied: int) -> list[tuple[bytes, bytes]]:
        """Keys and values to store for what changed; ``applied`` as in ``ShardMemory``."""
        rows = [(partition_key(f"alias/{old}", self._number), row) for old, row in self._renamed.changed()]
        clock = self._clock_row(partition, applied)
        if clock != self._clock:
            self._clock = clock
            rows.append((partition_key("clock", self._number), clock))
        timeline = _timeline_row(partition.timeline)
        if timeline != self._timeline:
            self._timeline = timeline
            rows.append((partition_key("timeline", self._number), orjson.dumps(timeline)))
        return rows

    def _clock_row(self, partition: Partition, applied: int) -> bytes:
        return orjson.dumps(
            {
                "v": FORMAT if self._renamed.took else PLAIN,
                "clock": partition.clock,
                "importing": partition.importing,
                "outside": partition.outside,
                "applied": applied,
                "log": self._log,
            }
        )


def _timeline_row(timeline: Timeline) -> dict[str, Any]:
    return {
        "first": timeline.first,
        "base": [profile.document for profile in timeline.at(timeline.first)],
        "activations": [
            {"time": activation.time, "profiles": [profile.document for profile in activation.profiles]}
            for activation in timeline.activations
        ],
    }
