"""Who may write for a partition: the group's position of it names the transactional id, in its metadata.

Whoever gets partitions assigned ends and fences what is named there, and then, as a member of the generation that it
got them in, has its own id named. Brokers take positions of the present generation only: so each owner fences the one
before, and a worker that was paused and wakes up as a zombie gets an error for whatever it writes (ADR 14).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping

from aiokafka.client import AIOKafkaClient
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from stream.transports.kafka_positions import Member
from stream.transports.kafka_sending import Producer


async def claim(client: AIOKafkaClient, member: Member, tps: Collection[TP], group: str, id_: str) -> None:
    """On return no former owner of the partitions can write for them, what it left open is ended, and ``id_`` may.

    ``id_`` must have been initialised. Raises as `Member.commit`; then it may not write.
    """
    ended = {id_}
    # What a former owner left open may be about to set a position, and only its end settles that.
    former = _named(await member.stored(tps, settled=False), group)
    while True:
        await asyncio.gather(*(_end(client, one) for one in former - ended))
        ended |= former
        stored = await member.stored(tps, settled=True)
        former = _named(stored, group)
        if former <= ended:
            break
    positions = {tp: position.offset for tp, position in stored.items()}
    positions |= await member.begins([tp for tp in tps if tp not in positions])
    await member.commit(positions, id_)
    member.check()


def _named(stored: Mapping[TP, OffsetAndMetadata], group: str) -> set[str]:
    """Who may write. A tool that sets positions names nobody, or notes something of its own."""
    return {position.metadata for position in stored.values() if position.metadata.startswith(f"{group}-")}


async def _end(client: AIOKafkaClient, id_: str) -> None:
    """Ends what was left open with a transactional id, waits for what was prepared, and fences whoever has it."""
    producer = Producer(client, id_)
    try:
        await producer.start()
    finally:
        await producer.stop()
