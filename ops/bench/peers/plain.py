"""`tierline run` without transactions, to see what they cost. No user can have it: what is lost is said in ADR 6.

Of a batch the outputs are written and acknowledged, then the changelog, then the position. Nothing keeps a zombie from
writing, and after a kill the rows of a partition may be of two moments.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, cast

from faust.types import TP

from schemas.topics import ACCOUNT_STATE
from stream.cli.main import main
from stream.transports.kafka_consumer import KafkaConsumer
from stream.transports.kafka_positions import Member
from stream.transports.kafka_transport import KafkaTransport
from stream.transports.kafka_writers import Writers
from stream.transports.records import Append


class Untaken(Writers):
    """Takes no partition over: there is nothing to fence."""

    claim = ""

    async def take_over(self, *_: Any) -> None:
        """Nothing."""


class PlainTransport(KafkaTransport):
    """Writes in order, waiting for acknowledgements in between."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.writers = Untaken(self.app.conf.id)

    async def _write(self, tp: TP, appends: Sequence[Append], position: int | None) -> list[int]:
        kept = [append.topic.endswith(ACCOUNT_STATE) for append in appends]
        offsets = dict.fromkeys(range(len(appends)), -1)
        for changelog in (False, True):
            at = [number for number, is_kept in enumerate(kept) if is_kept is changelog]
            offsets |= zip(at, await self.append([appends[number] for number in at]), strict=True)
        if position is not None:
            member = cast(Member, cast(KafkaConsumer, self.app.consumer).member)
            await member.commit({tp: position}, "")
        return [offsets[number] for number in range(len(appends))]


if __name__ == "__main__":
    from stream import runtime
    from stream.transports import kafka_transport

    runtime.KafkaTransport = PlainTransport  # type: ignore[misc]
    kafka_transport.KafkaTransport = PlainTransport  # type: ignore[misc]  # the entry point of Faust leads here
    sys.argv[1:] = ["run"]
    main()
