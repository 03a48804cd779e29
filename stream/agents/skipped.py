"""The group's position is not where the state ends: signals come again, or were passed over."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from schemas.topics import SIGNALS
from stream.settings import Settings
from stream.topology import connect, group_of
from stream.transports.errors import LogError
from stream.transports.records import Record

log = logging.getLogger("tierline")


def fresh(records: Sequence[Record], applied: int, number: int) -> Sequence[Record]:
    """Those that the state has not seen, which has all before ``applied``: a position may have been set back, or lost.

    ``number``: of the partition that they are from.
    """
    if not records or records[0].offset >= applied:
        return records
    left = [record for record in records if record.offset >= applied]
    told = "partition %d: %d records were applied before and are left out"
    log.log(logging.WARNING if records[-1].offset < applied else logging.INFO, told, number, len(records) - len(left))
    return left


def tell_skipped(settings: Settings, applied: Mapping[int, int]) -> None:
    """Warn of each partition whose position is past what was applied of it, with records in between. Blocks.

    ``applied``: up to which offset of ``signals`` each partition's state has seen it. Markers of transactions are no
    records. Where the log does not answer it is only said: nothing depends on it.
    """
    topic, group = settings.topic(SIGNALS), group_of(settings)
    try:
        with connect(settings) as opened:
            positions = opened.positions(group)
            for partition, seen in applied.items():
                position = positions.get((topic, partition), 0)
                if position > seen and any(one.offset < position for one in opened.read(topic, partition, seen, 1)):
                    log.warning(
                        "partition %d: %d offsets are passed over, from %d to %d: the position of group %s was set"
                        " forward, and their signals are in no score. To have them counted, stop all workers and set"
                        " it back to %d on %s/%d, before anything newer there was applied; else send them again",
                        partition, position - seen, seen, position, group, seen, topic, partition,
                    )  # fmt: skip
    except LogError as error:
        log.warning("whether signals were passed over cannot be looked up: %s", error)
