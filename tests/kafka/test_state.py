"""The accounts' state, in memory and on a disk: whatever befalls either, a worker takes up what is in the changelog."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.structs import OffsetAndMetadata

from schemas.times import parse_time
from schemas.topics import INTAKE, SIGNALS
from stream.topology import group_of, partitions_of
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append, partition_for
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import CHAOS, SESSION, Fleet, chaos, reasons, said, settled
from tests.kafka.places import claim, kafka_log, made, transactional, until
from tests.worker.load import PROFILE, Sender
from tests.worker.processes import Installation, records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROUNDS = max(1, int(os.environ.get("KILLS", "8")) // 8)
DISKS = [pytest.param(True, id="on disk"), pytest.param(False, id="in memory", marks=chaos)]


@pytest.fixture
def fleet(kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path) -> Iterator[Fleet]:
    """Workers of one installation, not started."""
    workers = Fleet(kafka_cluster, topic_prefix, tmp_path)
    yield workers
    workers.close()


def restored(worker: Installation) -> list[int]:
    """How many changelog records each recovery of a worker was to read."""
    return [int(number) for number in re.findall(r"restoring (\d+) changelog records", said(worker))]


def told(account: str, type_: str, number: int, data: dict[str, Any], *, prefix: str = "x") -> dict[str, Any]:
    """A signal of now."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return {
        "specversion": "1.0", "id": f"{prefix}{number}", "source": "test", "type": f"tierline.signal.{type_}",
        "subject": account, "time": moment, "data": data,
    }  # fmt: skip


def send(worker: Installation, *events: dict[str, Any]) -> None:
    settings = worker.settings
    with worker.log() as log:
        appends = []
        for event in events:
            key = event["subject"].encode()
            place = partition_for(key, settings.partitions)
            appends.append(Append(settings.topic(SIGNALS), place, key, json.dumps(event).encode()))
        log.append(appends)


def hot(account: str, number: int, prefix: str = "x") -> list[dict[str, Any]]:
    """What makes an account hot at once, and warm and cold with time."""
    facts = told(account, "account_update", number, {"facts": {"employees": 1_000}}, prefix=prefix)
    return [facts, told(account, "funding_round", number + 1, {"series": "a"}, prefix=prefix)]


@pytest.mark.parametrize("rows", DISKS)
def test_whatever_befalls_the_disk(fleet: Fleet, rows: bool) -> None:  # noqa: FBT001
    """Stopped, killed, on an empty disk, on one that is behind, on a damaged one: it goes on as if nothing was."""
    worker, other = fleet.worker(rows=rows), fleet.worker()
    disk = worker.settings.rows
    worker.start()
    sender = Sender(worker)
    sender.start()
    for turn in range(ROUNDS):
        time.sleep(3)
        worker.stop()
        worker.start()
        _told("after a clean stop", worker)
        time.sleep(1 + turn)
        worker.kill()
        worker.start(wait=False)
        worker.wait_ready(60)
        _told("after kill -9", worker)
        time.sleep(1)
        worker.stop()
        other.start()  # works on while the disk of the first stays as it is
        time.sleep(2)
        other.stop()
        worker.start()
        _told("with a disk that is behind", worker)
        if disk is None:
            continue
        time.sleep(1)
        worker.kill()
        shutil.rmtree(disk)
        worker.start(wait=False)
        worker.wait_ready(60)
        _told("onto an empty disk", worker)
        time.sleep(1)
        worker.stop()
        _damage(disk, turn)
        worker.start()
        _told("with a damaged disk", worker)
    changes = settled([worker], sender)
    print(f"\n{len(sender.told)} signals, {changes} changes, none lost, none twice")


def _told(what: str, worker: Installation) -> None:
    print(f"\n{what}: {restored(worker)[-1:] or 'nothing'} changelog records restored", end="")


def _damage(disk: Path, turn: int) -> None:
    """Another kind of file of each partition each time, as a failing disk might."""
    for partition in sorted(disk.iterdir()):
        kinds = [sorted(partition.glob(kind)) for kind in ("MANIFEST-*", "*.sst", "CURRENT", "OPTIONS-*")]
        for file in [kind for kind in kinds if kind][(turn + int(partition.name)) % 3]:
            content = bytearray(file.read_bytes())
            for at in range(0, len(content), 64):
                content[at] ^= 0xFF
            file.write_bytes(content)


@pytest.mark.parametrize("rows", [pytest.param(False, id="in memory"), pytest.param(True, id="on disk", marks=chaos)])
def test_a_standby_is_ready_at_once(fleet: Fleet, rows: bool) -> None:  # noqa: FBT001
    """With TIERLINE_STANDBYS=1 the other worker has a copy: after a kill next to nothing is read back."""
    workers = [fleet.worker(rows=rows, standbys=1) for _ in range(2)]
    for worker in workers:
        worker.start()
    sender = Sender(workers[0])
    sender.start()
    for turn in range(ROUNDS):
        time.sleep(4)
        victim, other = workers[turn % 2], workers[1 - turn % 2]
        with kafka_log(victim.settings) as log:
            changelog = victim.settings.topic("account-state")
            size = sum(log.end(changelog, number) for number in range(victim.settings.partitions))
            before = len(restored(other))
            victim.kill()
            began = time.monotonic()
            until(partial(_has_all, other), 30)
        took = time.monotonic() - began
        read = restored(other)[before:]
        print(f"\na changelog of {size} records: {read or 'none'} read back, ready {took:.1f} s after the kill", end="")
        assert sum(read) < size / 2
        assert took < SESSION + 10
        victim.start(wait=False)
        victim.wait_ready(60)
    if CHAOS:
        settled(workers, sender)
    sender.enough.set()
    sender.join(30)


def _has_all(worker: Installation) -> bool:
    lines = [line for line in said(worker).splitlines() if " has " in line and "partition" in line]
    return bool(lines) and lines[-1].endswith("has all partitions") and not reasons(worker)


@pytest.mark.parametrize("rows", DISKS)
def test_a_changelog_that_is_compacted_under_us(fleet: Fleet, rows: bool) -> None:  # noqa: FBT001
    """Holes, a tail of markers and of what was taken back: recovery ends, and has everything."""
    worker, other = fleet.worker(rows=rows), fleet.worker()
    changelog = worker.settings.topic("account-state")
    with kafka_log(worker.settings) as log:
        quickly = {"segment.ms": "300", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "100"}
        log.clients.admin().alter_configs([ConfigResource(ConfigResourceType.TOPIC, changelog, quickly)])
        worker.start()
        sender = Sender(worker)
        sender.start()
        for _ in range(ROUNDS):
            _wait_until_compacted(log, worker, changelog)
            worker.kill()
            _taken_back(fleet, worker, changelog)
            other.start(wait=False)
            other.wait_ready(60)
            time.sleep(2)
            other.stop()
            worker.start()
    settled([worker], sender)


def _wait_until_compacted(log: KafkaLog, worker: Installation, changelog: str) -> None:
    """Wait until most of the changelog has been taken out."""

    def holes() -> bool:
        ends = sum(log.end(changelog, number) for number in range(worker.settings.partitions))
        return len(records(log, changelog)) < ends / 2 and ends > 200

    until(holes, 60)


def _taken_back(fleet: Fleet, worker: Installation, changelog: str) -> None:
    """An aborted transaction ends each partition of the changelog."""
    producer = transactional(fleet.cluster, f"somebody-{changelog}")
    producer.begin_transaction()
    for number in range(worker.settings.partitions):
        producer.send(changelog, partition=number, key=b"ghost.com", value=b"{}")
    producer.flush()
    producer.abort_transaction()
    producer.close()


@chaos
def test_partitions_move_between_disks_while_signals_flow(fleet: Fleet) -> None:
    """Two workers with disks of their own come and go: each takes up what the other has written."""
    workers = [fleet.worker(rows=True) for _ in range(2)]
    for worker in workers:
        worker.start()
    sender = Sender(workers[0])
    sender.start()
    for turn in range(2 + ROUNDS):
        time.sleep(2)
        leave = workers[turn % 2].kill if turn % 3 else workers[turn % 2].stop
        leave()
        time.sleep(SESSION + 2 if turn % 2 else 0.5)
        workers[turn % 2].start(wait=False)
    settled(workers, sender)


@pytest.mark.parametrize("rows", DISKS)
def test_what_came_due_meanwhile_is_told_with_its_own_moment(fleet: Fleet, rows: bool) -> None:  # noqa: FBT001
    """A tier that time alone ended while no worker ran: the next one tells it at once, and when it was."""
    (fleet.folder / "profiles" / "quick.yaml").write_text(PROFILE.replace("half_life: 5s", "half_life: 12s"))
    worker = fleet.worker(rows=rows)
    worker.start()
    send(worker, *hot("sleeper.com", 1))
    worker.drain()
    assert worker.stop() == 0
    [risen] = worker.documents("tier-changes")
    time.sleep(11)  # 40 points with a half-life of 12 s: below `hot` after 8.1 s
    began = time.time_ns() // 1_000_000
    worker.start()
    until(lambda: len(worker.documents("tier-changes")) > 1)
    fallen = worker.documents("tier-changes")[1]
    assert fallen["data"]["cause"] == "decay"
    moment = parse_time(fallen["data"]["effective_at"])
    assert moment < began - 2_000, "it was told as if it had happened at the start"
    assert parse_time(risen["data"]["effective_at"]) < moment
    assert worker.stop() == 0


def test_positions_that_are_set_back_or_gone(fleet: Fleet) -> None:
    """Whatever an operator does to the group's positions, the state knows what it has seen: nothing counts twice."""
    worker = fleet.worker()
    worker.start()
    sender = Sender(worker)
    sender.start()
    group = group_of(worker.settings)
    for gone in [False, True] * ROUNDS:
        time.sleep(3)
        worker.stop()
        with kafka_log(worker.settings) as log:
            places = [
                TopicPartition(worker.settings.topic(name), number)
                for name in (SIGNALS, *INTAKE)
                for number in range(partitions_of(worker.settings, name))
            ]
            admin = log.clients.admin()
            if gone:
                admin.delete_groups([group])
                assert not log.positions(group)
            else:
                admin.alter_group_offsets(group, {place: OffsetAndMetadata(0, "", -1) for place in places})
                assert set(log.positions(group).values()) == {0}
        worker.start()
    changes = settled([worker], sender)
    assert "were applied before and are left out" in said(worker)
    print(f"\n{len(sender.told)} signals, {changes} changes, none lost, none twice")


def test_a_disk_of_topics_that_are_no_more(fleet: Fleet) -> None:
    """Topics were deleted and made again, or the directory is another installation's: its rows are not used."""
    worker, other = fleet.worker(rows=True), fleet.worker()
    worker.start()
    for number in range(0, 40, 2):
        send(worker, *hot(f"old-{number}.com", number, "old"))
    worker.drain()
    assert worker.stop() == 0
    with kafka_log(worker.settings) as log:
        ours = [topic for topic in log.topics() if topic.startswith(worker.settings.topic_prefix)]
        changelog = worker.settings.topic("account-state")
        before = [log.end(changelog, number) for number in range(worker.settings.partitions)]
        log.clients.admin().delete_groups([group_of(worker.settings)])
        log.clients.admin().delete_topics(ours)
        until(lambda: not set(ours) & set(log.topics()))
    until(lambda: _made_again(worker))
    other.start()
    sender = Sender(other)
    sender.start()
    with kafka_log(worker.settings) as log:
        until(lambda: all(log.end(changelog, number) > end + 50 for number, end in enumerate(before)), 60)
    assert other.stop() == 0
    worker.start()
    accounts = re.search(r"^tierline_state_accounts (\S+)$", worker.page("/metrics")[1], re.MULTILINE)
    assert accounts is not None
    if CHAOS:
        settled([worker], sender)
    sender.enough.set()
    sender.join(30)
    changed = {event["data"]["account"] for event in worker.documents("tier-changes")}
    assert not [account for account in changed if account.startswith("old-")]
    assert float(accounts[1]) <= 30, "accounts of topics that are no more"


def _made_again(worker: Installation) -> bool:
    try:
        made(worker.settings)
    except Exception:  # noqa: BLE001  the old one is still being deleted
        return False
    return True


def test_a_write_of_a_former_owner_is_refused(fleet: Fleet) -> None:
    """Who had the partition before can write nothing for it, and who takes it away is heard: it is taken over anew."""
    worker = fleet.worker()
    settings = worker.settings
    place = partition_for(b"fenced.com", settings.partitions)
    group, signals = group_of(settings), TopicPartition(settings.topic(SIGNALS), place)
    former = transactional(fleet.cluster, f"{group}-of-somebody")
    former.begin_transaction()
    former.send_offsets_to_transaction({signals: OffsetAndMetadata(0, f"{group}-of-somebody", -1)}, group)
    former.commit_transaction()
    former.begin_transaction()
    former.send(settings.topic("tier-changes"), partition=place, key=b"fenced.com", value=b'{"id": "ghost"}')
    worker.start()
    with pytest.raises(Exception, match=r"(?i)fenced|epoch|abort|fatal"):
        former.commit_transaction()
    former.close(0)
    send(worker, *hot("fenced.com", 1))
    worker.drain()
    with kafka_log(settings) as log:
        id_ = claim(log, group, *signals)
    transactional(fleet.cluster, id_).close(0)  # somebody else becomes the owner, as after a pause
    send(worker, *hot("fenced.com", 3))
    until(lambda: "Taking over all partitions anew" in said(worker), 30)
    worker.drain()
    assert worker.stop() == 0
    assert [event["id"] for event in worker.documents("tier-changes") if event["id"] == "ghost"] == []
    assert worker.documents("tier-changes")[0]["data"]["account"] == "fenced.com"



def test_a_full_rows_disk_loses_nothing(fleet: Fleet, tmp_path: Path) -> None:
    """The worker waits with the reason in /readyz, and goes on by itself once there is room; it can be stopped."""
    disk = tmp_path / "small"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("a small disk can be mounted by root only")
    try:
        worker = fleet.worker(rows=disk / "rows")
        worker.run = (sys.executable, "-m", "tests.kafka.cramped")
        worker.start()
        sender = Sender(worker)
        sender.start()
        filler = disk / "filler"
        for stops in (False, True) if CHAOS else (False,):
            with suppress(OSError), filler.open("wb", buffering=0) as file:
                while file.write(bytes(4_096)):
                    pass
            until(lambda: any("rows cannot be written" in reason for reason in reasons(worker)), 60)
            if stops:
                assert worker.stop() == 0
            filler.unlink()
            if stops:
                worker.start()
            worker.wait_ready(60)
        settled([worker], sender)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=False)
