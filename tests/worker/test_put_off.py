"""An account that cannot be taken through what time or a profile does to it is put off, and the others are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from stream.agents.shard import Shard
from stream.scoring.partition import PUT_OFF
from stream.scoring.state import StateTooNew
from stream.transports.errors import LogError
from stream.transports.records import Record
from stream.transports.rows import MemoryRows, Rows, RowsClosed, RowsDamaged
from stream.wire import MarkKind, encode_mark

from .breaking import Unreadable, boom, breakable, damage, smear, unborn
from .desk import START, Desk, document
from .telling import facts, funding, profile

FADING = profile(funding="{linear: 4s}")
"""40 points that are gone after 4 s: warm, then cold."""


def version(number: int, warm: int) -> str:
    """40 points are warm, or not."""
    return profile(number).replace("enter: 25", f"enter: {warm}")


TOLD = "broken.com cannot be taken through what time and new profiles do to it"


def a_desk(text: str = FADING, breaking: Callable[[Rows, str], bytes] = damage) -> tuple[Desk, bytes]:
    """Three warm accounts of which one is broken, by default so that it cannot be read; its row as it was."""
    desk = Desk(document(text))
    desk.tell(*(funding("1", name, desk.now) for name in ("broken.com", "a.com", "z.com")))
    whole = breaking(desk.stored, "broken.com")
    desk.restart()
    desk.out.clear()
    return desk, whole


def cooled(desk: Desk) -> list[str]:
    """Accounts of the tier changes since this was last asked."""
    found = [one["subject"] for one in desk.documents("tier-changes")]
    desk.out = [one for one in desk.out if one.topic != desk.settings.topic("tier-changes")]
    return found


def on_for(desk: Desk, milliseconds: int) -> list[str]:
    """Who changed its tier while time passed, beat by beat."""
    for _ in range(milliseconds // 500):
        desk.now += 500
        desk.beat()
    return cooled(desk)


def test_the_others_cool_in_time_and_it_is_tried_every_minute(caplog: pytest.LogCaptureFixture) -> None:
    """No tick is parked for it. Once it can be read again it cools as of when it would have."""
    desk, whole = a_desk()
    assert on_for(desk, 5_000) == ["a.com", "z.com"]
    assert desk.shard.partition.put_off == 1
    desk.tell(funding("2", "late.com", desk.now))
    assert cooled(desk) == ["late.com"]
    assert on_for(desk, 5_000) == ["late.com"], "who comes due later does not wait either"
    assert on_for(desk, 2 * PUT_OFF) == []
    desk.stored.write({b"broken.com": whole}, None)
    desk.now += PUT_OFF
    desk.beat()
    (change,) = desk.documents("tier-changes")
    assert (change["subject"], change["time"][:19]) == ("broken.com", "2026-09-21T14:13:21")
    assert desk.shard.partition.put_off == 0
    assert desk.documents("rejected") == []
    assert caplog.text.count(TOLD) == 1
    assert "KeyError" in caplog.text


def test_a_signal_of_it_catches_it_up_as_soon_as_it_can_be_read() -> None:
    """Its minute does not hold up what comes in: its next signal tells what time did to it, and then counts."""
    desk, whole = a_desk()
    on_for(desk, 5_000)
    desk.stored.write({b"broken.com": whole}, None)
    desk.tell(facts("f", "broken.com", desk.now, name="Broken"))
    assert cooled(desk) == ["broken.com"]
    assert desk.shard.partition.put_off == 0
    assert on_for(desk, PUT_OFF) == []


def test_healed_by_a_signal_it_cools_in_time_and_no_version_is_kept_for_it() -> None:
    """The moment of its next try is not taken for the one at which it is due."""
    desk, whole = a_desk()
    desk.activate(document(FADING.replace("version: 1", "version: 2")))
    desk.beat()
    desk.stored.write({b"broken.com": whole}, None)
    desk.tell(facts("f", "broken.com", desk.now, name="Broken"))
    assert not desk.shard.partition.timeline.activations, "nobody needs them any more"
    assert on_for(desk, 5_000) == ["a.com", "broken.com", "z.com"]


def test_after_a_new_version_the_others_are_rescored_and_the_version_before_is_kept_for_it() -> None:
    """It goes through all that it has missed when it can, another version that came meanwhile included."""
    desk, whole = a_desk(version(1, 40))
    desk.activate(document(version(2, 45)))
    desk.beat()
    assert cooled(desk) == ["a.com", "z.com"]
    assert (desk.shard.partition.behind, desk.shard.partition.put_off) == (0, 1)
    desk.activate(document(version(3, 30)))
    desk.beat()
    assert cooled(desk) == ["a.com", "z.com"]
    desk.restart()
    desk.beat()
    assert cooled(desk) == []
    desk.stored.write({b"broken.com": whole}, None)
    desk.now += PUT_OFF
    desk.beat()
    found = desk.documents("tier-changes")
    assert [(one["subject"], one["data"]["profile_version"]) for one in found] == [("broken.com", 2), ("broken.com", 3)]
    assert not desk.shard.partition.timeline.activations, "nobody needs them any more"


def test_it_is_put_off_while_history_comes_in() -> None:
    """An import opens and closes over it: what came due of the others belongs to the import."""
    desk, whole = a_desk()
    desk.now += 5_000
    desk.mark("import_opened")
    assert cooled(desk) == ["a.com", "z.com"]
    desk.tell(funding("2", "past.com", desk.now - 3_600_000))
    desk.mark("import_closed")
    assert cooled(desk) == ["past.com", "past.com"]
    desk.stored.write({b"broken.com": whole}, None)
    desk.now += PUT_OFF
    desk.beat()
    assert cooled(desk) == ["broken.com"]
    assert desk.documents("rejected") == []


def test_a_fault_of_very_many_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """The first are named, then it is said that there are more; each is tried again all the same."""
    desk = Desk(document(FADING))
    names = [f"company-{number}.com" for number in range(50)]
    desk.tell(*(funding("1", name, desk.now) for name in names))
    rows = {name: damage(desk.stored, name) for name in names}
    desk.restart()
    desk.out.clear()
    assert on_for(desk, PUT_OFF + 5_000) == []
    assert caplog.text.count("cannot be taken through") == 20
    assert caplog.text.count("no score of") == 20
    assert caplog.text.count("partition 0: this befalls more accounts") == 2, "and no score of them either"
    assert desk.shard.partition.put_off == 50
    desk.stored.write({name.encode(): row for name, row in rows.items()}, None)
    assert sorted(on_for(desk, PUT_OFF)) == sorted(names)


def told(event: dict[str, Any]) -> tuple[bytes, bytes]:
    """A signal as key and value."""
    return event["subject"].encode(), json.dumps(event).encode()


def mark(desk: Desk, kind: MarkKind) -> tuple[None, bytes]:
    """A mark as key and value."""
    return None, encode_mark(kind, {}, source="t", time=desk.now, id_="m")


def test_one_that_changed_in_the_same_batch_costs_only_itself(caplog: pytest.LogCaptureFixture) -> None:
    """The batch is applied again, and it is not tried: its signal counts, the others cool, a minute later it is."""
    desk, _ = a_desk(breaking=smear)
    late = facts("f", "broken.com", desk.now, name="Broken")
    desk.log.append(Record("signals", 0, len(desk.log), desk.now, *told(late)))
    desk.now += 5_000
    desk.log.append(Record("signals", 0, len(desk.log), desk.now, *mark(desk, "tick")))
    desk.done(desk.shard.process(desk.log[-2:], desk.now))
    assert cooled(desk) == ["a.com", "z.com"]
    assert json.loads(desk.stored[b"broken.com"])["facts"]["name"][0] == "Broken"
    assert desk.shard.partition.put_off == 1
    assert on_for(desk, PUT_OFF) == []
    assert caplog.text.count(TOLD) == 1
    row = json.loads(desk.stored[b"broken.com"])
    row["places"]["quick"][5] = {"funding": 40.0}
    desk.stored.write({b"broken.com": json.dumps(row).encode()}, None)
    assert on_for(desk, PUT_OFF) == ["broken.com"]
    assert desk.documents("rejected") == []


def test_an_import_ends_over_one_that_history_of_came_with_its_end() -> None:
    """The end of an import is not parked for it: nothing would cool in its partition any more."""
    desk, _ = a_desk(breaking=smear)
    desk.mark("import_opened")
    desk.now += 5_000
    desk.put(told(facts("f", "broken.com", START - 1, name="Broken")), mark(desk, "import_closed"))
    assert not desk.shard.partition.importing
    assert cooled(desk) == ["a.com", "z.com"]
    assert desk.documents("rejected") == []


class Scanned(MemoryRows):
    """Rows that know how often all were read."""

    scans = 0

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All of them."""
        self.scans += 1
        return super().items()


def test_a_batch_in_which_very_many_fail_is_applied_again_once() -> None:
    """All that fail with one mark are left out together: each time, all of the partition is read anew."""
    desk = Desk(document(FADING))
    names = [f"company-{number}.com" for number in range(50)]
    desk.tell(*(funding("1", name, desk.now) for name in [*names, "whole.com"]))
    for name in names:
        smear(desk.stored, name)
    rows = Scanned()
    rows.write(dict(desk.stored.items()), None)
    desk.stored = rows
    desk.restart()
    desk.mark("import_opened")
    desk.out.clear()
    rows.scans = 0
    desk.now += 5_000
    desk.put(*(told(facts("f", name, START - 1, name="x")) for name in names), mark(desk, "import_closed"))
    assert cooled(desk) == ["whole.com"]
    assert desk.shard.partition.put_off == 50
    assert rows.scans == 1


def test_a_change_that_cannot_be_written_is_not_lost_and_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    """By time or by a new version: the account is as it was before it, and is tried again."""
    desk, whole = a_desk(version(1, 40), breaking=unborn)
    desk.activate(document(version(2, 45)))
    desk.beat()
    assert cooled(desk) == ["a.com", "z.com"]
    assert (desk.shard.partition.behind, desk.shard.partition.put_off) == (0, 1)
    assert caplog.text.count(TOLD) == 1
    desk.stored.write({b"broken.com": whole}, None)
    assert on_for(desk, PUT_OFF) == ["broken.com"]

    desk, whole = a_desk(breaking=unborn)
    assert on_for(desk, 5_000) == ["a.com", "z.com"]
    desk.stored.write({b"broken.com": whole}, None)
    assert on_for(desk, PUT_OFF) == ["broken.com"]
    assert desk.documents("rejected") == []


def test_a_signal_that_brings_about_such_a_change_is_parked() -> None:
    """It is the record that cannot be processed: nothing of it is taken, and what comes with it counts."""
    desk, _ = a_desk(breaking=unborn)
    desk.tell(*(facts("f", name, desk.now, employees=500) for name in ("broken.com", "a.com")))
    assert cooled(desk) == ["a.com"]
    assert [one["reason"] for one in desk.documents("rejected")] == ["unexpected"]
    assert "employees" not in json.loads(desk.stored[b"broken.com"])["facts"]


ERRORS = [StateTooNew("x"), RowsDamaged("x"), RowsClosed("x"), LogError("x"), KeyboardInterrupt()]


@pytest.mark.parametrize("error", ERRORS)
def test_what_is_no_fault_of_one_account_is_passed_on(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    """Errors of the rows or the log as a whole, and an end that is asked for, put nobody off."""
    desk, _ = a_desk(version(1, 40))
    desk.activate(document(version(2, 45)))
    rows = Unreadable()
    rows.write(dict(desk.stored.items()), None)
    shard = Shard(0, rows, desk.settings, desk.metrics)
    rows.error = error
    with pytest.raises(type(error)):
        shard.rescore(10, desk.now)
    assert TOLD not in caplog.text


def test_a_core_that_raises_half_way_leaves_nothing_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """A new version that the core cannot score an account by: it is as it was stored, and all others are rescored."""
    desk = Desk(document(version(1, 40)))
    desk.tell(*(funding("1", name, desk.now) for name in ("broken.com", "a.com", "z.com")))
    desk.tell(boom("b", "broken.com", desk.now))
    desk.out.clear()
    before = desk.stored[b"broken.com"]
    desk.activate(breakable(document(version(2, 45))))
    desk.beat()
    assert cooled(desk) == ["a.com", "z.com"]
    assert desk.stored[b"broken.com"] == before
    assert "TypeError" in caplog.text
    desk.activate(document(version(3, 45)))
    desk.now += PUT_OFF
    desk.beat()
    assert cooled(desk) == [], "the version between cannot be left out: its changes would be missing"
    assert desk.shard.partition.put_off == 1
    tick = encode_mark("tick", {}, source="t", time=desk.now, id_="t")
    work = desk.shard.process([Record("signals", 0, len(desk.log), desk.now, None, tick)], desk.now)
    assert json.loads(next(v for k, v in work.stored.items() if b"clock" in k))["clock"] == desk.now
