"""A producer as the transport needs it: on a client that others use, too, and whole batches of records at a time."""

# ruff: noqa: SLF001  aiokafka gives every producer a client of its own; tests/kafka/test_client_pins.py pins the names

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IllegalOperation, KafkaError, ProducerClosed
from aiokafka.producer import sender
from aiokafka.producer.transaction_manager import TransactionManager
from aiokafka.structs import TopicPartition
from faust.types import TP

from stream.transports.records import Append
from stream.transports.steps import passed

BATCH_BYTES = 900_000
"""Of a record batch, before it is sent and the next begun; one larger record has a batch of its own."""
MOST_BYTES = 64 * 1024 * 1024
"""Of one record, as far as this client is concerned: the topic's own limit is the broker's to tell."""
TRANSACTION_TIMEOUT = 30.0
"""Seconds after which the brokers end a transaction whose worker is gone and whose partition nobody took over."""
BACKOFF = 0.02
"""Seconds between two tries of a request."""
sender.BACKOFF_OVERRIDE = 0.004
"""Seconds until a transaction is begun once more, where the markers of the partition's last one are still on their way:
under load that is each of them, and aiokafka's 20 ms were half of its time."""
REQUEST_TIMEOUT_MS = 15_000
"""After so long another broker is asked: one that hangs must not hold up a take-over for longer."""
PARTING = 2.0
"""Seconds that a request under way may take when its producer ends."""
SEQUENCES = 2**31 - 1
"""After this sequence number comes 0; the client goes on with negative ones."""
NOT_BEGUN = (AssertionError, IllegalOperation)
"""What the client raises where more is to be sent, but it has ended or something was refused meanwhile."""


class Transactions(TransactionManager):  # type: ignore[misc]  # aiokafka ships no types
    """The client's, which after a refusal of rights would forget what it has added to the transaction and what not."""

    batches: dict[TopicPartition, deque[Any]]
    """What waits to be sent."""

    def error_transaction(self, exc: Exception) -> None:
        """What was added stays known, and what could not be added is not sent.

        Of a transaction of which nothing is known the brokers are not told that it is taken back: it would stay open,
        and what is written next, the same again, would be committed together with it. What is sent of a partition that
        is not in the transaction is refused at best.
        """
        added: set[TopicPartition] = set(self._txn_partitions)
        refused: set[TopicPartition] = set(self._pending_txn_partitions)
        group: Any = getattr(self, "_txn_consumer_group")  # noqa: B009  mypy cannot tell its type otherwise
        super().error_transaction(exc)
        self._txn_partitions |= added
        self._txn_consumer_group = group
        for tp in refused:
            for batch in self.batches.pop(tp, ()):
                batch.failure(exc)
                batch.drain_ready()  # who waits to add more finds that the transaction is over


class InDoubt(KafkaError):  # type: ignore[misc]
    """A batch was given up that had been sent before: it may have been stored, the answer lost.

    The next batch would have its sequence number, and be taken for a repeat of it. Only a new producer helps.
    """


class Producer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka ships no types
    """A producer on a client that it does not own."""

    def __init__(self, client: AIOKafkaClient, transactional_id: str | None, **options: Any) -> None:
        super().__init__(
            bootstrap_servers=client._bootstrap_servers,
            transactional_id=transactional_id,
            enable_idempotence=True,
            max_batch_size=BATCH_BYTES,
            max_request_size=MOST_BYTES,
            transaction_timeout_ms=int(TRANSACTION_TIMEOUT * 1000),
            retry_backoff_ms=int(BACKOFF * 1000),
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **options,
        )
        self.client = self._sender.client = client
        self._metadata = self._message_accumulator._cluster = client.cluster
        if transactional_id is not None:
            manager = Transactions(transactional_id, int(TRANSACTION_TIMEOUT * 1000))
            manager.batches = self._message_accumulator._batches
            self._txn_manager = self._sender._txn_manager = self._message_accumulator._txn_manager = manager
        self._sending = asyncio.Lock()

    async def start(self) -> None:
        """Gets a producer id; with a transactional id, ends and fences whoever had it."""
        await self._sender.start()

    async def stop(self) -> None:
        """Ends now: what is under way fails, for whoever waits for it."""
        self._closed = True
        task = self._sender.sender_task
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=PARTING)
        ended = ProducerClosed()
        for batches in self._message_accumulator._batches.values():
            for batch in batches:
                batch._drain_waiter.add_done_callback(_looked_at)
                if batch.retry_count:  # it waits to be sent again; the client will want to take it out of there
                    self._message_accumulator._pending_batches.add(batch)
        self._message_accumulator.fail_all(ended)
        manager = self._txn_manager
        for _, _, positioned in manager._pending_txn_offsets:
            positioned.add_done_callback(_looked_at)
        if manager._transaction_waiter is not None:
            if not manager.is_fatal_error():
                manager.fatal_error(ended)
            manager._transaction_waiter.add_done_callback(_looked_at)

    async def send_all(self, appends: Sequence[Append]) -> list[int]:
        """Sends records, each partition's in order, and returns their offsets once all are acknowledged.

        Raises what befell the first that was refused, once nothing of the others is under way any more, and InDoubt
        where one may have been stored in spite of that.
        """
        places: dict[TP, list[int]] = {}
        for at, append in enumerate(appends):
            places.setdefault(TP(append.topic, append.partition), []).append(at)
        offsets = [-1] * len(appends)
        async with self._sending:
            sending = (self._send_to(tp, at, appends, offsets) for tp, at in places.items())
            ended = await asyncio.gather(*sending, return_exceptions=True)
        failed = [error for error in ended if isinstance(error, BaseException)]
        if failed:
            raise next((error for error in failed if isinstance(error, InDoubt)), failed[0])
        return offsets

    async def _send_to(self, tp: TP, places: list[int], appends: Sequence[Append], offsets: list[int]) -> None:
        """The client counts sequence numbers of refused records, too; the brokers would wait for them for ever."""
        numbers, place = self._txn_manager._sequence_numbers, TopicPartition(*tp)
        number = stored = numbers[place]  # until every send has ended nobody else changes it
        sent: list[tuple[list[int], asyncio.Future[Any], Any]] = []
        unsent: list[Exception] = []
        refused: list[Exception] = []
        try:
            for within, batch in self._batches(places, appends):
                sent.append((within, *await self._send(batch, tp)))
            passed("sent")
        except (KafkaError, *NOT_BEGUN) as error:  # asserted is that the partition exists, too
            unsent = [error]
        for within, future, batch in sent:
            number += len(within)
            try:
                first = (await future).offset
            except KafkaError as error:
                if batch.retry_count > 1:
                    raise InDoubt(f"{type(error).__name__}: {error}") from error
                refused.append(error)
                continue
            stored = number
            for at in within:
                offsets[at] = first
                first += 1
        numbers[place] = stored & SEQUENCES
        if refused or unsent:
            raise (refused + unsent)[0]

    def _batches(self, places: list[int], appends: Sequence[Append]) -> Iterator[tuple[list[int], Any]]:
        batch, within = self.create_batch(), list[int]()
        for at in places:
            if not self._put(batch, appends[at]):
                yield within, batch
                batch, within = self.create_batch(), []
                self._put(batch, appends[at])
            within.append(at)
        yield within, batch

    async def _send(self, batch: Any, tp: TP) -> tuple[asyncio.Future[Any], Any]:
        """The future of a batch's offset, and the batch as it waits to be sent."""
        future: asyncio.Future[Any] = await self.send_batch(batch, tp.topic, partition=tp.partition)
        future.add_done_callback(_looked_at)  # where one fails, the others are not awaited any more
        waiting = self._message_accumulator._batches[TopicPartition(*tp)][-1]
        waiting._drain_waiter.add_done_callback(_looked_at)  # fails with the producer, and nobody awaits it
        return future, waiting

    def _put(self, batch: Any, append: Append) -> bool:
        headers = list(append.headers)
        done = batch.append(key=append.key, value=append.value, timestamp=append.timestamp_ms, headers=headers)
        return done is not None


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Has asyncio not complain of a failure that nobody awaits."""
    if not future.cancelled():
        future.exception()
