"""`tierline doctor`: each thing that can be wrong is found, with the mend."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from kafka.structs import OffsetAndMetadata, TopicPartition

from stream.settings import Settings
from stream.topology import connect_kafka, group_of, open_log
from stream.transports.lock import WorkerLock
from stream.transports.records import Append
from tests.cli.both import both_logs
from tests.cli.filling import PROFILE, fill, write_profile
from tests.cli.running import Ran, signal_line, tierline


def finding(ran: Ran, name: str) -> dict[str, Any]:
    return next(one for one in ran.json["checks"] if one["name"] == name)


@both_logs
def test_all_is_well(home: Path) -> None:
    """A filled log and a directory that says the same as what is in force: nothing is broken, exit 0."""
    fill()
    write_profile(home / "profiles")
    ran = tierline("doctor")
    assert ran.code == 0
    assert ", 0 broken." in ran.out
    assert "fail" not in ran.out
    assert max(map(len, tierline("doctor", columns=60).out.splitlines())) <= 60


def test_settings_say_where_they_come_from(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each setting with its value and source; a misspelt variable is noticed; a bad value is broken."""
    del home
    monkeypatch.setenv("TIERLINE_PARTITONS", "8")
    ran = tierline("doctor", "--json")
    assert "(TIERLINE_BROKER)" in finding(ran, "broker")["message"]
    assert "(default)" in finding(ran, "horizon")["message"]
    assert finding(ran, "TIERLINE_PARTITONS")["mend"] == "did you mean TIERLINE_PARTITIONS?"
    monkeypatch.setenv("TIERLINE_HORIZON", "soon")
    bad = tierline("doctor", "--json")
    assert bad.code == 1
    assert finding(bad, "TIERLINE_HORIZON")["status"] == "fail"


def test_a_log_that_is_not_there_yet(home: Path) -> None:
    """No log is a warning; no folder for it is broken; neither is created by looking."""
    ran = tierline("doctor", "--json")
    assert (ran.code, finding(ran, "file")["status"]) == (0, "warn")
    nowhere = tierline("doctor", "--json", "--broker", f"sqlite:///{home}/none/x.db")
    assert (nowhere.code, finding(nowhere, "file")["status"]) == (1, "fail")
    assert list(home.iterdir()) == []


def test_a_damaged_log(filled: Settings) -> None:
    """Overwritten pages are found, and it is said what to do first."""
    with filled.path.open("r+b") as file:
        file.seek(4096 * 3)
        file.write(b"\xde\xad" * 4096)
    ran = tierline("doctor", "--json")
    assert ran.code == 1
    assert finding(ran, "file")["status"] == "fail"
    assert "copy" in finding(ran, "file")["mend"]


def test_a_file_that_is_no_log(home: Path) -> None:
    """Text, or some other file, in place of the log is broken, and not touched."""
    (home / "log.db").write_text("hello " * 1000)
    ran = tierline("doctor", "--json")
    assert ran.code == 1
    assert "not a Tierline log" in finding(ran, "file")["message"]


def test_partitions_that_differ(filled: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another partition count than the log's is broken, with the number to set."""
    del filled
    monkeypatch.setenv("TIERLINE_PARTITIONS", "9")
    ran = tierline("doctor", "--json")
    assert ran.code == 1
    mends = [one["mend"] for one in ran.json["checks"] if one["status"] == "fail"]
    assert mends == ["set TIERLINE_PARTITIONS=4; the number is fixed once the log exists"]


def test_what_waits_and_who_runs(settings: Settings) -> None:
    """Records nobody has read are told of, and a worker that holds the log is named."""
    tierline("send", "-", stdin=signal_line(1))
    ran = tierline("doctor", "--json")
    assert finding(ran, "lag")["message"] == "records not read yet: 1 on signals"
    assert finding(ran, "running")["status"] == "warn"
    with WorkerLock(settings.path):
        held = tierline("doctor", "--json")
    assert finding(held, "running")["message"].startswith("process ")
    assert "nothing answers" in finding(held, "pages")["message"]


def test_profiles_that_are_broken_or_differ(home: Path) -> None:
    """A bad file, other content under the version in force, a version not yet in force, one no longer there."""
    fill()
    folder = home / "profiles"
    path = write_profile(folder, {**PROFILE, "name": "Other words"})
    same = tierline("doctor", "--json")
    assert same.code == 1
    assert any("in force with other content" in one["message"] for one in same.json["checks"])
    write_profile(folder, {**PROFILE, "version": 3})
    assert finding(tierline("doctor", "--json"), "crm")["message"] == "version 3 is not in force"
    write_profile(folder, {**PROFILE, "profile": "other"})
    assert finding(tierline("doctor", "--json"), "crm")["message"] == "is in force, but not in the directory"
    path.write_text("{")
    broken = tierline("doctor", "--json")
    assert broken.code == 1
    assert any(one["area"] == "profiles" and one["status"] == "fail" for one in broken.json["checks"])


def test_a_clock_that_went_back(filled: Settings) -> None:
    """Records later than this machine's clock: a warning, and broken where signals would be refused for it."""
    now = time.time_ns() // 1_000_000
    with open_log(filled) as log:
        log.append([Append("alerts", 0, b"k", b"{}", (), now + 60_000)])
    assert finding(tierline("doctor", "--json"), "time")["status"] == "warn"
    with open_log(filled) as log:
        log.append([Append("alerts", 1, b"k", b"{}", (), now + 7_200_000)])
    ran = tierline("doctor", "--json")
    assert (ran.code, finding(ran, "time")["status"]) == (1, "fail")
    assert "NTP" in finding(ran, "time")["mend"]


@pytest.mark.parametrize("log_kind", ["kafka"], indirect=True)
def test_what_waits_on_kafka(settings: Settings) -> None:
    """Records are counted, the marks of transactions are not: once a group has read all of them, nothing waits."""
    tierline("send", "-", stdin=signal_line(1))
    assert tierline("send", "--import", "-", stdin=signal_line(2) + signal_line(3)).code == 0
    topic = settings.topic("signals")
    marks = 2 * settings.partitions
    doctor = tierline("doctor", "--json")
    assert finding(doctor, "lag")["message"] == f"records not read yet: {3 + marks:,} on {topic}"
    assert finding(doctor, "running")["mend"] == "start one: tierline run"
    assert finding(doctor, "imports")["message"] == "none is open"
    with connect_kafka(settings) as log:
        read = {}
        for partition in range(settings.partitions):
            last = log.last(topic, partition)
            assert last is not None
            assert last + 1 < log.end(topic, partition)
            read[TopicPartition(topic, partition)] = OffsetAndMetadata(last + 1, "", -1)
        log.clients.admin().alter_group_offsets(group_of(settings), read)
    assert finding(tierline("doctor", "--json"), "lag")["status"] == "ok"


def test_a_cluster_that_is_not_there(home: Path) -> None:
    """No broker at the address is broken, and said once; profiles are looked at all the same."""
    write_profile(home / "profiles")
    ran = tierline("doctor", "--json", "--broker", "kafka://127.0.0.1:1")
    assert ran.code == 1
    assert [one["name"] for one in ran.json["checks"] if one["status"] == "fail"] == ["connection"]
    assert "no broker answers" in finding(ran, "connection")["message"]
    assert finding(ran, "crm.json")["status"] == "warn"
