"""The three clients of kafka-python that a log needs, each made when it is first asked for.

Their own start tries again and again and then says "Unable to bootstrap", whatever the reason. What they log meanwhile
names it: it is listened to, so that a wrong password is told at once, and as what it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    KafkaTimeoutError,
    RetriableError,
    SaslAuthenticationFailedError,
)
from kafka.net.compat import KafkaNetClient
from kafka.serializer import Serializer

from schemas.topics import MOST_MESSAGE_BYTES
from stream.transports.errors import LogClosed, LogInsecure, LogRefused, OtherTimes
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_errors import explained
from stream.transports.kafka_tolerant import tolerate
from stream.transports.records import Append

# its errors are raised and explained here, and its settings, passwords among them, are not to be logged at all
logging.getLogger("kafka").setLevel(logging.CRITICAL)
_CONNECTIONS = logging.getLogger("kafka.net.manager")
_CONNECTIONS.setLevel(logging.WARNING)
_CONNECTIONS.propagate = False
_CONNECTIONS.addHandler(logging.NullHandler())
tolerate()

FETCH_BYTES = 4 << 20
HANG_UPS = 3
"""Times in a row that brokers hang up on a login, after which it counts as refused."""
CLOSING = 5.0
"""Seconds that closing may take."""


class Clients:
    """Connections to one cluster. `patience`: seconds to wait for an answer."""

    def __init__(self, connection: Connection, name: str, patience: float) -> None:
        self._name = name
        self._patience_ms = int(patience * 1000)
        self._shared: dict[str, Any] = {
            **connection.kafka_python(),
            "client_id": "tierline",
            "request_timeout_ms": self._patience_ms,
            "bootstrap_timeout_ms": self._patience_ms,
            "reconnect_backoff_max_ms": 1_000,
        }
        self._login = connection.sasl != "none"
        self._made: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._closed = False

    def admin(self) -> KafkaAdminClient:
        """For questions about topics and groups."""
        return self._one("admin", lambda more: KafkaAdminClient(**self._shared, **more))

    def ask(self, question: Callable[[Any], Any]) -> Any:
        """Puts a question to the admin client, again where the brokers are not ready for it, and gives the answer."""
        until = time.monotonic() + self._patience_ms / 1000
        while True:
            try:
                return question(self.admin())
            except RetriableError as error:
                if time.monotonic() > until:
                    raise
                if not isinstance(error, (CoordinatorNotAvailableError, CoordinatorLoadInProgressError)):
                    self.drop("admin")  # it would go on asking the broker that it knows
                time.sleep(0.1)

    def consumer(self) -> KafkaConsumer:
        """For reading; in no group, nothing committed, transactions that were not committed left out."""
        return self._one(
            "consumer",
            lambda more: KafkaConsumer(
                **self._shared,
                **more,
                isolation_level="read_committed",
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                metrics_enabled=False,
                # what there is is asked for beforehand, so waiting for more only holds up the next question
                fetch_max_wait_ms=5,
                max_partition_fetch_bytes=FETCH_BYTES,
            ),
        )

    def producer(self) -> KafkaProducer:
        """For appending: idempotent, acknowledged by all copies in sync."""
        return self._one("producer", lambda more: self._producer(**more))

    def transactional(self, id_: str) -> KafkaProducer:
        """A producer of its own for transactions under that id; the caller closes it. It fences all before it."""
        return self._open(
            lambda more: self._producer(transactional_id=id_, transaction_timeout_ms=self._patience_ms, **more)
        )

    def member(self, group: str, topic: str) -> KafkaConsumer:
        """A member of a consumer group, wanted for no more than being seen to live; the caller closes it."""
        forever = 2**31 - 1
        return self._open(
            lambda more: KafkaConsumer(
                topic,
                **self._shared,
                **more,
                group_id=group,
                enable_auto_commit=False,
                allow_auto_create_topics=False,
                metrics_enabled=False,
                session_timeout_ms=10_000,
                heartbeat_interval_ms=2_000,
                max_poll_interval_ms=forever,
            )
        )

    def close(self) -> None:
        """Close all of them."""
        with self._lock:
            self._closed = True
            made, self._made = self._made, {}
        for one in made.values():
            close(one)

    def drop(self, kind: str) -> None:
        """After a failure: what that client still holds is given up, and the next of its kind starts afresh."""
        with self._lock:
            found = self._made.pop(kind, None)
        close(found)

    def _producer(self, **more: Any) -> KafkaProducer:
        return KafkaProducer(
            **self._shared,
            **more,
            acks="all",
            value_serializer=_Values(),
            enable_idempotence=True,
            delivery_timeout_ms=2 * self._patience_ms,
            max_block_ms=self._patience_ms,
            max_request_size=2 * MOST_MESSAGE_BYTES,  # the topic decides what is too large, not this client
            batch_size=256 << 10,
            allow_auto_create_topics=False,
            metrics_enabled=False,
        )

    def _one(self, kind: str, make: Callable[[dict[str, Any]], Any]) -> Any:
        with self._lock:
            if self._closed:
                raise LogClosed(f"{self._name}: the log was closed.")
            if kind not in self._made:
                self._made[kind] = self._open(make)
            return self._made[kind]

    def _open(self, make: Callable[[dict[str, Any]], Any]) -> Any:
        heard = _Heard(self._name, login=self._login)
        _CONNECTIONS.addFilter(heard)
        try:
            return make({"kafka_client": heard.client})
        except KafkaError as error:
            heard.give_up()
            cause = heard.last if isinstance(error, KafkaTimeoutError) and heard.last is not None else error
            raise explained(cause, self._name) from error
        finally:
            _CONNECTIONS.removeFilter(heard)


class _Heard(logging.Filter):
    """Hears why a client cannot connect; what trying again cannot mend ends its trying."""

    def __init__(self, name: str, *, login: bool) -> None:
        super().__init__()
        self.last: BaseException | None = None
        self._name = name
        self._login = login
        self._hung_up = 0
        self._clients: list[Any] = []
        self._final = False

    def client(self, **said: Any) -> Any:
        """What the client makes its connections with."""
        made = KafkaNetClient(**said)
        self._clients.append(made)
        return made

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at what is logged; let it pass."""
        if isinstance(record.args, tuple):
            for found in record.args:
                if isinstance(found, BaseException) and not isinstance(found, KafkaTimeoutError) and not self._final:
                    self._hear(found)
        return True

    def _hear(self, found: BaseException) -> None:
        if not found.args and self.last is not None:
            return  # the connection's end, after what ended it
        self._hung_up = self._hung_up + 1 if self._login and "disconnected" in str(found) else 0
        if self._hung_up >= HANG_UPS:
            # the answer that says why and the end of the connection come at once, and the client may see but the end
            found = SaslAuthenticationFailedError()
        self.last = found
        self._final = isinstance(explained(found, self._name), (LogRefused, LogInsecure)) and "EOF" not in str(found)
        if self._final:
            for client in self._clients:
                client._manager.close()  # noqa: SLF001  (it offers no other way to stop its trying)

    def give_up(self) -> None:
        """Ends the threads of a client that was not made."""
        for client in self._clients:
            with suppress(Exception):
                client.close()


class _Values(Serializer):  # type: ignore[misc]  # kafka-python ships no types
    """Values are bytes already. kafka-python sends no record with neither key nor value; Kafka knows such records."""

    NOTHING = object()

    def serialize(self, topic: str, headers: Any, data: Any) -> Any:  # noqa: ARG002
        """The bytes of a value."""
        return None if data is self.NOTHING else data


def sent(producer: Any, records: Sequence[Append], seconds: float, *, timed: bool = False) -> list[int]:
    """Sends the records and waits until all are acknowledged; raises what befell the first that is not.

    ``timed``: raises OtherTimes where the brokers have not taken the records' own times.
    """
    futures = [
        producer.send(
            record.topic,
            partition=record.partition,
            key=record.key,
            value=_Values.NOTHING if record.value is None else record.value,
            headers=list(record.headers),
            timestamp_ms=record.timestamp_ms,
        )
        for record in records
    ]
    producer.flush(seconds)
    found = [future.get(timeout=seconds) for future in futures]
    for record, told in zip(records, found, strict=True):
        if timed and record.timestamp_ms is not None and told.timestamp != record.timestamp_ms:
            raise OtherTimes(
                f"topic {record.topic!r} gives records times of its own; its message.timestamp.type is not CreateTime."
            )
    return [int(told.offset) for told in found]


def close(client: Any) -> None:
    """Close a client, whatever state it is in."""
    if client is None:
        return
    with suppress(Exception):
        if isinstance(client, KafkaProducer):
            try:
                client.close(timeout=CLOSING)
            except KafkaTimeoutError:  # nobody took what it has: else its thread would go on offering it
                client._sender.force_close()  # noqa: SLF001  (it offers no other way to give up)
                client.close(timeout=CLOSING)
        elif isinstance(client, KafkaConsumer):
            client.close(autocommit=False, timeout_ms=int(CLOSING * 1000))
        else:
            client.close()
