"""What one process at a time does on Kafka, such as an import, whichever machine it is on.

Three things of Kafka's own make it: a *transactional id*, so that whoever comes later ends what the one before may
still try to append; a *committed offset* whose metadata names who is at it, written in the same transactions; and
*membership* of a consumer group, by which the brokers notice within seconds that a process has died.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kafka import TopicPartition
from kafka.errors import KafkaError
from kafka.structs import OffsetAndMetadata

from stream.holding import Holder, runs
from stream.transports.errors import Fenced, Held
from stream.transports.kafka_clients import close
from stream.transports.kafka_errors import translated
from stream.transports.records import Append

if TYPE_CHECKING:
    from stream.transports.kafka_log import KafkaLog

OPEN, CLOSED = 1, 0
JOINING = 15.0
"""Seconds to wait for the brokers to take us into the group: they wait some themselves for others to join."""


def holder(log: KafkaLog, name: str) -> Holder | None:
    """Who is at ``name``, or died at it; None where nobody is."""
    group = _group(log, name)
    with translated(log.name):
        found = log.clients.ask(lambda admin: admin.list_group_offsets({group: None})).get(group, {})
        told = next((one.metadata for one in found.values() if one.offset == OPEN), None)
        if told is None:
            return None
        try:
            who = json.loads(told)
            pid, host, since, living = int(who["pid"]), str(who["host"]), str(who["since"]), str(who["group"])
        except (ValueError, KeyError, TypeError):
            return Holder(0, "a machine that cannot be told", "some time ago", alive=False)
        if host == _host() and not runs(pid):
            return Holder(pid, host, since, alive=False)  # known before the brokers notice
        members = log.clients.ask(lambda admin: admin.describe_groups([living]))[living]["members"]
    return Holder(pid, host, since, alive=bool(members))


class KafkaHold:
    """See `Hold`."""

    def __init__(
        self, log: KafkaLog, name: str, first: Sequence[Append], *, topic: str | None = None, timed: bool = False
    ) -> None:
        """``topic``: where it is noted, always the same; needed where there is no first record.

        ``timed``: ``append`` raises OtherTimes where records would not keep their times.
        """
        before = holder(log, name)
        if before is not None and before.alive:
            raise Held(
                f"{log.name}: another {name} is running: {before}. Wait for it to end: two at once would close each"
                " other's. Had it been killed, that would be noticed within ten seconds."
            )
        self.takes_over = before is not None
        self._log, self._name, self._timed = log, name, timed
        self._place = TopicPartition(topic or first[0].topic, 0)
        # a group of its own, so that nobody waits for anybody: the brokers forget it once it is empty
        self._living = f"{_group(log, name)}.{secrets.token_hex(4)}"
        since = datetime.now(UTC).isoformat(timespec="seconds")
        self._who = json.dumps({"pid": os.getpid(), "host": _host(), "since": since, "group": self._living})
        self._member: Any = None
        self._producer: Any = log.clients.transactional(_group(log, name))
        try:
            with translated(log.name):
                self._producer.init_transactions()
                self._member = self._join()
            self._transact(first, OPEN)
        except BaseException:
            self._let_go()
            raise

    def append(self, records: Sequence[Append]) -> list[int]:
        """See `Hold.append`: one transaction."""
        return self._transact(records, OPEN, timed=self._timed)

    def release(self, last: Sequence[Append]) -> None:
        """See `Hold.release`."""
        if self._producer is None:
            return
        try:
            self._transact(last, CLOSED)
        finally:
            self._let_go()

    def abandon(self) -> None:
        """See `Hold.abandon`."""
        self._let_go()

    def _transact(self, records: Sequence[Append], state: int, *, timed: bool = False) -> list[int]:
        told = OffsetAndMetadata(state, self._who if state == OPEN else "", -1)
        try:
            return self._log.in_transaction(
                self._producer, records, {_group(self._log, self._name): {self._place: told}}, timed=timed
            )
        except Fenced:
            raise Fenced(
                f"{self._log.name}: another {self._name} has taken this one's place, so nothing more of this one gets"
                " into the log. Wait for that one to end, then run this one again."
            ) from None

    def _join(self) -> Any:
        """Members are watched by the brokers; nothing is read."""
        member = self._log.clients.member(self._living, self._place.topic)
        until = time.monotonic() + JOINING
        while member.group_metadata().generation_id < 0 and time.monotonic() < until:
            member.poll(timeout_ms=100, max_records=1)
        return member

    def _let_go(self) -> None:
        with suppress(KafkaError):
            close(self._member)
            close(self._producer)
        self._member = self._producer = None


def _host() -> str:
    return socket.gethostname()[:200]


def _group(log: KafkaLog, name: str) -> str:
    return f"{log.group}.{name}"
