"""Load for workers that are killed meanwhile, and the proof that every accepted signal counted exactly once."""

from __future__ import annotations

import json
import random
import threading
import time
from itertools import chain
from typing import Any

import pytest

from schemas.times import format_time, parse_time
from stream.transports.records import Append, partition_for
from stream.wire import Incoming, decode, read_mark
from tests.scoring.reference import Item, PlainSignal, clamped, replay

from .processes import Installation, records

PROFILE = """
profile: quick
version: 1
groups:
  - name: fit
    criteria:
      - {id: big, when: {employees: {gte: 100}}, points: 20}
  - name: timing
    criteria:
      - {id: funding, signal: funding_round, points: 40, decay: {half_life: 5s}}
      - {id: reading, signal: content_consumption, points: 4, cap: 30, decay: {linear: 8s}}
      - {id: hiring, signal: job_posting, points: 10, decay: {window: 3s}, limit: {count: 2, per: 2s}, cap: 20}
exclude:
  - {id: layoffs, signal: layoff, decay: {window: 2s}}
tiers:
  - {name: hot, enter: 50, leave: 45}
  - {name: warm, enter: 25, dwell: 1s}
  - {name: cold}
"""

LONG = 120_000
"""Milliseconds after the last record in which whatever is to come of it has come, however high a score was."""

ACCOUNTS = [f"company-{number}.com" for number in range(30)]


def a_signal(number: int, rng: random.Random, told: list[dict[str, Any]]) -> dict[str, Any]:
    """Some signal of now; a repeat of an earlier one now and then."""
    if told and rng.random() < 0.05:
        return rng.choice(told)
    now = time.time_ns() // 1_000_000
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("funding_round", {"series": rng.choice(["a", "b", "c", "seed", "grant", "debt"])}),
        ("content_consumption", {"topic": "crm"}),
        ("content_consumption", {"topic": "erp"}),
        ("job_posting", {"title": "Engineer", "posting_id": str(rng.randrange(500))}),
        ("account_update", {"facts": {"employees": rng.choice([10, 100, 1_000, None])}}),
        ("layoff", {}),
    ]
    type_, data = rng.choice(kinds)
    if told and rng.random() < 0.05:
        other = rng.choice(told)
        if other["type"].endswith(("funding_round", "content_consumption")):
            taken = {"signal_id": other["id"], "signal_source": other["source"], "signal_time": other["time"]}
            return _event(number, other["subject"], "retracted", now, taken)
    return _event(number, rng.choice(ACCOUNTS), type_, now - rng.choice([0, 0, 0, 500, 4_000, -300]), data)


def _event(number: int, account: str, type_: str, time_ms: int, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"s{number}",
        "source": "test",
        "type": f"tierline.signal.{type_}",
        "subject": account,
        "time": format_time(time_ms),
        "data": data,
    }


class Sender(threading.Thread):
    """Appends signals all the while, some to the family topics, some under a wrong key; remembers what was accepted."""

    def __init__(self, installation: Installation, first: int = 0) -> None:
        super().__init__(daemon=True)
        self.first = first
        self.installation = installation
        self.told: list[dict[str, Any]] = []
        self.enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        rng = random.Random(7 + self.first)
        settings = self.installation.settings
        number = self.first
        try:
            with self.installation.log() as log:
                while not self.enough.wait(rng.uniform(0.02, 0.12)):
                    batch: list[Append] = []
                    for _ in range(rng.randrange(1, 6)):
                        number += 1
                        event = a_signal(number, rng, self.told[-200:])
                        value = json.dumps(event).encode()
                        key = event["subject"].encode()
                        way = rng.random()
                        if way < 0.1:
                            batch.append(Append(settings.topic("signals.company"), 0, None, value))
                        elif way < 0.15:
                            batch.append(Append(settings.topic("signals"), 1, b"wrong.com", value))
                        else:
                            partition = partition_for(key, settings.partitions)
                            batch.append(Append(settings.topic("signals"), partition, key, value))
                        self.told.append(event)
                    log.append(batch)
        except BaseException as error:  # noqa: BLE001  (it is looked at by the test)
            self.error = error


def history(installation: Installation) -> list[Item]:
    """What the log holds, as items of the reference: every mark, and every record under its account's key."""
    return list(chain.from_iterable(_partitions(installation)))


def _partitions(installation: Installation) -> list[list[Item]]:
    """The history of each partition, in the order of the log."""
    topic = installation.settings.topic("signals")
    with installation.log() as log:
        items: list[list[Item]] = [[] for _ in range(log.partitions(topic))]
        for record in records(log, topic):
            mine = items[record.partition]
            mark = read_mark(record.value)
            if mark is not None:
                kind: Any = mark.kind
                document = mark.data if kind == "profile_retired" else mark.data.get("profile")
                mine.append(Item(kind, record.timestamp_ms, profile_doc=document))
                continue
            incoming = decode(record.value, record.headers)
            assert isinstance(incoming, Incoming)
            signal = incoming.signal
            if record.key == signal.account.encode():
                plain = PlainSignal(signal.account, signal.source, signal.id, signal.type, signal.time, signal.data)
                mine.append(Item("signal", record.timestamp_ms, signal.account, plain))
    return items


def _wanted(installation: Installation) -> list[dict[str, Any]]:
    """The changes that the reference makes of the log, up to when nothing more is to come.

    Partition by partition: a profile holds in each from its mark there on, and each has its own clock, which ticks move
    too, and which never goes back. What ticks bring about is due without them.
    """
    found: list[dict[str, Any]] = []
    partitions = _partitions(installation)
    until = LONG + max(item.record_time_ms for items in partitions for item in items)
    for items in partitions:
        found += replay([item for item in clamped(items) if item.kind != "tick"], until=until).changes
    return found


def decayed(installation: Installation, seconds: float = 60) -> None:
    """Return once the worker has said whatever is still to come of what is in the log, and has drained.

    How long that takes depends on how high the scores are. What does not come is for `counted_once` to name.
    """
    installation.drain(seconds)
    wanted = _wanted(installation)
    last = max((change["effective_at"] for change in wanted), default=0)
    until = time.time() + seconds + max(0.0, last / 1_000 - time.time())
    while time.time() < until and len(installation.documents("tier-changes")) < len(wanted):
        time.sleep(0.25)
    time.sleep(1)  # for what must not come
    installation.drain(seconds)


def counted_once(installation: Installation, told: list[dict[str, Any]]) -> int:
    """Fails unless what was told is what the log has, and the changes and sequences are the reference's; the changes.

    The workers must have drained, and everything `decayed`.
    """
    accepted = {(item.signal.source, item.signal.id) for item in history(installation) if item.signal is not None}
    assert {(event["source"], event["id"]) for event in told} == accepted
    wanted = _wanted(installation)
    documents = installation.documents("tier-changes")
    ids = [event["id"] for event in documents]
    assert len(ids) == len(set(ids)), "a change was sent twice"
    changes = [event["data"] for event in documents]
    for account in ACCOUNTS:
        ours = [change for change in changes if change["account"] == account]
        theirs = [change for change in wanted if change["account"] == account]
        assert [change["sequence"] for change in ours] == list(range(1, len(ours) + 1)), account
        assert [_said(change) for change in ours] == [_said(change) for change in theirs], account
        moments = [change["effective_at"] for change in theirs]
        assert [parse_time(change["effective_at"]) for change in ours] == moments, account
        for one, other in zip(ours, theirs, strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=2e-6)
    return len(changes)


def _said(change: dict[str, Any]) -> tuple[Any, ...]:
    return change["from_tier"], change["to_tier"], change["cause"], change["direction"]
