"""Writing to Kafka: what came of some batches is one transaction, and who was taken over from can write no more.

A worker has one transactional id at a time, for all its partitions: a transaction costs the brokers about as much
whatever is in it, so those who write while one is under way share the next (ADR 14). Outputs, changelog and, unless the
changelog says it (ADR 13), the group's positions are committed together or not at all (KIP-98). Who may write for a
partition, and how its next owner ends what the last one left open: see ``kafka_claims.py``.
"""

# ruff: noqa: SLF001  aiokafka does not tell otherwise; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import accumulate, islice
from time import monotonic
from typing import NamedTuple

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
from faust.types import TP

from stream.transports.batching import StaleBatch
from stream.transports.errors import LogRefused, LogUnavailable, RecordTooLarge
from stream.transports.kafka_positions import offsets_of
from stream.transports.kafka_sending import NOT_BEGUN, PARTING, InDoubt, Producer
from stream.transports.records import Append
from stream.transports.steps import passed

OUT_OF_STEP = (OutOfOrderSequenceNumber, UnknownProducerId, InDoubt)
"""The brokers count otherwise than we do, or may: only a new start helps."""

LINGER = 0.01
"""Seconds that a transaction is put off at most while more is about to be written."""
TOGETHER = 20_000
"""Records of a transaction that several partitions share, at most."""
QUIET = 5
"""Rounds of the event loop in which nobody has come to write, after which nobody is about to."""


class Lost(StaleBatch):
    """The partition is somebody else's by now, or what became of its last transaction is not known.

    What is known of the partition's state is void; it has to be taken over anew.
    """


class _Write(NamedTuple):
    """What came of one partition, and who waits for the offsets of its records."""

    tp: TP
    appends: Sequence[Append]
    position: int | None
    done: asyncio.Future[list[int]]


class Writer:
    """Writes with one transactional id, transaction by transaction, until somebody else initialises it."""

    def __init__(self, client: AIOKafkaClient, group: str, id_: str) -> None:
        self.id = id_
        self._group = group
        self._producer = Producer(client, id_)
        self._waiting: list[_Write] = []
        self._under_way: list[_Write] = []
        self._writing: asyncio.Task[None] | None = None
        self._lost: str | None = None

    async def start(self) -> None:
        """On return nobody else can write with this id any more, and what was left open is ended.

        Raises LogRefused, LogUnavailable.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            raise _explained(error, self.id) from error

    async def stop(self) -> None:
        """Nothing is ours any more: who still waits gets Lost."""
        self._lost = self._lost or "its partition was given back"
        await self._producer.stop()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=PARTING)
            self._writing.cancel()

    async def write(self, tp: TP, appends: Sequence[Append], position: int | None) -> list[int]:
        """Commits records of a partition, with a ``position`` the group's too, in one transaction; gives their offsets.

        Raises Lost (nothing is known of the outcome but that it is all or nothing) and LogError (nothing was written,
        the same call may be made again).
        """
        if self._lost:
            raise self._gone(tp)
        write = _Write(tp, appends, position, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_all())
            self._writing.add_done_callback(self._ended)
        try:
            return await write.done
        except asyncio.CancelledError:
            if write in self._waiting:
                self._waiting.remove(write)
            else:  # nobody would take what it did into the state
                self._lost = self._lost or "a transaction was left open"
                self._writing.cancel()
            raise

    async def _write_all(self) -> None:
        while self._waiting:
            await self._gathered()
            most = self._together()
            self._under_way, self._waiting = self._waiting[:most], self._waiting[most:]
            await self._settle(self._under_way)
            self._under_way = []

    def _together(self) -> int:
        """How many of those who wait share a transaction: brokers end one that takes long."""
        records = accumulate(len(write.appends) for write in self._waiting)
        return max(1, sum(many <= TOGETHER for many in records))

    def _ended(self, writing: asyncio.Task[None]) -> None:
        """Has all hear of it who wait for what was cancelled, or failed for a fault of ours."""
        error = None if writing.cancelled() else writing.exception()
        if error is None and not writing.cancelled():
            return
        ended, self._lost = self._lost, self._lost or "a transaction was left open"
        ours = None if ended and isinstance(error, NOT_BEGUN) else error
        writes, self._under_way, self._waiting = self._under_way + self._waiting, [], []
        for write in writes:
            _set(write, ours or self._gone(write.tp))

    async def _gathered(self) -> None:
        """Waits for who is about to write, too: each transaction costs the same, and whoever is late waits for two."""
        until, quiet = monotonic() + LINGER, 0
        while quiet < QUIET and monotonic() < until:
            before = len(self._waiting)
            await asyncio.sleep(0)
            quiet = quiet + 1 if len(self._waiting) == before else 0

    async def _settle(self, writes: Sequence[_Write]) -> None:
        """Has everybody know what became of what they wrote."""
        if self._lost:
            self._fail(writes)
            return
        try:
            offsets = iter(await self._transaction(writes))
        except (KafkaError, *NOT_BEGUN) as error:
            told = await self._take_back(error)
            if told is None or self._lost:  # or it was given back meanwhile
                self._fail(writes)
            elif len(writes) > 1 and isinstance(_explained(told, ""), RecordTooLarge | LogRefused):
                for write in writes:  # one of them is at fault: the others need not wait for it
                    await self._settle([write])
            else:
                for write in writes:
                    _set(write, _explained(told, _place(write.tp)), told)
        else:
            for write in writes:
                found = list(islice(offsets, len(write.appends)))
                if not write.done.done():
                    write.done.set_result(found)

    async def _transaction(self, writes: Sequence[_Write]) -> list[int]:
        producer = self._producer
        await producer.begin_transaction()
        passed("begun")
        offsets = await producer.send_all([append for write in writes for append in write.appends])
        passed("acknowledged")
        positions = {write.tp: write.position for write in writes if write.position is not None}
        if positions:
            await producer.send_offsets_to_transaction(offsets_of(positions, self.id), self._group)
            passed("positioned")
        await producer.commit_transaction()
        passed("committed")
        return offsets

    async def _take_back(self, error: Exception) -> KafkaError | None:
        """What a failure comes from, once its transaction is taken back; None where it cannot be: all is lost then.

        Raises one of NOT_BEGUN that has another reason.
        """
        manager = self._producer._txn_manager
        ended, out_of_step = manager._transaction_waiter, isinstance(error, OUT_OF_STEP)
        if ended.done() and isinstance(refused := ended.exception(), KafkaError):
            error = refused  # what befell the records is but a consequence
        if isinstance(error, NOT_BEGUN):
            raise error
        if not manager.is_fatal_error() and not out_of_step:
            try:
                await self._producer.abort_transaction()
            except (KafkaError, *NOT_BEGUN) as second:
                error = second if isinstance(second, KafkaError) else error
            else:
                return error
        why = "somebody else writes for it by now, or its transaction took too long"
        if isinstance(error, InDoubt):
            why = "a broker may have stored what it did not confirm"
        self._lost = self._lost or f"{type(error).__name__}: {why}"
        return None

    def _fail(self, writes: Sequence[_Write]) -> None:
        for write in writes:
            _set(write, self._gone(write.tp))

    def _gone(self, tp: TP) -> Lost:
        return Lost(f"{_place(tp)}: {self._lost}.")


def _set(write: _Write, error: BaseException, cause: BaseException | None = None) -> None:
    if not write.done.done():
        error.__cause__ = cause
        write.done.set_exception(error)


def _place(tp: TP) -> str:
    return f"{tp.topic}/{tp.partition}"


def _explained(error: KafkaError, where: str) -> Exception:
    """What a refusal of the brokers means, and what to do."""
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
