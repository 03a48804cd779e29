"""`tierline backup` and `tierline restore`: a copy of the log while a worker writes, and a worker that goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from stream.settings import Settings
from stream.topology import open_log
from stream.transports.lock import WorkerLock
from stream.transports.log import EmbeddedLog
from stream.transports.records import Append
from tests.cli.running import tierline
from tests.worker.load import PROFILE, Sender, counted_once, decayed, history
from tests.worker.processes import Installation


def held(settings: Settings) -> dict[tuple[str, int], int]:
    """Up to where each partition goes."""
    with open_log(settings) as log:
        return log.ends()


def test_a_backup_is_the_log_again(filled: Settings, home: Path) -> None:
    """Restored into an empty place, every partition is as long as it was, and the accounts are the same."""
    before = held(filled)
    told = tierline("backup", "copy.db", "--json")
    assert told.code == 0, told.err
    assert told.json["bytes"] == (home / "copy.db").stat().st_size
    accounts = tierline("accounts", "--json").out
    for path in home.glob("log.db*"):
        path.unlink()
    assert tierline("restore", "copy.db").code == 0
    assert held(filled) == before
    assert tierline("accounts", "--json").out == accounts
    assert sorted(path.name for path in home.glob("copy.db*")) == ["copy.db"]


def test_nothing_is_overwritten_unasked(filled: Settings, home: Path) -> None:
    """A file in the place of the backup, a log in the place of the restored one: refused, both as they were."""
    del filled
    (home / "copy.db").write_text("somebody's")
    refused = tierline("backup", "copy.db")
    assert refused.code == 1
    assert "--force" in refused.err
    assert (home / "copy.db").read_text() == "somebody's"
    assert tierline("backup", "copy.db", "--force").code == 0
    refused = tierline("restore", "copy.db")
    assert refused.code == 1
    assert "--force" in refused.err
    assert tierline("restore", "copy.db", "--force").code == 0
    assert tierline("backup", "log.db", "--force").code == 1, "the log is no place for its own backup"
    assert tierline("restore", "log.db", "--force").code == 1
    assert not list(home.glob("*.part-*"))


def test_what_came_after_the_backup_is_gone(filled: Settings) -> None:
    """With --force the log is what it was, whatever was beside it: nothing of the replaced one is mixed in."""
    before = held(filled)
    assert tierline("backup", "copy.db").code == 0
    with open_log(filled) as log:
        log.append([Append("signals", 0, b"k", b"later")] * 500)
    assert tierline("restore", "copy.db", "--force").code == 0
    assert held(filled) == before


def test_a_worker_keeps_its_log(filled: Settings, home: Path) -> None:
    """While a worker runs, or another process has the log open, nothing is restored, --force or not."""
    assert tierline("backup", "copy.db").code == 0
    with WorkerLock(filled.path):
        refused = tierline("restore", "copy.db", "--force")
    assert refused.code == 1
    assert "another worker runs" in refused.err
    with EmbeddedLog(filled.path) as log:
        log.topics()
        refused = tierline("restore", "copy.db", "--force")
    assert refused.code == 1
    assert "open" in refused.err
    assert not list(home.glob("*.part-*"))


def test_what_is_no_backup_is_not_restored(filled: Settings, home: Path) -> None:
    """A missing file, text, another program's database, a damaged copy, one of a newer release: each said as such."""
    assert tierline("backup", "copy.db").code == 0
    before = held(filled)
    (home / "text").write_text("no database at all, but long enough to have a header of its own" * 50)
    with sqlite3.connect(home / "other.db") as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    whole = bytearray((home / "copy.db").read_bytes())
    (home / "half.db").write_bytes(whole[: len(whole) // 2])
    whole[8_192 : 8_192 + 2_000] = os.urandom(2_000)
    (home / "damaged.db").write_bytes(whole)
    shutil.copy(home / "copy.db", home / "newer.db")
    with sqlite3.connect(home / "newer.db") as newer:
        newer.execute("PRAGMA user_version = 99")
    newer.close()
    (home / "empty.db").touch()
    said = {"nowhere": "no such file", "text": "not a", "other.db": "not a Tierline log", "half.db": "damaged",
            "damaged.db": "damaged", "newer.db": "newer release", "empty.db": "empty"}  # fmt: skip
    for name, words in said.items():
        refused = tierline("restore", name, "--force")
        assert refused.code == 1, name
        assert words in refused.err, (name, refused.err)
    assert held(filled) == before


def test_no_log_no_backup(home: Path) -> None:
    """Where there is no log, or the place for the copy is none, nothing is made."""
    refused = tierline("backup", "copy.db")
    assert refused.code == 1
    assert "no such log" in refused.err
    assert not list(home.iterdir())


def test_kafka_is_no_file(home: Path) -> None:
    """On Kafka both say what to do instead."""
    del home
    for words in (("backup", "x.db"), ("restore", "x.db")):
        refused = tierline(*words, "--broker", "kafka://localhost:9092")
        assert refused.code == 1
        assert "migrate --to sqlite:///" in refused.err


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_backup_under_load_runs_on_elsewhere(tmp_path: Path) -> None:
    """A worker on the copy goes on from that moment: changes and sequences are the reference's of what the copy holds.

    The worker that was backed up does not notice: its own end is the reference's, too.
    """
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.yaml").write_text(PROFILE)
    places = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        places.append(Installation(tmp_path / name, tmp_path / "profiles", partitions=3, scores_every="1s"))
    first, second = places
    try:
        first.start()
        sender = Sender(first)
        sender.start()
        for number in range(4):  # under load, at four moments
            time.sleep(1.5)
            done = first.command("backup", str(tmp_path / f"{number}.db"))
            assert done.returncode == 0, done.stderr
        told_by_then = held(first.settings)
        time.sleep(1)
        sender.enough.set()
        sender.join(30)
        assert sender.error is None
        assert second.command("restore", str(tmp_path / "3.db")).returncode == 0
        assert sum(held(second.settings).values()) <= sum(told_by_then.values())
        second.start()
        more = Sender(second, first=1_000_000)
        more.told = in_it(second, sender.told)
        assert more.told
        more.start()
        time.sleep(3)
        more.enough.set()
        more.join(30)
        for place in places:
            decayed(place)
            assert place.stop() == 0
        changes = counted_once(first, sender.told), counted_once(second, more.told)
        print(f"\n{changes[0]} changes where it was, {changes[1]} on its copy")
    finally:
        for place in places:
            place.close()


def in_it(place: Installation, told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of what was told, what a copy has: on `signals` by now, or still on its way there."""
    there = {(item.signal.source, item.signal.id) for item in history(place) if item.signal is not None}
    for name in ("signals", "signals.company"):
        there |= {(one["source"], one["id"]) for one in place.documents(name) if "subject" in one}
    return [one for one in told if (one["source"], one["id"]) in there]
