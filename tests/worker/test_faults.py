"""Full disk, second worker, read-only folder, damaged file, busy port, newer state: told, and nothing is lost."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from stream.agents.loops import REST
from stream.agents.memory import read_shard
from stream.app import create_app
from stream.scoring.state import StateTooNew
from stream.settings import load_settings
from stream.transports.records import Append
from stream.transports.rows import RowsDamaged

from .breaking import Unreadable, damage
from .conftest import Install
from .desk import Desk, document
from .processes import Installation
from .pure import by_id, pure_changes
from .telling import append, changes, facts, funding, keyed, now, profile, send, until

LOAD = profile(funding="{half_life: 3s}")


def _refused(installation: Installation, *words: str, **options: Any) -> None:
    """``tierline run`` ends with exit code 1 and one line that says these words."""
    ended = installation.command("run", **options)
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr, ended.stderr
    told = ended.stderr.strip().splitlines()[-1]
    assert told.startswith("tierline: ")
    for word in words:
        assert word in told


def test_a_full_disk_is_waited_for_and_nothing_is_lost(install: Install) -> None:
    """Not ready with the reason while nothing can be written, ready by itself after; a stop meanwhile loses nothing."""
    installation = install(LOAD, partitions=2, scores_every="300ms")
    installation.start()
    send(installation, funding("first", "first.com"))
    until(lambda: changes(installation), 10)

    _fill(installation)
    send(installation, *(funding(f"full-{number}", f"full-{number}.com") for number in range(50)))
    until(lambda: installation.page("/readyz")[0] == 503, 5)
    (reason,) = json.loads(installation.page("/readyz")[1])["reasons"]
    assert reason.startswith(f"the log cannot be written: {installation.settings.path}")
    assert "Look for a full disk" in reason
    assert installation.page("/healthz")[0] == 200
    until(lambda: _metric(installation, "tierline_commit_retries_total") >= 2, 5)
    until(lambda: _lag(installation) == 50, 3)
    assert len({one["account"] for one in changes(installation)}) == 1

    _free(installation)
    until(lambda: len({one["account"] for one in changes(installation)}) == 51, 5)
    assert installation.page("/readyz")[0] == 200
    until(lambda: _lag(installation) == 0, 3)

    _fill(installation)
    send(installation, *(facts(f"more-{number}", f"full-{number}.com", employees=500) for number in range(50)))
    until(lambda: installation.page("/readyz")[0] == 503, 5)
    begun = time.monotonic()
    assert installation.stop() == 0
    assert time.monotonic() - begun < 10
    installation.start()
    installation.drain()
    time.sleep(0.3)
    ended = now()
    assert installation.stop() == 0
    found = by_id(one for one in installation.documents("tier-changes") if _effective(one) <= ended - 1_000)
    wanted = {id_: one for id_, one in pure_changes(installation, ended).items() if _effective(one) <= ended - 1_000}
    assert found == wanted


def _effective(one: dict[str, Any]) -> int:
    from schemas.times import parse_time

    return parse_time(one["time"])


def _fill(installation: Installation) -> None:
    """From now on the worker cannot write behind the first 64 KiB of a file."""
    assert installation.process is not None
    resource.prlimit(installation.process.pid, resource.RLIMIT_FSIZE, (65_536, resource.RLIM_INFINITY))


def _free(installation: Installation) -> None:
    assert installation.process is not None
    resource.prlimit(installation.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def _metric(installation: Installation, name: str) -> float:
    lines = installation.page("/metrics")[1].splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((name + " ", name + "{")))


def _lag(installation: Installation) -> float:
    return _metric(installation, "tierline_lag_records")


def test_a_stop_under_load_is_clean_and_loses_nothing(install: Install) -> None:
    """SIGTERM while signals pour in: exit code 0 within ten seconds, and after a restart each change is there, once."""
    installation = install(LOAD, partitions=2, batch=500)
    installation.start()
    enough, sent = threading.Event(), [0]

    def pour() -> None:
        with installation.log() as log:
            while not enough.is_set():
                numbers = range(sent[0], sent[0] + 200)
                log.append([keyed(installation, funding(f"p{at}", f"p{at % 300}.com")) for at in numbers])
                sent[0] += 200
                enough.wait(0.03)

    pouring = threading.Thread(target=pour)
    pouring.start()
    until(lambda: sent[0] > 1_500, 10)
    begun = time.monotonic()
    assert installation.stop() == 0
    stopped = time.monotonic() - begun
    assert stopped < 10
    enough.set()
    pouring.join()
    begun = time.monotonic()
    installation.start()
    print(f"\nstopped in {stopped:.2f} s, ready again in {time.monotonic() - begun:.2f} s, {sent[0]:,} signals")
    installation.drain()
    time.sleep(0.5)
    ended = now() - 1_000
    found = by_id(one for one in installation.documents("tier-changes") if _effective(one) <= ended)
    assert found == {id_: one for id_, one in pure_changes(installation, ended).items() if _effective(one) <= ended}
    assert len(found) >= 300
    assert "Traceback" not in installation.output.read_text()


def test_a_second_worker_and_a_busy_port_are_told_and_change_nothing(install: Install) -> None:
    """A second worker is told who runs already; a port that is taken is named; neither appends anything."""
    installation = install(profile(), partitions=1)
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", installation.settings.web_port))
        taken.listen()
        port = installation.settings.web_port
        _refused(installation, f"127.0.0.1:{port}", "in use", "Set TIERLINE_WEB_PORT to a free port")
    assert installation.documents("signals") == [], "no profile was activated"
    installation.start()
    assert installation.process is not None
    (installation.settings.profiles / "p0.yaml").write_text(profile(2))
    before = installation.documents("signals")
    _refused(installation, "another worker runs on this log", f"process {installation.process.pid} on", "stop that one")
    assert installation.documents("signals") == before
    send(installation, funding("a", "a.com"))
    assert until(lambda: changes(installation), 10)[0]["profile_version"] == 1
    assert installation.stop() == 0


def _as_mortal() -> None:
    """Before exec: give up root's right to pass over permissions, so that the test means something for root, too."""
    ctypes.CDLL(None).prctl(24, 1, 0, 0, 0)  # PR_CAPBSET_DROP, CAP_DAC_OVERRIDE


def test_a_folder_or_file_that_cannot_be_used_is_told(install: Install) -> None:
    """A read-only folder, a damaged or foreign file: one line says which, and what to do; it is left as it was."""
    installation = install(profile(), partitions=1)
    send(installation, *(funding(f"d{number}", f"d{number}.com") for number in range(400)))
    path = installation.settings.path
    installation.folder.chmod(0o500)
    try:
        _refused(installation, "cannot be written", "Give this user write access", preexec_fn=_as_mortal)
    finally:
        installation.folder.chmod(0o700)
    whole = path.read_bytes()
    damaged = bytearray(whole)
    for at in range(8_192, len(damaged), 4_096):
        damaged[at : at + 200] = os.urandom(200)
    path.write_bytes(damaged)
    _refused(installation, str(path), "the file is damaged", "Keep a copy of it", "restore a")
    assert path.read_bytes() == damaged
    path.write_text("hello, I am the notes of somebody\n" * 400)
    _refused(installation, "not a Tierline log", "move this one away")
    path.write_bytes(whole)
    installation.start()
    until(lambda: len(changes(installation)) == 400, 10)
    assert installation.stop() == 0


def test_a_state_of_a_newer_release_stops_the_worker(install: Install) -> None:
    """A newer state is refused as a whole, with what to do; no record is parked and no position moves."""
    installation = install(profile(), partitions=1)
    installation.start()
    send(installation, funding("a", "acme.com"))
    until(lambda: changes(installation), 10)
    assert installation.stop() == 0
    topic = installation.settings.topic("account-state")
    send(installation, funding("b", "acme.com"), funding("c", "b.com"))
    for key in (b"acme.com", b"\x00clock\x000"):
        with installation.log() as log:
            (row,) = [json.loads(r.value or b"") for r in log.scan_latest(topic) if r.key == key]
        append(installation, Append(topic, 0, key, json.dumps(row | {"v": 99}).encode()))
        signals = len(installation.documents("signals"))
        ended = installation.command("run")
        assert ended.returncode == 1
        assert ended.stderr.splitlines()[-1] == (
            f"tierline: {installation.settings.path}: the stored state of the accounts has format 99, this release "
            "reads up to 2. Run the newer release again; nothing was changed."
        )
        assert installation.documents("rejected") == []
        assert len(changes(installation)) == 1
        assert len(installation.documents("signals")) == signals, "no profile was activated"
        (installation.settings.profiles / "p0.yaml").write_text(profile(2))
        append(installation, Append(topic, 0, key, json.dumps(row).encode()))
    installation.start()
    until(lambda: len(changes(installation)) == 2, 10)
    assert installation.documents("rejected") == []
    assert installation.stop() == 0


def test_a_newer_state_is_never_parked_as_a_bad_record() -> None:
    """A newer state met in the midst of a batch stops the worker, too: the batch is not done, nothing is rejected."""
    desk = Desk(document(profile()))
    desk.tell(funding("a", "acme.com", desk.now))
    desk.restart()
    row = json.loads(desk.stored[b"acme.com"])
    desk.stored.write({b"acme.com": json.dumps(row | {"v": 99}).encode()}, None)
    with pytest.raises(StateTooNew):
        desk.tell(funding("b", "acme.com", desk.now))
    with pytest.raises(StateTooNew, match="Run the newer release again"):
        read_shard(desk.stored, 0)
    assert desk.documents("rejected") == []


def test_a_stop_while_it_starts_is_clean(install: Install) -> None:
    """SIGTERM at any moment of the start ends the worker within ten seconds, without a traceback."""
    installation = install(profile(), partitions=1)
    for pause in (0.6, 1.0):  # the second is the start after a stopped one, too
        installation.start(wait=False)
        time.sleep(pause)
        begun = time.monotonic()
        assert installation.stop() in (0, -signal.SIGTERM)
        assert time.monotonic() - begun < 10
    assert "Traceback" not in installation.output.read_text()


async def test_a_beat_that_fails_rests_and_intake_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault of ours between batches neither ends the worker nor is tried ten times a second."""
    desk = Desk(document(profile()))
    desk.tell(funding("a", "broken.com", desk.now))
    damage(desk.stored, "broken.com", epoch=0)  # it waits to be rescored
    app = create_app(load_settings({}, broker=f"sqlite:///{tmp_path / 'x.db'}", partitions=1), [])
    app.worker.owned = {0}
    rows = Unreadable()
    rows.write(dict(desk.stored.items()), None)
    rows.error = RowsDamaged("the disk")
    monkeypatch.setattr(app.worker.store, "rows", lambda _: rows)
    first = app.worker._take_up(0)
    for _ in range(5):
        await app.worker._beat(0)
    assert caplog.text.count("partition 0: rescoring or publishing failed; tried again in a minute") == 1
    assert "the disk" in caplog.text
    assert app.worker._take_up(0) is not first, "taken up anew from what is stored"
    app.worker._resting[0] -= REST
    await app.worker._beat(0)
    assert caplog.text.count("tried again in a minute") == 2
