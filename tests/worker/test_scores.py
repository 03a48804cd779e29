"""``account-scores`` holds the latest of every account: at once with a change, seldom otherwise, never left behind."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from schemas.times import parse_time
from stream.transports.records import Record
from stream.wire import base36

from .conftest import Install
from .desk import Desk, document
from .processes import Installation
from .pure import pure_score
from .telling import event, facts, funding, latest, now, profile, send, until

ON_KAFKA = True

PUBLISHED = Path(__file__).parents[2] / "schemas/published"
DRIFTING = profile(funding="{linear: 4s}").replace("points: 40", "points: 20")
"""20 points that are gone after 4 s: 5 of them each second, all of it within the lowest tier."""


Told = list[tuple[int, dict[str, Any]]]
"""(append time, document), in order."""


@pytest.mark.parametrize("number", [0, 1, 35, 36, 1_295, 1_296, 46_655, 46_656, 36**6, 36**8 - 1, 1_790_000_000_000])
def test_ids_are_written_in_base_36(number: int) -> None:
    """Moments in ids are whole numbers in digits and lower-case letters, without zeros before them."""
    written = base36(number)
    assert int(written, 36) == number
    assert written == written.lower()
    assert written == "0" or not written.startswith("0")


class Follower(threading.Thread):
    """Reads a topic as it grows, like a consumer: a compacted one does not keep what is superseded."""

    def __init__(self, installation: Installation, topic: str) -> None:
        super().__init__(daemon=True)
        self.installation, self.topic = installation, installation.settings.topic(topic)
        self.ended = threading.Event()
        self.records: list[Record] = []

    def run(self) -> None:
        offsets = dict.fromkeys(range(self.installation.settings.partitions), 0)
        with self.installation.log() as log:
            while not self.ended.wait(0.03):
                for partition, offset in offsets.items():
                    found = log.read(self.topic, partition, offset, 1_000)
                    self.records += found
                    offsets[partition] = found[-1].offset + 1 if found else offset

    def of(self, account: str) -> Told:
        """What came of an account."""
        found = list(self.records)
        return [(one.timestamp_ms, json.loads(one.value)) for one in found if one.key == account.encode() and one.value]


@pytest.fixture
def follow() -> Iterator[Callable[[Installation, str], Follower]]:
    """Followers that end with the test."""
    made: list[Follower] = []

    def start(installation: Installation, topic: str) -> Follower:
        made.append(Follower(installation, topic))
        made[-1].start()
        return made[-1]

    yield start
    for follower in made:
        follower.ended.set()
        follower.join(10)


def _valid(installation: Installation) -> None:
    for topic, name in (("account-scores", "account-score"), ("tier-changes", "tier-change"), ("rejected", "rejected")):
        schema = json.loads((PUBLISHED / f"{name}.json").read_text())
        validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
        documents = installation.documents(topic)
        assert documents
        for one in documents:
            validator.validate(one)


def test_scores_come_with_changes_seldom_otherwise_and_survive_kills(
    install: Install, follow: Callable[[Installation, str], Follower]
) -> None:
    """With a tier change at once, else once in a while, by drift at its moment; after kills all are current."""
    installation = install(DRIFTING, partitions=2, scores_every="1s")
    installation.start()
    told, changed = follow(installation, "account-scores"), follow(installation, "tier-changes")
    begun = now()
    for number in range(30):
        send(installation, event(f"r{number}", "reader.com", "content_consumption", {"topic": "crm"}))
        if number == 15:
            raised = funding("d", "drifting.com")
            send(installation, raised, event("bad", "reader.com", "gossip", {}))
        time.sleep(0.07)
    installation.drain()

    # readings of 4 points up to 30: one change, at 28, with which the score comes; the others once a second
    until(lambda: told.of("reader.com")[-1][1]["data"]["profiles"]["quick"]["score"] > 29, 5)
    seldom = told.of("reader.com")
    ((moment, _),) = changed.of("reader.com")
    apart = min(abs(at - moment) for at, _ in seldom)  # Kafka stamps each topic's part of a transaction by itself
    assert apart == 0 if installation.settings.embedded else apart < 200, "in the transaction of the change"
    assert 3 <= len(seldom) <= (now() - begun) // 1_000 + 2

    # time alone: almost 20 points, then 5 fewer each second, each at its moment, none of them a change
    until(lambda: len(told.of("drifting.com")) >= 4, 10)
    drifts = told.of("drifting.com")[:4]
    assert changed.of("drifting.com") == []
    scores = [one["data"]["profiles"]["quick"]["score"] for _, one in drifts]
    moments = [parse_time(one["time"]) for _, one in drifts]
    assert scores[0] == pytest.approx(20 - (moments[0] - parse_time(raised["time"])) / 200, abs=0.02)
    assert scores == pytest.approx([scores[0] - 5 * number for number in range(len(scores))], abs=0.02)
    assert [later - earlier for earlier, later in pairwise(moments)] == pytest.approx([1_000] * 3, abs=3)
    assert max(at - moment for (at, _), moment in zip(drifts[1:], moments[1:], strict=True)) < 1_000

    # killed right after the appends, before anything owed could be published
    names = [f"owed-{number}.com" for number in range(20)]
    for turn in range(2):
        send(installation, *(facts(f"n{turn}-{name}", name, name=f"Turn {turn}") for name in names))
        read = [event(f"c{turn}-{name}", name, "content_consumption", {"topic": "x"}) for name in names[::2]]
        send(installation, *read)
        time.sleep(0.15 * turn)
        installation.kill()
        installation.start()
    installation.drain()

    def current() -> bool:
        found = latest(installation)
        return all(name in found and found[name]["facts"] == {"name": "Turn 1"} for name in names)

    until(current, 10)
    until(lambda: 'tierline_lag_records{partition="0",topic="signals"} 0.0' in installation.page("/metrics")[1], 5)
    time.sleep(1.2)
    for name in [*names, "reader.com", "drifting.com"]:
        _, published = told.of(name)[-1]
        assert published["data"] == latest(installation)[name]
        assert published == pure_score(installation, published), name
        told_of = published["data"]["profiles"]["quick"]["contributions"]
        assert len(told_of) == (name not in names[1::2]) or name == "drifting.com", name
    assert installation.stop() == 0
    _valid(installation)


def test_a_score_that_is_owed_survives_a_restart_at_any_point() -> None:
    """What is owed is part of the stored state: taken up anew after every single batch, each account is published."""
    desk = Desk(document(profile()), scores_every="5s")
    names = [f"a{number}.com" for number in range(10)]
    for turn in range(3):
        for name in names:
            desk.tell(facts(f"{turn}-{name}", name, desk.now, name=f"Turn {turn}"))
            desk.restart()
    desk.beat()
    told = {one["subject"]: one["data"]["facts"]["name"] for one in desk.documents("account-scores")}
    assert told == dict.fromkeys(names, "Turn 2")
    published = len(desk.documents("account-scores"))
    desk.restart()
    assert desk.beat() == []
    desk.now += 60_000
    assert desk.beat() == [], "nothing is owed any more"
    assert len(desk.documents("account-scores")) == published
    # a repeat owes nothing, and something new is owed again
    desk.tell(facts("2-a0.com", "a0.com", desk.now, name="Turn 2"))
    desk.now += 60_000
    assert desk.beat() == []


def test_a_drift_that_a_transition_comes_before_waits_for_its_tick() -> None:
    """A fall that is drift and transition at once is published with the change, not again and again before it."""
    desk = Desk(document(profile(funding="{window: 2s}")), scores_every="1s")
    desk.tell(funding("a", "acme.com", desk.now))
    published = len(desk.documents("account-scores"))
    desk.now += 3_000
    for _ in range(5):
        work = desk.shard.flush(desk.now, leaving=True)
        if work is not None:
            desk.done(work)
    assert len(desk.documents("account-scores")) == published
    desk.restart()
    desk.beat()
    told = desk.documents("account-scores")[published:]
    assert [one["data"]["profiles"]["quick"]["tier"] for one in told] == ["cold"]
    (change,) = desk.documents("tier-changes")[1:]
    assert told[0]["time"] == change["time"], "as of the moment of the fall"
    desk.now += 5_000
    assert desk.beat() == []


def test_while_many_signals_wait_scores_do_too_but_not_for_ever() -> None:
    """Behind by thousands, only tier changes come with their scores; the others half a minute later, and each once."""
    desk = Desk(document(profile()))
    names = [f"company-{number}.com" for number in range(20)]
    for minute in range(3):
        desk.now += 1_000
        read = {"topic": "crm"}
        reading = [event(f"r{minute}-{name}", name, "content_consumption", read, desk.now) for name in names]
        hot = facts(f"s{minute}", "hot.com", desk.now, employees=500)
        desk.tell(*reading, funding(f"f{minute}", "hot.com", desk.now), hot, waiting=5_000)
    assert {one["subject"] for one in desk.documents("account-scores")} == {"hot.com"}
    desk.beat()
    assert len({one["subject"] for one in desk.documents("account-scores")}) == 1, "between batches neither"
    desk.now += 26_000
    desk.tell(funding("late", "hot.com", desk.now), waiting=5_000)
    told = [one["subject"] for one in desk.documents("account-scores")]
    assert sorted(name for name in told if name != "hot.com") == sorted(names)


def test_the_fewer_signals_wait_the_sooner_scores_come() -> None:
    """Each signal that waits puts off what can wait a little; with the batch that has caught up it comes at once."""
    desk = Desk(document(profile()))
    desk.tell(event("r", "acme.com", "content_consumption", {"topic": "crm"}, desk.now), waiting=20)
    desk.now += 4_900
    assert desk.shard.flush(desk.now, waiting=20) is None
    desk.done(desk.shard.flush(desk.now, waiting=19))
    assert [one["subject"] for one in desk.documents("account-scores")] == ["acme.com"]
    desk.tell(event("s", "other.com", "content_consumption", {"topic": "crm"}, desk.now), waiting=1)
    assert len(desk.documents("account-scores")) == 1
    desk.tell(event("t", "third.com", "content_consumption", {"topic": "crm"}, desk.now))
    assert {one["subject"] for one in desk.documents("account-scores")} == {"acme.com", "other.com", "third.com"}


def test_scores_wait_while_signals_wait_elsewhere() -> None:
    """A partition that has caught up lets the others of its worker catch up, but not for longer than half a minute."""
    desk = Desk(document(profile()))
    desk.tell(event("r", "acme.com", "content_consumption", {"topic": "crm"}, desk.now), waiting=5_000)
    assert desk.shard.flush(desk.now, waiting=1) is None
    assert desk.shard.flush(desk.now, waiting=0) is not None
    desk.tell(event("s", "other.com", "content_consumption", {"topic": "crm"}, desk.now), waiting=5_000)
    assert desk.shard.flush(desk.now + 20_000, waiting=5_000) is None
    assert desk.shard.flush(desk.now + 26_000, waiting=5_000) is not None


def test_a_farewell_takes_few_turns() -> None:
    """A worker that stops after a busy time publishes what it owes in a few large works."""
    desk = Desk(document(profile()))
    names = [f"company-{number}.com" for number in range(6_000)]
    reading = [event(f"r-{name}", name, "content_consumption", {"topic": "crm"}, desk.now) for name in names]
    desk.tell(*reading, waiting=5_000)
    turns = 0
    while (work := desk.shard.flush(desk.now, leaving=True)) is not None:
        desk.done(work)
        turns += 1
    assert turns == 2
    assert {one["subject"] for one in desk.documents("account-scores")} == set(names)
    # a batch that was under way then: what it owes is told, too, however lately the account was and many signals wait
    desk.tell(event("late", names[0], "content_consumption", {"topic": "erp"}, desk.now), waiting=5_000)
    if (work := desk.shard.flush(desk.now, leaving=True)) is not None:
        desk.done(work)
    assert [one["subject"] for one in desk.documents("account-scores")].count(names[0]) == 2
    assert desk.shard.flush(desk.now, leaving=True) is None
