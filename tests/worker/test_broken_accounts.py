"""An account of which the core can make no score, for a fault of ours, costs that score alone, and never a worker."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from rocksdict import Cache

from stream.agents.scores import FAULT_PAUSE
from stream.agents.shard import Shard
from stream.scoring.state import StateTooNew
from stream.transports.errors import LogClosed, LogError
from stream.transports.records import Append
from stream.transports.rocks import RocksRows
from stream.transports.rows import MemoryRows, RowsClosed, RowsDamaged

from .breaking import Unreadable, boom, breakable, damage, misdate
from .conftest import Install
from .desk import START, Desk, document
from .telling import append, event, facts, funding, latest, profile, send, until

DRIFTING = profile(funding="{linear: 4s}").replace("points: 40", "points: 20")
"""20 points that are gone after 4 s, all of it within the lowest tier."""
TOLD = "no score of broken.com can be published; it is tried again every minute"


def reading(id_: str, account: str) -> dict[str, Any]:
    """Four points, and no tier changes."""
    return event(id_, account, "content_consumption", {"topic": "crm"}, START)


def a_desk(text: str = "", **settings: Any) -> Desk:
    """Two accounts that are published, with nothing owed."""
    desk = Desk(document(text or profile()), **settings)
    desk.tell(funding("1", "broken.com", desk.now), funding("1", "whole.com", desk.now))
    desk.out.clear()
    return desk


def published(desk: Desk) -> list[str]:
    """The accounts of the scores that were published since this was last asked."""
    found = [one["subject"] for one in desk.documents("account-scores")]
    desk.out = [one for one in desk.out if one.topic != desk.settings.topic("account-scores")]
    return found


def points(desk: Desk, account: str) -> float:
    """The score that was last published of an account."""
    (*_, last) = [one for one in desk.documents("account-scores") if one["subject"] == account]
    score: float = last["data"]["profiles"]["quick"]["score"]
    return score


def test_its_signals_count_all_others_are_published_and_so_is_it_once_it_is_whole(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """With a batch: told of once by name, its changes are emitted; a minute later its score comes, with all of it."""
    desk = a_desk(scores_every="1s")
    misdate(desk.stored, "broken.com")
    desk.restart()
    desk.tell(reading("2", "broken.com"), reading("2", "whole.com"))
    assert published(desk) == ["whole.com"]
    assert caplog.text.count(TOLD) == 1
    assert "OverflowError" in caplog.text
    assert json.loads(desk.stored[b"broken.com"])["pending"], "it is still owed, whoever has it next"
    desk.now += 2_000
    desk.tell(reading("3", "broken.com"), facts("3", "whole.com", desk.now, employees=500))
    assert published(desk) == ["whole.com"]
    desk.now += 2_000
    desk.tell(facts("4", "broken.com", desk.now, employees=500))  # with that it is whole, and its minute is not over
    assert [one["subject"] for one in desk.documents("tier-changes")] == ["whole.com", "broken.com"]
    desk.now += FAULT_PAUSE - 4_001
    desk.beat()
    assert published(desk) == []
    desk.now += 1
    desk.beat()
    assert points(desk, "broken.com") == pytest.approx(40 + 4 + 4 + 20, abs=0.01)
    assert published(desk) == ["broken.com"]
    assert desk.documents("rejected") == []
    desk.now += 2_000
    desk.tell(reading("5", "broken.com"))
    assert published(desk) == ["broken.com"], "as any other from now on"
    desk.tell(reading("6", "broken.com"))
    assert published(desk) == []
    assert caplog.text.count("no score of") == 1


def test_a_change_in_one_profile_while_another_cannot_be_written_down(caplog: pytest.LogCaptureFixture) -> None:
    """What would have come at once waits a minute, however often the tier changes meanwhile; changes do not wait."""
    desk = a_desk()
    desk.activate(document(profile(name="other", big=30)))
    desk.beat()
    misdate(desk.stored, "broken.com", "other")
    desk.restart()
    desk.out.clear()
    for turn in range(4):
        size = facts(f"s{turn}", "broken.com", desk.now + turn, employees=500 * (turn % 2))
        desk.tell(size, reading(f"{turn}", "whole.com"))
    assert "broken.com" not in published(desk)
    assert len(desk.documents("tier-changes")) >= 3
    assert caplog.text.count("no score of") == 1


def test_a_drift_meanwhile_does_not_bring_it_sooner() -> None:
    """Whole again, and time alone moves it: its minute is waited for all the same."""
    desk = a_desk(profile(funding="{linear: 4m}"), scores_every="1s", scores_drift=1)
    misdate(desk.stored, "broken.com")
    desk.restart()
    desk.tell(reading("2", "broken.com"))
    desk.now += 1_000
    desk.tell(facts("3", "broken.com", desk.now, employees=500))
    told = []
    for _ in range(58):
        desk.now += 1_000
        desk.beat()
        told += published(desk)
    assert set(told) == {"whole.com"}
    desk.now += 1_000
    desk.beat()
    assert "broken.com" in published(desk)


def test_between_batches_the_others_are_published_and_it_is_tried_once_a_minute(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """What is owed of an account that cannot even be read: tried again a minute after, and again, until it can be."""
    desk = a_desk()
    whole = damage(desk.stored, "broken.com", pending=True)
    row = json.loads(desk.stored[b"whole.com"])
    desk.stored.write({b"whole.com": json.dumps(row | {"pending": True}).encode()}, None)
    desk.restart()
    desk.beat()
    assert published(desk) == ["whole.com"]
    for _ in range(2):
        for _ in range(20):
            desk.now += 100
            assert desk.beat() == []
        assert desk.shard.flush(desk.now + FAULT_PAUSE - 2_001) is None, "nothing is due before"
        desk.now += FAULT_PAUSE - 2_000
        desk.beat()
        assert published(desk) == []
    desk.stored.write({b"broken.com": whole}, None)
    desk.now += FAULT_PAUSE
    desk.beat()
    assert published(desk) == ["broken.com"]
    assert caplog.text.count(TOLD) == 1
    assert "KeyError" in caplog.text


@pytest.mark.parametrize("breaking", [damage, misdate])
def test_a_score_that_has_drifted(breaking: Any, caplog: pytest.LogCaptureFixture) -> None:
    """Time alone moved it, and no score can be made: no other is held up, and it comes with the next try."""
    desk = a_desk(DRIFTING)
    whole = breaking(desk.stored, "broken.com")
    desk.restart()
    desk.now += 1_200
    desk.beat()
    assert published(desk) == ["whole.com"]
    for _ in range(10):
        desk.now += 1_000
        desk.beat()
    assert set(published(desk)) == {"whole.com"}
    assert caplog.text.count(TOLD) == 1
    desk.stored.write({b"broken.com": whole}, None)
    desk.now += FAULT_PAUSE - 10_000
    if breaking is misdate:
        desk.restart()  # it is at hand, as it was read
    while desk.beat():
        pass
    assert points(desk, "broken.com") == 0, "as of now"


def test_a_batch_that_is_worked_through_again_does_not_try_it_again() -> None:
    """A record is parked, so the stored state is taken up anew: the minute goes on, of what is owed or has drifted."""
    for text in (profile(), DRIFTING):
        desk = Desk(breakable(document(text)))
        desk.tell(funding("1", "broken.com", desk.now))
        published(desk)
        whole = damage(desk.stored, "broken.com", pending=text != DRIFTING)
        desk.restart()
        desk.now += 1_200
        desk.beat()
        desk.stored.write({b"broken.com": whole if text == DRIFTING else _owed(whole)}, None)
        for turn in range(3):
            desk.now += 10_000
            desk.tell(boom(f"b{turn}", "new.com", desk.now), reading(f"{turn}", "broken.com"))
            assert published(desk) == []
        assert len(desk.documents("rejected")) == 3
        desk.now += FAULT_PAUSE - 30_000
        desk.beat()
        assert published(desk) == ["broken.com"]


def _owed(row: bytes) -> bytes:
    return json.dumps(json.loads(row) | {"pending": True}).encode()


@pytest.mark.parametrize("breaking", [damage, misdate])
def test_a_stop_ends_and_publishes_the_others(breaking: Any) -> None:
    """What is owed of all others is told before the worker stops; the broken one is left owed, tried once at most."""
    desk = a_desk(DRIFTING)
    names = [f"company-{number}.com" for number in range(20)]
    desk.tell(*(reading(name, name) for name in [*names, "broken.com"]), waiting=5_000)
    published(desk)
    breaking(desk.stored, "broken.com")
    desk.restart()
    desk.now += 1_200
    turns = 0
    while (work := desk.shard.flush(desk.now, leaving=True)) is not None:
        desk.done(work)
        turns += 1
        assert turns < 5
    assert sorted(published(desk)) == sorted([*names, "whole.com"])
    desk.tell(facts("late", "broken.com", desk.now, name="Late"))  # a batch that was under way
    assert desk.shard.flush(desk.now, leaving=True) is None
    assert json.loads(desk.stored[b"broken.com"])["pending"]


def test_a_newer_state_still_stops_the_worker() -> None:
    """A state of a newer release is no broken account: nothing is left out for it, with a batch or between batches."""
    desk = a_desk()
    row = json.loads(desk.stored[b"broken.com"])
    desk.stored.write({b"broken.com": json.dumps(row | {"pending": True}).encode()}, None)
    desk.restart()
    desk.stored.write({b"broken.com": json.dumps(row | {"v": 99}).encode()}, None)
    with pytest.raises(StateTooNew):
        desk.shard.flush(desk.now)
    desk.stored.write({b"broken.com": json.dumps(row | {"pending": True}).encode()}, None)
    desk.restart()
    desk.stored.write({b"broken.com": json.dumps(row | {"v": 99}).encode()}, None)
    with pytest.raises(StateTooNew):
        desk.tell(reading("2", "whole.com"))


def test_rows_that_were_closed_are_no_fault_of_an_account(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The partition moved away meanwhile: whoever asked hears so, and no account is told of as broken."""
    desk = a_desk()
    rows = RocksRows(tmp_path / "0", Cache(1 << 20), "a")
    rows.write({key: _owed(row) if b"." in key else row for key, row in desk.stored.items()}, 1)
    shard = Shard(0, rows, desk.settings, desk.metrics)
    rows.close()
    with pytest.raises(RowsClosed):
        shard.flush(desk.now)
    assert "no score of" not in caplog.text


@pytest.mark.parametrize("error", [RowsDamaged("x"), LogError("x"), LogClosed("x"), KeyboardInterrupt(), SystemExit(1)])
def test_what_is_no_fault_of_one_account_is_passed_on(error: BaseException) -> None:
    """Errors of the rows or the log as a whole, and an end that is asked for, reach whoever asked as they are."""
    desk = a_desk()
    rows = Unreadable()
    rows.write({key: _owed(row) if b"." in key else row for key, row in desk.stored.items()}, None)
    shard = Shard(0, rows, desk.settings, desk.metrics)
    rows.error = error
    with pytest.raises(type(error)) as raised:
        shard.flush(desk.now)
    assert raised.value is error


def test_a_worker_runs_and_stops_with_a_broken_account(install: Install) -> None:
    """Started over a damaged state it scores and publishes the others, and ends by itself when it is stopped."""
    installation = install(profile(), partitions=1, scores_every="200ms")
    installation.start()
    send(installation, funding("1", "broken.com"), funding("1", "whole.com"))
    until(lambda: len(latest(installation)) == 2)
    assert installation.stop() == 0
    topic = installation.settings.topic("account-state")
    rows = MemoryRows()
    with installation.log() as log:
        rows.write({r.key: r.value for r in log.scan_latest(topic) if r.key is not None}, None)
    misdate(rows, "broken.com")
    append(installation, Append(topic, 0, b"broken.com", rows[b"broken.com"]))
    installation.start()
    send(installation, event("2", "broken.com", "content_consumption", {"topic": "crm"}))
    send(installation, event("2", "whole.com", "content_consumption", {"topic": "crm"}))
    until(lambda: latest(installation)["whole.com"]["profiles"]["quick"]["score"] > 43)
    time.sleep(0.5)  # some beats
    assert latest(installation)["broken.com"]["profiles"]["quick"]["score"] == 40
    assert installation.stop() == 0
    assert installation.output.read_text().count(TOLD) == 1
    assert installation.documents("rejected") == []
