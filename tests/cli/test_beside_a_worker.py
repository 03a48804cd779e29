"""The commands beside a worker that runs: what is sent is scored, what is rejected is mended and counts."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stream.settings import Settings
from stream.topology import open_log
from stream.transports.records import Append
from tests.cli.both import both_logs
from tests.cli.filling import DAY, NOW, event, facts, write_profile
from tests.cli.running import Ran, lines, start, tierline


@contextmanager
def worker(*args: object) -> Iterator[None]:
    """`tierline run`, until the end of the block; its output where it fails."""
    with Path("worker.log").open("wb") as output, start("run", *args, stdout=output, stderr=output) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            print(Path("worker.log").read_text())
    assert process.returncode == 0


def until(ask: Callable[[], Ran], says: str, seconds: float = 40) -> Ran:
    """Ask again until the answer has the words."""
    deadline = time.monotonic() + seconds
    while says not in (ran := ask()).out:
        assert time.monotonic() < deadline, f"waited in vain for {says!r}:\n{ran.out}\n{ran.err}"
        time.sleep(0.2)
    return ran


@pytest.mark.slow
@both_logs
def test_from_a_signal_to_its_explanation(home: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sent, scored, listed, explained; a bad record mended and sent again counts; doctor finds nothing to mend."""
    write_profile(home / "profiles")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        monkeypatch.setenv("TIERLINE_WEB_PORT", str(free.getsockname()[1]))
    history = [
        facts(1, "old-acme.com", 80, name="Acme", employees=500, technologies=["salesforce"]),
        event(2, "old-acme.com", "executive_hire", 10, {"title": "CRO", "person": "Dana Roe"}),
    ]
    with worker():
        until(lambda: tierline("doctor"), "answers, ready")
        assert tierline("send", "--import", "-", stdin=lines(*history)).code == 0
        until(lambda: tierline("accounts"), "old-acme.com")
        explained = until(lambda: tierline("explain", "www.old-acme.com"), "new_cro")
        assert "hot with " in explained.out
        assert "Hired Dana Roe as CRO" in explained.out
        profile = tierline("explain", "old-acme.com", "--json").json["profiles"]["crm"]
        assert profile["curve"][-1]["score"] == pytest.approx(profile["score"], abs=settings.scores_drift)
        assert profile["changes"][0]["import"] is True

        bad = event(3, "old-acme.com", "funding_round", 1, {"series": "zz"})
        with open_log(settings) as log:
            log.append([Append(settings.topic("signals.funding"), 0, None, json.dumps(bad).encode())])
        until(lambda: tierline("rejected", "list"), "bad_member")
        (rejected,) = tierline("rejected", "list", "--json").lines
        (home / "mend.jsonl").write_text(json.dumps({**bad, "data": {"series": "b"}}))
        assert tierline("rejected", "resend", rejected["id"], "--file", "mend.jsonl").code == 0
        until(lambda: tierline("explain", "old-acme.com"), "money")
        doctor = until(lambda: tierline("doctor"), "everything in the log has been read")
        assert doctor.code == 0, doctor.out
        assert f"process {os.getpid()}" not in doctor.out
    assert tierline("accounts", "--tier", "hot", "--json").lines[0]["account"] == "old-acme.com"
    assert NOW > DAY
