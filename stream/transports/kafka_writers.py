"""The writer of the partitions that are ours: a new one for each assignment."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from uuid import uuid4

from aiokafka.client import AIOKafkaClient
from faust.types import TP

from stream.transports.batching import StaleBatch
from stream.transports.errors import LogUnavailable
from stream.transports.kafka_claims import claim
from stream.transports.kafka_positions import Member
from stream.transports.kafka_writer import Writer
from stream.transports.records import Append


class Writers:
    """Takes partitions over, and gives them back. ``group``: transactional ids begin with its name."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._process = uuid4().hex
        self._writer: Writer | None = None
        self._ours: frozenset[TP] = frozenset()

    @property
    def claim(self) -> str | None:
        """The transactional id that writes for our partitions; None while none is ours."""
        return None if self._writer is None else self._writer.id

    async def take_over(self, client: AIOKafkaClient, member: Member, tps: Collection[TP], seconds: float) -> None:
        """Fences whoever had these partitions, us included.

        Raises LogError and KafkaError, of those IllegalStateError where they have been assigned anew meanwhile.
        """
        await self.give_back()
        # Another in each generation: who has a partition of ours next must not end what we do with those we keep.
        writer = Writer(client, self._group, f"{self._group}-worker-{self._process}-{member.generation}")
        try:
            async with asyncio.timeout(seconds):
                await writer.start()
                await claim(client, member, tps, self._group, writer.id)
        except BaseException as error:
            await writer.stop()
            if isinstance(error, TimeoutError):
                raise LogUnavailable(
                    f"the brokers did not hand over the transactions of {len(tps)} partitions within {seconds:g} s."
                    " Look whether all brokers run, and __transaction_state has a leader for each of its partitions."
                ) from error
            raise
        self._writer, self._ours = writer, frozenset(tps)

    async def give_back(self) -> None:
        """None of the partitions is ours any more."""
        writer, self._writer, self._ours = self._writer, None, frozenset()
        if writer is not None:
            await writer.stop()

    async def write(self, tp: TP, appends: Sequence[Append], position: int | None) -> list[int]:
        """As `Writer.write`. Raises StaleBatch where the partition is not ours."""
        if self._writer is None or tp not in self._ours:
            raise StaleBatch(f"{tp.topic}/{tp.partition} is not this worker's.")
        return await self._writer.write(tp, appends, position)
