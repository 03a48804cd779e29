"""Records in, appends out: what the two agents of alerting make of a batch. No Faust, no awaiting, no I/O.

`gather` reads tier changes where they are, in as many partitions as there are. What is live goes on, with the facts
of its account, into `alert-queue`, which has one partition: there everything has one order, the ceilings of
recipients too, and the commands of operators (ops/adr/0010). `Desk` works through that queue.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from schemas.topics import ALERT_QUEUE, ALERT_STATE, ALERTS, REJECTED
from stream.agents.refusals import rejection, unexpected
from stream.delivery.change import Change, read_change
from stream.delivery.decide import decide
from stream.delivery.decision import Decision, Fate
from stream.delivery.documents import decided, delivery
from stream.delivery.message import Outcome
from stream.delivery.queue import flush, retry, settle, snooze
from stream.delivery.routes import Routes
from stream.delivery.state import Rows, State
from stream.settings import Settings
from stream.transports.records import Append, Record, partition_for
from stream.wire import Refusal

log = logging.getLogger("tierline")

Command = Literal["snooze", "retry"]


@dataclass(slots=True)
class Work:
    """What has to be durable, in the order in which it must be written, and what it was."""

    appends: list[Append] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    fates: list[Fate] = field(default_factory=list)
    rows: dict[bytes, bytes | None] = field(default_factory=dict)


def changes_of(records: Sequence[Record]) -> tuple[list[Change], int]:
    """The tier changes in a batch, and how many records were none."""
    found, bad = [], 0
    for record in records:
        try:
            found.append(read_change(orjson.loads(record.value or b"")))
        except (ValueError, KeyError, TypeError, AttributeError):
            log.error("%s/%d:%d is no tier change; left out", record.topic, record.partition, record.offset)  # noqa: TRY400
            bad += 1
    return found, bad


def gather(
    changes: Sequence[Change], facts: Mapping[str, Mapping[str, Any]], routes: Routes, settings: Settings, now: int
) -> Work:
    """Live changes into the queue; those of an import are decided here, since they need no memory."""
    work = Work()
    queue = settings.topic(ALERT_QUEUE)
    for change in changes:
        if change.importing:
            work.decisions += [Decision(change.document, "importing", route.name) for route in routes.routes]
        else:
            value = orjson.dumps({"change": change.document, "facts": facts.get(change.account, {})})
            work.appends.append(Append(queue, 0, change.account.encode(), value))
    work.appends += told(work, settings, now)
    return work


def told(work: Work, settings: Settings, now: int) -> list[Append]:
    """What is said on `alerts` of decisions and fates."""
    said = decided(work.decisions, source=settings.source, now=now)
    said += [delivery(fate, source=settings.source, now=now) for fate in work.fates]
    topic, partitions = settings.topic(ALERTS), settings.partitions
    return [
        Append(topic, partition_for(account.encode(), partitions), account.encode(), orjson.dumps(event))
        for account, event in said
    ]


def command(kind: Command, settings: Settings, account: str = "", **said: Any) -> Append:
    """A command of an operator, for the queue."""
    value = orjson.dumps({"command": kind, "account": account, **said})
    return Append(settings.topic(ALERT_QUEUE), 0, (account or kind).encode(), value)


class Desk:
    """The one place where alerts are decided and settled, over its stored rows."""

    def __init__(self, stored: Rows, settings: Settings, since: int) -> None:
        """Take up what is stored. Raises StateTooNew."""
        self._stored, self._settings, self._since = stored, settings, since
        self.state = State(stored, since)

    def process(self, records: Sequence[Record], routes: Routes, now: int) -> Work:
        """Work through a batch of the queue. What cannot be, for a fault of ours, is parked on `rejected`, whole."""
        poisoned: dict[int, Refusal] = {}
        while True:
            work = Work(fates=flush(self.state, routes, now))
            rejected = []
            for record in records:
                if record.offset in poisoned:
                    value = rejection(poisoned[record.offset], record, now)
                    rejected.append(Append(self._settings.topic(REJECTED), 0, record.key, value))
                    continue
                try:
                    self._record(record, routes, now, work)
                except Exception:
                    log.exception("%s:%d could not be worked through", record.topic, record.offset)
                    poisoned[record.offset] = unexpected()
                    self.forget()
                    break
            else:
                work.appends += rejected
                return self._closed(work, now)

    def beat(self, routes: Routes, now: int) -> Work:
        """What time brings."""
        return self._closed(Work(fates=flush(self.state, routes, now)), now)

    def outcomes(
        self, outcomes: Sequence[tuple[str, Outcome]], routes: Routes, now: int, jitter: Sequence[float]
    ) -> Work:
        """What became of attempts, by key; each with its own `jitter` from 0.5 to 1.5."""
        work = Work()
        for (key, outcome), spread in zip(outcomes, jitter, strict=True):
            self.state.flying.discard(key)
            message = self.state.waiting.get(key)
            if message is None:  # the state was read anew meanwhile, and this is no longer in it
                continue
            decisions, fates = settle(self.state, routes, message, outcome, now, spread)
            work.decisions += decisions
            work.fates += fates
        return self._closed(work, now)

    def committed(self) -> None:
        """The appends of the last work are durable, and its rows stored."""
        self.state.stored()

    def forget(self) -> None:
        """What is in memory is not what is stored: read it again. Attempts go on."""
        flying = self.state.flying
        self.state = State(self._stored, self._since)
        self.state.flying = flying

    def _record(self, record: Record, routes: Routes, now: int, work: Work) -> None:
        said = orjson.loads(record.value or b"")
        match said.get("command"):
            case None:
                work.decisions += decide(self.state, read_change(said["change"]), said["facts"], routes, now)
            case "snooze":
                until = record.timestamp_ms + int(said["for_ms"])
                work.decisions += snooze(self.state, str(said["account"]), until, now)
            case "retry":
                self._retry(said, now, work)
            case other:
                raise ValueError(f"{other!r} is no command that this release knows")

    def _retry(self, said: Mapping[str, Any], now: int, work: Work) -> None:
        keys, channel = set(said.get("keys") or ()), said.get("channel")
        if channel is not None:
            line = self.state.line(channel)
            line.off, line.paused = None, 0
            self.state.touch("c", channel)
        for message in list(self.state.parked.values()):
            if message.key in keys or message.channel == channel:
                work.fates.append(retry(self.state, message, now))

    def _closed(self, work: Work, now: int) -> Work:
        work.appends += told(work, self._settings, now)
        work.rows = self.state.writes()
        topic = self._settings.topic(ALERT_STATE)
        work.appends += [Append(topic, 0, key, value) for key, value in work.rows.items()]
        return work
