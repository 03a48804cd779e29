"""The group's positions of our partitions, as a member of one generation of the group may read and set them.

The client's own way to read them takes an answer that a coordinator has none of (it moves, or still loads) for one that
there are no positions, and does not wait for those that a transaction has prepared.
"""

# ruff: noqa: SLF001  aiokafka offers no other way; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import (
    GroupCoordinatorNotAvailableError,
    IllegalGenerationError,
    IllegalStateError,
    KafkaError,
    NotCoordinatorForGroupError,
    RebalanceInProgressError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Boolean, CompactArray, CompactString, Int16, Int32, Int64, Schema, TaggedFields
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from stream.transports.kafka_sending import BACKOFF

UNSTABLE = 88
"""The brokers' code for a position that an open transaction is about to set."""


class Unsettled(KafkaError):  # type: ignore[misc]  # aiokafka ships no types
    """A position waits for the end of a transaction."""

    retriable = True


class Member:
    """A worker as a member of its group, from an assignment until it is revoked."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._coordinator = consumer._coordinator
        self.generation: int = self._coordinator.generation
        self._id: str = self._coordinator.member_id
        self._over = False

    def over(self) -> None:
        """The partitions are assigned anew, which may well be in the same generation."""
        self._over = True

    def check(self) -> None:
        """Raises IllegalStateError where the partitions are, or have been, assigned anew."""
        now = (self._coordinator.generation, self._coordinator.member_id)
        if self._over or self.generation < 1 or now != (self.generation, self._id):
            raise IllegalStateError("the partitions are being assigned anew")

    async def stored(self, tps: Collection[TP], *, settled: bool) -> dict[TP, OffsetAndMetadata]:
        """The positions that there are of these partitions.

        ``settled``: waits until open transactions that are about to set some have ended. Raises IllegalStateError as
        `check`, and KafkaError.
        """
        topics: dict[str, list[int]] = {}
        for tp in tps:
            topics.setdefault(tp.topic, []).append(tp.partition)
        request = _Fetch(self._coordinator.group_id, topics, settled=settled)
        while True:
            self.check()
            await self._coordinator.ensure_coordinator_known()
            try:
                found = _read(await self._coordinator._send_req(request))
            except KafkaError as error:
                if isinstance(error, GroupCoordinatorNotAvailableError | NotCoordinatorForGroupError):
                    self._coordinator.coordinator_dead()
                if not error.retriable:
                    raise
                await asyncio.sleep(BACKOFF)
            else:
                self.check()
                return {tp: found[tp] for tp in tps if found[tp].offset >= 0}

    async def begins(self, tps: Collection[TP]) -> dict[TP, int]:
        """The offsets at which these partitions begin."""
        found = await self._consumer.beginning_offsets([TopicPartition(*tp) for tp in tps]) if tps else {}
        return {TP(*tp): offset for tp, offset in found.items()}

    async def commit(self, positions: Mapping[TP, int], claim: str) -> None:
        """Sets positions, with who may write (``kafka_claims.py``). Raises as `stored`."""
        while True:
            await self._coordinator.ensure_coordinator_known()
            try:
                return await asyncio.shield(self._commit(positions, claim))
            except (IllegalGenerationError, RebalanceInProgressError, UnknownMemberIdError) as error:
                raise IllegalStateError("the partitions are being assigned anew") from error
            except KafkaError as error:
                if not error.retriable:
                    raise
                await asyncio.sleep(BACKOFF)

    async def _commit(self, positions: Mapping[TP, int], claim: str) -> None:
        """The client puts in the generation that it is in by now, and brokers do not ask whose a partition is."""
        self.check()
        await self._coordinator._do_commit_offsets(None, offsets_of(positions, claim))


def offsets_of(positions: Mapping[TP, int], claim: str) -> dict[TopicPartition, OffsetAndMetadata]:
    """Positions as aiokafka takes them."""
    return {TopicPartition(*tp): OffsetAndMetadata(offset, claim) for tp, offset in positions.items()}


def _read(answer: Any) -> dict[TP, OffsetAndMetadata]:
    """The positions in an answer, -1 where there is none; raises what it says instead."""
    found: dict[TP, OffsetAndMetadata] = {}
    _raise(answer.error_code)
    for topic, partitions, _ in answer.topics:
        for partition, offset, _, metadata, failed, _ in partitions:
            _raise(failed, topic)
            found[TP(topic, partition)] = OffsetAndMetadata(offset, metadata or "")
    return found


def _raise(code: int, *where: str) -> None:
    if code == UNSTABLE:
        raise Unsettled
    if code:
        raise for_code(code)(*([set(where)] if where else []))


class _Answer(Response):  # type: ignore[misc]
    """OffsetFetch, version 7 (KIP-447): https://kafka.apache.org/protocol#The_Messages_OffsetFetch."""

    API_KEY = 9
    API_VERSION = 7
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")),
                (
                    "partitions",
                    CompactArray(
                        ("partition", Int32),
                        ("offset", Int64),
                        ("leader_epoch", Int32),
                        ("metadata", CompactString("utf-8")),
                        ("error_code", Int16),
                        ("tags", TaggedFields),
                    ),
                ),
                ("tags", TaggedFields),
            ),
        ),
        ("error_code", Int16),
        ("tags", TaggedFields),
    )


class _Question(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 9
    API_VERSION = 7
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        ("group_id", CompactString("utf-8")),
        (
            "topics",
            CompactArray(
                ("topic", CompactString("utf-8")), ("partitions", CompactArray(Int32)), ("tags", TaggedFields)
            ),
        ),
        ("require_stable", Boolean),
        ("tags", TaggedFields),
    )


class _Fetch(Request[_Question]):  # type: ignore[misc]
    """Brokers know it since 2.5."""

    API_KEY = 9

    def __init__(self, group: str, topics: Mapping[str, list[int]], *, settled: bool) -> None:
        tags: dict[int, bytes] = {}
        named = [(topic, partitions, tags) for topic, partitions in topics.items()]
        self._said: tuple[Any, ...] = (group, named, settled, tags)

    def build(self, request_struct_class: type[_Question]) -> _Question:
        return request_struct_class(*self._said)
