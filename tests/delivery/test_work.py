"""The two agents' work without any process: what goes into the queue, what comes out, and what stops nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from stream.delivery.facts import FollowedFacts, KeyedFacts
from stream.delivery.message import Delivered
from stream.delivery.queue import ready
from stream.delivery.state import StateTooNew
from stream.delivery.work import Desk, Work, changes_of, command, gather
from stream.settings import load_settings
from stream.topology import open_log
from stream.transports.records import Append, Record, partition_for

from .building import DAY, MONDAY, event, routes

SETTINGS = load_settings({}, partitions=4)
TABLE = routes("routes: [{route: hot, to: [sales]}, {route: fit, when: {employees: {gte: 50}}, to: [mail]}]")


def record(topic: str, value: Any, offset: int = 0) -> Record:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Record(topic, 0, offset, MONDAY, b"k", raw)


class Queue:
    """A desk over a dict, and the queue before it."""

    def __init__(self) -> None:
        self.stored: dict[bytes, bytes] = {}
        self.desk = Desk(self.stored, SETTINGS, 0)
        self.offset = 0

    def put(self, *values: Any, now: int = MONDAY) -> Work:
        records = [record("alert-queue", value, self.offset + at) for at, value in enumerate(values)]
        self.offset += len(values)
        return self.done(self.desk.process(records, TABLE, now))

    def done(self, work: Work) -> Work:
        for key, value in work.rows.items():
            if value is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = value
        self.desk.committed()
        return work


def live(account: str = "acme.com", **members: Any) -> dict[str, Any]:
    return {"change": event(account, **members), "facts": {"employees": 60}}


def documents(appends: Sequence[Append], topic: str) -> list[dict[str, Any]]:
    return [json.loads(one.value or b"{}") for one in appends if one.topic == topic]


def test_live_changes_go_on_with_their_facts() -> None:
    """What is live goes into the one queue, keyed by its account; what is imported is decided at once, and no more."""
    batch = [record("tier-changes", event("a.com")), record("tier-changes", event("b.com", import_=True))]
    changes, bad = changes_of(batch)
    work = gather(changes, {"a.com": {"employees": 3}}, TABLE, SETTINGS, MONDAY)
    assert bad == 0
    (queued,) = [one for one in work.appends if one.topic == "alert-queue"]
    assert (queued.partition, queued.key) == (0, b"a.com")
    assert json.loads(queued.value or b"")["facts"] == {"employees": 3}
    (said,) = [one for one in work.appends if one.topic == "alerts"]
    assert (said.key, said.partition) == (b"b.com", partition_for(b"b.com", 4))
    data = json.loads(said.value or b"")["data"]
    assert data["routes"] == [{"reason": "importing", "routes": ["hot", "fit"], "until": None, "by": None}]


def test_what_is_no_tier_change_is_left_out() -> None:
    """A stranger's record on the topic stops nothing."""
    others = [b"", b"{", b"[]", b"null", b'{"data": {}}', json.dumps({**event(), "id": "x"}).encode()]
    changes, bad = changes_of([*(record("tier-changes", one) for one in others), record("tier-changes", event())])
    assert (len(changes), bad) == (1, len(others))


def test_what_is_decided_is_said_and_kept() -> None:
    """One batch of the queue is decisions on `alerts`, then the rows of the state."""
    queue = Queue()
    work = queue.put(live("a.com"), live("b.com"))
    assert [one.topic for one in work.appends] == ["alerts"] * 2 + ["alert-state"] * len(work.rows)
    assert {one["data"]["recipients"][1]["reason"] for one in documents(work.appends, "alerts")} == {"sent"}
    assert {b"meta", b"a/a.com", b"a/b.com"} < queue.stored.keys()
    again = Desk(queue.stored, SETTINGS, 0)
    assert [one.key for one in ready(again.state, TABLE, MONDAY, each=9)] == [
        "a.com/demo/abc/1/hot/sales", "a.com/demo/abc/1/fit/mail",
        "b.com/demo/abc/1/hot/sales", "b.com/demo/abc/1/fit/mail",
    ]  # fmt: skip


def test_a_poisoned_record_is_parked_and_the_rest_goes_on() -> None:
    """What cannot be worked through goes whole to `rejected`; what came with it in the batch is decided once."""
    queue = Queue()
    work = queue.put(live("a.com"), {"command": "sing"}, {"change": {"id": 3}}, live("b.com"))
    assert [one["subject"] for one in documents(work.appends, "alerts")] == ["a.com", "b.com"]
    assert [one["reason"] for one in documents(work.appends, "rejected")] == ["unexpected"] * 2
    assert len(queue.desk.state.waiting) == 4


def test_outcomes_are_written_together() -> None:
    """What came of attempts is one work; an outcome of a message that is gone says nothing."""
    queue = Queue()
    queue.put(live("a.com"))
    keys = list(queue.desk.state.waiting)
    outcomes = [(key, Delivered("HTTP 200")) for key in (*keys, "of another life")]
    work = queue.done(queue.desk.outcomes(outcomes, TABLE, MONDAY, [1.0] * 3))
    assert [one["data"]["state"] for one in documents(work.appends, "alerts")] == ["delivered"] * 2
    assert not [key for key in queue.stored if key.startswith(b"m/")]


def test_commands_come_through_the_queue() -> None:
    """A snooze counts from its place in the log on; a retry brings back what was given up."""
    queue = Queue()
    queue.put(live("a.com"))
    snoozed = json.loads(command("snooze", SETTINGS, "a.com", for_ms=DAY).value or b"")
    work = queue.put(snoozed)
    assert documents(work.appends, "alerts")[0]["data"]["recipients"][0]["reason"] == "snoozed"
    said = queue.put(live("a.com", sequence=2))
    assert said.decisions[0].until == MONDAY + DAY
    ended = json.loads(command("snooze", SETTINGS, "a.com", for_ms=0).value or b"")
    assert {one.reason for one in queue.put(ended, live("a.com", sequence=3)).decisions} == {"sent"}
    given_up = queue.put(live("z.com"), now=MONDAY + 2 * DAY)
    assert {fate.state for fate in given_up.fates} == {"parked"}
    keys = list(queue.desk.state.parked)
    asked = json.loads(command("retry", SETTINGS, keys=keys[:1]).value or b"")
    assert [fate.message.key for fate in queue.put(asked, now=MONDAY + 2 * DAY).fates] == keys[:1]


def test_a_state_of_a_newer_release_is_refused() -> None:
    """An older release does not touch what a newer one wrote."""
    with pytest.raises(StateTooNew, match="format 99"):
        Desk({b"meta": b'{"v": 99, "since": 0}'}, SETTINGS, 0)


def test_facts_are_those_of_the_latest_score(tmp_path: Path) -> None:
    """Whether looked up by key or followed from the beginning, facts are the newest, and gone with a tombstone."""
    settings = load_settings({}, partitions=4, broker=f"sqlite:///{tmp_path / 'l.db'}")

    def score(account: str, facts: dict[str, Any] | None) -> Append:
        key = account.encode()
        value = None if facts is None else json.dumps({"data": {"facts": facts}}).encode()
        return Append("account-scores", partition_for(key, 4), key, value)

    with open_log(settings) as log:
        ways = [KeyedFacts(log, settings), FollowedFacts(log, settings)]
        log.append([score("a.com", {"employees": 1}), score("b.com", {"owner": "Ann"})])
        for facts in ways:
            assert facts.of(["a.com", "b.com"]) == {"a.com": {"employees": 1}, "b.com": {"owner": "Ann"}}
            assert facts.of(["c.com"]) == {"c.com": {}}
        log.append([score("a.com", {"employees": 2}), score("b.com", None)])
        for facts in ways:
            assert facts.of(["a.com", "b.com"]) == {"a.com": {"employees": 2}, "b.com": {}}
