"""Writing to Kafka: what came of a batch is one transaction, and whoever lost the partition cannot write any more.

Each input partition that is ours has a transactional id of its own, ``<group>-<topic>-<partition>``. Outputs, changelog
and, unless the changelog says it (ADR 13), the group's position are committed together or not at all (KIP-98). The next
owner of the partition, by initialising the same id, ends what the last one left open and fences it: a worker that was
paused and wakes up as a zombie gets an error for whatever it writes.

All producers of a process share one client, so that a hundred partitions need no hundred connections.
"""

# ruff: noqa: SLF001  aiokafka does not tell otherwise; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    MessageSizeTooLargeError,
    OutOfOrderSequenceNumber,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownProducerId,
)
from aiokafka.structs import OffsetAndMetadata, TopicPartition
from faust.types import TP

from stream.transports.batching import StaleBatch
from stream.transports.errors import LogRefused, LogUnavailable, RecordTooLarge
from stream.transports.kafka_sending import InDoubt, Producer
from stream.transports.records import Append
from stream.transports.steps import passed

OUT_OF_STEP = (OutOfOrderSequenceNumber, UnknownProducerId, InDoubt)
"""The brokers count otherwise than we do, or may: only a new start helps."""


class Lost(StaleBatch):
    """The partition is somebody else's by now, or what became of its last transaction is not known.

    What is known of the partition's state is void; it has to be taken over anew.
    """


class PartitionWriter:
    """Writes what comes of one input partition, transaction by transaction, as long as it is ours."""

    def __init__(self, client: AIOKafkaClient, group: str, tp: TP) -> None:
        self.tp = tp
        self._group = group
        self._producer = Producer(client, f"{group}-{tp.topic}-{tp.partition}")
        self._lock = asyncio.Lock()
        self._lost: str | None = None

    async def start(self) -> None:
        """On return no former owner can write for the partition, and what it left open is ended.

        Raises LogRefused, LogUnavailable.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            raise _explained(error, self.tp) from error

    async def stop(self) -> None:
        """The partition is no longer ours."""
        self._lost = self._lost or "its partition was given back"
        await self._producer.stop()

    async def write(self, appends: Sequence[Append], position: int | None) -> list[int]:
        """Commits records, and with a ``position`` the group's, in one transaction; the offsets of the records.

        Raises Lost (nothing is known of the outcome but that it is all or nothing) and LogError (nothing was written,
        the same call may be made again).
        """
        async with self._lock:
            if self._lost:
                raise Lost(f"{self.tp.topic}/{self.tp.partition}: {self._lost}.")
            try:
                return await self._write(appends, position)
            except KafkaError as error:
                raise await self._failed(error) from error
            except BaseException as error:  # cancelled, or a fault of ours
                ended, self._lost = self._lost, self._lost or "a transaction was left open"
                if ended and isinstance(error, AssertionError):  # aiokafka's way to say that it ended meanwhile
                    raise Lost(f"{self.tp.topic}/{self.tp.partition}: {ended}.") from error
                raise

    async def _write(self, appends: Sequence[Append], position: int | None) -> list[int]:
        producer = self._producer
        await producer.begin_transaction()
        passed("begun")
        offsets = await producer.send_all(appends)
        passed("acknowledged")
        if position is not None:
            place = {TopicPartition(*self.tp): OffsetAndMetadata(position, "")}
            await producer.send_offsets_to_transaction(place, self._group)
            passed("positioned")
        await producer.commit_transaction()
        passed("committed")
        return offsets

    async def _failed(self, error: KafkaError) -> Exception:
        """What a failure means; where it can be, the transaction is taken back."""
        manager = self._producer._txn_manager
        ended, out_of_step = manager._transaction_waiter, isinstance(error, OUT_OF_STEP)
        if ended.done() and isinstance(refused := ended.exception(), KafkaError):
            error = refused  # what befell the records is but a consequence
        if not manager.is_fatal_error() and not out_of_step:
            try:
                await self._producer.abort_transaction()
            except (KafkaError, AssertionError) as second:
                error = second if isinstance(second, KafkaError) else error
            else:
                return _explained(error, self.tp)
        why = "somebody else writes for it by now, or its transaction took too long"
        if isinstance(error, InDoubt):
            why = "a broker may have stored what it did not confirm"
        self._lost = self._lost or f"{type(error).__name__}: {why}"
        return Lost(f"{self.tp.topic}/{self.tp.partition}: {self._lost}.")


class Writers:
    """The writers of the input partitions that are ours."""

    def __init__(self, group: str) -> None:
        self._group = group
        self._writers: dict[TP, PartitionWriter] = {}

    async def take_over(self, client: AIOKafkaClient, tps: Iterable[TP], seconds: float) -> None:
        """Fences whoever had these partitions, us included. Raises LogError."""
        await self.give_back()
        writers = [PartitionWriter(client, self._group, tp) for tp in tps]
        try:
            async with asyncio.timeout(seconds):
                await asyncio.gather(*(writer.start() for writer in writers))
        except BaseException as error:
            await asyncio.gather(*(writer.stop() for writer in writers))
            if isinstance(error, TimeoutError):
                raise LogUnavailable(
                    f"the brokers did not hand over the transactions of {len(writers)} partitions within {seconds:g} s."
                    " Look whether all brokers run, and __transaction_state has a leader for each of its partitions."
                ) from error
            raise
        self._writers = {writer.tp: writer for writer in writers}

    async def give_back(self) -> None:
        """None of the partitions is ours any more."""
        writers, self._writers = self._writers, {}
        await asyncio.gather(*(writer.stop() for writer in writers.values()))

    def of(self, tp: TP) -> PartitionWriter:
        """The writer of a partition. Raises StaleBatch where it is not ours."""
        writer = self._writers.get(tp)
        if writer is None:
            raise StaleBatch(f"{tp.topic}/{tp.partition} is not this worker's.")
        return writer


def _explained(error: KafkaError, tp: TP) -> Exception:
    where = f"{tp.topic}/{tp.partition}"
    if isinstance(error, MessageSizeTooLargeError) or type(error).__name__ in {
        "RecordListTooLargeError",
        "InvalidMessageError",
    }:
        return RecordTooLarge(
            f"{where}: what came of a batch has a record that its topic does not take ({error}). Raise"
            " max.message.bytes of the topics to what `tierline topics check` names; it is tried again until then."
        )
    if isinstance(
        error, (TopicAuthorizationFailedError, GroupAuthorizationFailedError, TransactionalIdAuthorizationFailed)
    ):
        return LogRefused(
            f"{where}: this user may not write what comes of it ({type(error).__name__}: {error}). Grant it Write on"
            " the topics, Read on the group, and Write and Describe on the transactional ids that begin with the"
            " group's name."
        )
    return LogUnavailable(f"{where}: the brokers did not take what came of a batch ({type(error).__name__}: {error}).")


def offsets_of(positions: Mapping[TP, int]) -> dict[TopicPartition, OffsetAndMetadata]:
    """Positions as aiokafka's commit wants them."""
    return {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in positions.items()}
