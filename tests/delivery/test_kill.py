"""``kill -9`` of the alerting app at any moment forgets nothing; the worst is a repeat with the same id."""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from stream.delivery.app import alerts_group
from stream.delivery.channels.base import message_id
from stream.transports.records import Append, partition_for
from tests.worker.processes import Installation

from .building import event
from .looking import said, wait_for
from .sink import Sink

ON_KAFKA = True
KILLS = int(os.environ.get("KILLS", "10"))
ACCOUNTS = [f"company-{number}.com" for number in range(200)]
ROUTES = """
defaults: {ceiling: 1000, give_up_after: 1h}
routes:
  - {route: all, direction: both, cooldown: none, to: [hook]}
  - {route: calm, tiers: [hot], cooldown: 3s, to: [{channel: other, ceiling: 40}]}
  - {route: fit, causes: [profile], rollouts: each, cooldown: none, to: [hook]}
"""


class Changes(threading.Thread):
    """Appends tier changes all the while; remembers what was accepted."""

    def __init__(self, installation: Installation) -> None:
        super().__init__(daemon=True)
        self.installation, self.told = installation, list[dict[str, Any]]()
        self.enough = threading.Event()
        self.error: BaseException | None = None

    def run(self) -> None:
        rng, sequences = random.Random(5), Counter[str]()
        settings = self.installation.settings
        try:
            with self.installation.log() as log:
                while not self.enough.wait(rng.uniform(0.02, 0.25)):
                    batch = []
                    for _ in range(rng.randrange(1, 6)):
                        account = rng.choice(ACCOUNTS)
                        sequences[account] += 1
                        rises = rng.random() < 0.6
                        one = event(
                            account, sequences[account], time.time_ns() // 1_000_000,
                            direction="up" if rises else "down", to_tier="hot" if rises else "warm",
                            from_tier="warm" if rises else "hot", import_=rng.random() < 0.05,
                            cause=rng.choice(["signal", "fact", "profile"]),
                        )  # fmt: skip
                        key = account.encode()
                        partition = partition_for(key, settings.partitions)
                        batch.append(Append(settings.topic("tier-changes"), partition, key, json.dumps(one).encode()))
                        self.told.append(one)
                    log.append(batch)
        except BaseException as error:  # noqa: BLE001  (it is looked at by the test)
            self.error = error


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random_moments_while_changes_arrive(alerting: Callable[..., Installation], sink: Sink) -> None:
    """After SIGKILLs under load every change is accounted for, and what came twice came with the same id."""
    installation = alerting(ROUTES, partitions=3)
    installation.app = ("alerts", "run")
    rng = random.Random(3)
    sink.answer = lambda: sometimes(rng)
    pace = 1.0 if installation.settings.embedded else 2.5  # the group has to miss the one before
    installation.start()
    changes = Changes(installation)
    changes.start()
    for _ in range(KILLS):
        # while it starts, while it recovers, and most often while it decides and delivers
        time.sleep(pace * rng.choice([rng.uniform(0.4, 1.5), rng.uniform(1.5, 4.5), rng.uniform(1.5, 4.5)]))
        installation.kill()
        installation.start(wait=False)
    changes.enough.set()
    changes.join(30)
    assert changes.error is None
    sink.answer = lambda: 200
    installation.wait_ready()
    wait_for(lambda: not pending(installation), installation, 120)
    assert installation.stop() == 0
    check(installation, changes.told, sink, f"{KILLS} kills")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_at_once_on_kafka(install: Any, alerting: Callable[..., Installation], sink: Sink) -> None:
    """Of two alerting apps one decides; when it is killed, or stops, the other goes on where it was."""
    del install
    one = alerting(ROUTES, partitions=3)
    if one.settings.embedded:
        pytest.skip("a file has one alerting app")
    other = one.beside()
    rng = random.Random(4)
    sink.answer = lambda: sometimes(rng)
    changes = Changes(one)
    try:
        for app in (one, other):
            app.app = ("alerts", "run")
            app.start()
        changes.start()
        for turn in range(4):
            time.sleep(rng.uniform(4, 7))
            leaving = (one, other)[turn % 2]
            leaving.wait_ready(60)
            if turn < 2:
                leaving.kill()
            else:
                assert leaving.stop() == 0
            time.sleep(rng.uniform(0, 4))
            leaving.start(wait=False)
        changes.enough.set()
        changes.join(30)
        assert changes.error is None
        sink.answer = lambda: 200
        for app in (one, other):
            app.wait_ready(60)
        wait_for(lambda: not pending(one), one, 120)
        assert (one.stop(), other.stop()) == (0, 0)
    finally:
        other.close()
    check(one, changes.told, sink, "two apps, each killed and stopped once")


def sometimes(rng: random.Random) -> int:
    """A far side that takes its time, and fails now and then."""
    time.sleep(rng.choice([0, 0, 0.01, 0.1, 0.4]))
    return rng.choice([200] * 7 + [500, 503])


def pending(installation: Installation) -> bool:
    """Whether changes are undecided, or messages wait."""
    group = alerts_group(installation.settings)
    with installation.log() as log:
        for name in ("tier-changes", "alert-queue"):
            for partition in range(log.partitions(installation.settings.topic(name))):
                place = installation.settings.topic(name), partition
                last = log.last(*place)
                if last is not None and (log.position(group, *place) or 0) <= last:
                    return True
    listed = installation.command("alerts", "list", "--json", "--state", "waiting")
    assert listed.returncode == 0, listed.stderr
    return bool(listed.stdout)


def check(installation: Installation, told: list[dict[str, Any]], sink: Sink, headline: str) -> None:
    first: dict[str, dict[str, Any]] = {}
    superseded: set[str] = set()
    ids = Counter(one["id"] for one in installation.documents("alerts"))
    for one in said(installation, "decided"):
        reasons = {entry["reason"] for entry in (*one["routes"], *one["recipients"])}
        if reasons == {"superseded"}:
            superseded |= {entry["alert"] for entry in one["recipients"]}
        else:
            assert one["change"] not in first, "decided once"
            first[one["change"]] = one
    assert max(ids.values()) == 1
    assert set(first) == {one["id"] for one in told}, "every change is accounted for"
    sent = set()
    for one in first.values():
        names = [name for entry in one["routes"] for name in entry["routes"]]
        names += [entry["route"] for entry in one["recipients"]]
        assert sorted(names) == ["all", "calm", "fit"], "once for each route"
        sent |= {entry["alert"] for entry in one["recipients"] if entry["reason"] == "sent"}
    fates = Counter((one["alert"], one["state"]) for one in said(installation, "delivery"))
    delivered = {key for key, state in fates if state == "delivered"}
    assert not {key for key, state in fates if state == "parked"}
    assert sent - superseded == {key for key in delivered if not key.startswith("overflow/")}, "sent is delivered"
    assert all(count == 1 for (_, state), count in fates.items() if state == "delivered")
    got = [id_ for id_, _ in sink.got]
    known = {message_id(key): key for key in sent | delivered}
    assert {message_id(key) for key in delivered} <= set(got)
    assert set(got) <= known.keys()
    in_order([id_ for id_ in got if known[id_] not in superseded], known)
    repeats = len(got) - len(set(got))
    print(
        f"\n{headline}, {len(told)} changes, {len(delivered)} alerts delivered, {len(superseded)} superseded,"
        f" {len(sink.tried)} attempts, {repeats} repeats with the same id, none lost"
    )


def in_order(got: list[str], known: dict[str, str]) -> None:
    """Of each account and route, alerts came in the order of the changes.

    Not among them: what a newer one took the place of while it was being sent. Its sender was killed, the far side
    took its time, and so had it after the newer one.
    """
    last: dict[tuple[str, str], int] = {}
    seen: set[str] = set()
    for id_ in got:
        if id_ in seen:
            continue
        seen.add(id_)
        parts = known[id_].split("/")
        if parts[0] == "overflow":
            continue
        place, sequence = (parts[0], parts[4]), int(parts[3])
        assert last.get(place, 0) < sequence
        last[place] = sequence
