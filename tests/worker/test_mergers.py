"""Two accounts turn out to be one: what a shard makes of it, record by record."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from schemas.publish import schemas
from stream.agents.intake import Intake
from stream.identity import Aliases
from stream.transports.records import Append, Record
from stream.wire import encode_mark

from .breaking import unborn
from .desk import Desk, document
from .telling import DAY, HOUR, event, facts, funding, profile

OLD, NEW = "old.com", "acme.com"
TIER_CHANGE = schemas()["tier-change"]


def a_desk(**settings: Any) -> Desk:
    """Both accounts under one profile: 44 points (warm) and 20 (cold), of which nothing is left to be published."""
    desk = Desk(document(profile()), **settings)
    desk.tell(funding("1", OLD, desk.now), event("2", OLD, "content_consumption", {"topic": "crm"}, desk.now))
    desk.tell(facts("3", NEW, desk.now, employees=500))
    desk.now += 10_000
    desk.beat()
    desk.out.clear()
    return desk


def rename(desk: Desk, old: str = OLD, canonical: str = NEW) -> list[Append]:
    """The mark of an alias; what came out but the state."""
    told = desk.now, "crm", f"{old}>{canonical}"
    found = desk.mark("alias", {"old": old, "canonical": canonical, "told": told})
    return [one for one in found if one.topic != desk.settings.topic("account-state")]


def passed_on(desk: Desk, appends: list[Append]) -> list[Append]:
    """What of it goes to ``signals`` is read there; what came out."""
    found = [one for one in appends if one.topic == desk.settings.topic("signals")]
    return desk.put(*((one.key, one.value) for one in found))


def score(desk: Desk, name: str) -> float | None:
    """The score as stored; ``None`` where there is no such account."""
    state = desk.shard.table.get(name)
    if state is None:
        return None
    place = state.places["quick"]
    return place.profile.total(place.values(state.clock))[0]


def moves(desk: Desk) -> list[tuple[Any, ...]]:
    """Account, direction, from and to of the tier changes so far."""
    found = [one["data"] for one in desk.documents("tier-changes")]
    return [(one["account"], one["direction"], one["from_tier"], one["to_tier"]) for one in found]


def test_one_ends_and_the_other_has_all() -> None:
    """A last change, a tombstone, and what is remembered for the other, whose change and score follow."""
    desk = a_desk()
    last, gone, remains = rename(desk)
    assert [one.topic for one in (last, gone, remains)] == ["tier-changes", "account-scores", "signals"]
    change = json.loads(last.value or b"")
    jsonschema.validate(change, TIER_CHANGE)
    told = change["data"]
    assert (told["direction"], told["cause"], told["sequence"]) == ("merged", "merge", 2)
    assert (told["from_tier"], told["to_tier"]) == ("warm", None)
    assert (gone.key, gone.value) == (b"old.com", None)
    assert remains.key == b"acme.com"
    assert score(desk, OLD) is None
    assert desk.metric("tierline_state_accounts") == 1
    assert desk.metric("tierline_accounts", profile="quick", tier="warm") == 0
    assert desk.shard.flush(desk.now + 30 * DAY) is None, "no score of it drifts"
    passed_on(desk, [remains])
    jsonschema.validate(desk.documents("tier-changes")[-1], TIER_CHANGE)
    assert moves(desk) == [(OLD, "merged", "warm", None), (NEW, "up", "cold", "hot")]
    assert score(desk, NEW) == pytest.approx(64, abs=0.1)
    (published,) = desk.documents("account-scores")[1:]
    assert (published["subject"], published["data"]["profiles"]["quick"]["tier"]) == (NEW, "hot")
    assert published["data"]["facts"] == {"employees": 500}
    assert desk.metric("tierline_tier_changes_total", profile="quick", tier="none", cause="merge") == 1
    assert desk.metric("tierline_accounts", profile="quick", tier="hot") == 1


def test_nothing_of_it_is_left() -> None:
    """No row of it is stored, not of its older signals either; it is never due, published or rescored again."""
    desk = a_desk()
    for at in range(0, 300, 100):
        desk.tell(*(event(f"r{at + n}", OLD, "content_consumption", {"topic": "x"}, desk.now) for n in range(100)))
    assert any(key.startswith(b"old.com\x00") for key, _ in desk.stored.items())
    rename(desk)
    assert [key for key, _ in desk.stored.items() if key.startswith(b"old.com")] == []
    for restarted in (False, True):
        if restarted:
            desk.restart()
        desk.out.clear()
        desk.activate(document(profile(2 + restarted, big=30)))
        for _ in range(40):
            desk.now += DAY
            desk.beat()
        assert OLD not in {one["subject"] for one in desk.documents("tier-changes")}
        assert [one for one in desk.out if one.key == b"old.com"] == []
        assert desk.metric("tierline_state_accounts") == 1
    assert desk.shard.partition.behind == 0


def test_marks_of_one_batch_meet_no_account_that_has_ended() -> None:
    """A profile, an import and a tick right behind the alias, before anything of it is stored, find nothing of it."""
    desk = a_desk()
    data = {"old": OLD, "canonical": NEW, "told": [desk.now, "crm", "a"]}
    marks: list[tuple[Any, dict[str, Any]]] = [
        ("alias", data), ("profile_activated", {"profile": document(profile(2, big=5))}), ("import_opened", {}),
        ("import_closed", {}), ("tick", {}),
    ]  # fmt: skip
    desk.put(*((None, encode_mark(kind, told, source="t", time=desk.now, id_="m")) for kind, told in marks))
    assert [one for one in moves(desk) if one[0] == OLD] == [(OLD, "merged", "warm", None)]
    assert score(desk, OLD) is None
    assert [key for key, _ in desk.stored.items() if key.startswith(b"old.com")] == []
    assert desk.documents("rejected") == []


def test_an_account_that_came_and_went_in_one_batch() -> None:
    """It was never stored: nothing is deleted that was not there, and nothing of it counted."""
    desk = a_desk()
    data = {"old": "brief.com", "canonical": NEW, "told": [desk.now, "crm", "a"]}
    alias = encode_mark("alias", data, source="t", time=desk.now, id_="m")
    signal = funding("9", "brief.com", desk.now)
    out = desk.put((b"brief.com", json.dumps(signal).encode()), (None, alias))
    assert [one.value for one in out if one.topic == "account-state" and one.key == b"brief.com"] == []
    assert moves(desk) == [("brief.com", "enter", None, "warm"), ("brief.com", "merged", "warm", None)]
    assert desk.metric("tierline_state_accounts") == 2
    passed_on(desk, out)
    assert score(desk, NEW) == pytest.approx(60, abs=0.1)


def test_it_follows_a_name_that_moved_on() -> None:
    """What comes for a name that is another's by now goes to that one; once, though it comes twice."""
    desk = a_desk()
    out = rename(desk)
    passed_on(desk, rename(desk, NEW, "last.com"))
    again = passed_on(desk, out)
    (remains,) = (one for one in again if one.topic == "signals")
    assert remains.key == b"last.com"
    passed_on(desk, again)
    assert score(desk, "last.com") == pytest.approx(64, abs=0.1)
    before = desk.stored.get(b"last.com")
    passed_on(desk, again)
    desk.restart()
    passed_on(desk, again)
    after = desk.stored.get(b"last.com")
    assert json.loads(before or b"")["signals"] == json.loads(after or b"")["signals"]


def test_it_goes_to_the_partition_of_its_account() -> None:
    """Two partitions: each has its own account, and what is appended to the wrong one is appended again."""
    desk, other = (Desk(document(profile()), number=number, partitions=2) for number in (0, 1))
    names = [f"n{at}.com" for at in range(20)]
    mine = next(name for name in names if desk.shard._ours(name))
    theirs = next(name for name in names if not desk.shard._ours(name))
    desk.tell(funding("1", mine, desk.now))
    (remains,) = (one for one in rename(desk, mine, theirs) if one.topic == "signals")
    assert remains.partition == 1
    (again,) = (one for one in desk.put((remains.key, remains.value)) if one.topic == "signals")
    assert (again.partition, again.key) == (1, theirs.encode())
    other.put((again.key, again.value))
    assert score(other, theirs) == 40
    (keyed_wrong,) = (one for one in other.put((b"other.com", again.value)) if one.topic == "signals")
    assert keyed_wrong.key == theirs.encode()


def test_history_of_an_import_alerts_nobody() -> None:
    """While an import is open the changes of a merger say so, as all others."""
    desk = a_desk()
    desk.mark("import_opened")
    passed_on(desk, rename(desk))
    assert [one["data"]["import"] for one in desk.documents("tier-changes")] == [True, True]
    desk.mark("import_closed")
    assert score(desk, NEW) == pytest.approx(64, abs=0.1)


def test_what_no_record_can_hold_goes_in_several() -> None:
    """With all members remembered an account may take more than a record: its parts come to the same."""
    desk = a_desk(remember="all")
    long = "long " * 20_000
    for at in range(12):
        data = {"topic": "crm", "note": f"{long}{at}"}
        desk.tell(event(f"l{at}", OLD, "content_consumption", data, desk.now - at * HOUR))
    parts = [one for one in rename(desk) if one.topic == "signals"]
    assert len(parts) == 2
    assert max(len(one.value or b"") for one in parts) <= 1 << 20
    desk.put(*((one.key, one.value) for one in parts))
    state = desk.shard.table.get(NEW)
    assert state is not None
    assert len(state.ledger) == 15
    assert desk.documents("rejected") == []


def test_an_account_that_cannot_be_read_stays_and_the_alias_is_parked() -> None:
    """A fault of ours in the old account costs the alias, with what to report; nothing of the account is lost."""
    desk = a_desk()
    whole = unborn(desk.stored, OLD)
    desk.restart()
    rename(desk)
    (parked,) = desk.documents("rejected")
    assert parked["reason"] == "unexpected"
    desk.stored.write({OLD.encode(): whole}, None)
    desk.restart()
    assert score(desk, OLD) == pytest.approx(44, abs=0.1)
    passed_on(desk, rename(desk))
    assert score(desk, NEW) == pytest.approx(64, abs=0.1)


@pytest.mark.parametrize("data", [{}, {"old": 1}, {"old": "a.com", "canonical": "b.com", "told": [1]}, {"told": 5}])
def test_a_forged_mark_is_rejected(data: dict[str, Any]) -> None:
    """Whatever it says, it costs itself alone."""
    desk = a_desk()
    for kind in ("alias", "joined"):
        desk.mark(kind, data)  # type: ignore[arg-type]
    remains = {"id": "x/1", "clock": "soon", "signals": [[1]], "floor": 5}
    told = [1, "a", "b"]
    desk.mark("joined", {"old": "a.com", "canonical": NEW, "told": told, "import": False, "remains": remains})
    assert {one["reason"] for one in desk.documents("rejected")} <= {"unexpected"}
    assert score(desk, NEW) == 20
    assert score(desk, OLD) == pytest.approx(44, abs=0.1)


def test_what_went_on_from_a_name_does_not_come_again_when_that_is_another_s() -> None:
    """A chain is corrected in its middle, and then all of the log is worked through anew: each signal counts once."""
    for restarted in (False, True):
        desk = a_desk()
        first = rename(desk)
        passed_on(desk, first)
        second = rename(desk, NEW, "last.com")
        passed_on(desk, second)
        rename(desk, NEW, "other.com")
        if restarted:
            desk.restart()
        for again in (first, second):  # as they come, at the end of the log, of a worker that has lost its state
            assert [one.key for one in passed_on(desk, again) if one.topic == "signals"] == []
        assert score(desk, "last.com") == pytest.approx(64, abs=0.1)
        assert score(desk, "other.com") is None


def test_an_older_release_refuses_what_it_would_lose() -> None:
    """Who was given what is new in the stored form: a row that has it says so, all others are as they were."""
    desk = a_desk()
    clock = b"\x00clock\x000"

    def formats() -> dict[bytes, int]:
        rows = {key: desk.stored.get(key) for key in (b"old.com", b"acme.com", b"last.com", clock)}
        return {key: json.loads(row)["v"] for key, row in rows.items() if row is not None}

    assert formats() == {b"old.com": 1, b"acme.com": 1, clock: 1}
    passed_on(desk, rename(desk))
    assert formats() == {b"acme.com": 2, clock: 1}
    passed_on(desk, rename(desk, NEW, "last.com"))
    assert formats() == {b"last.com": 2, clock: 2}, "what the name was given is stored with it"


def test_what_was_sent_on_is_not_sent_on_again() -> None:
    """Nor where the account had ended before it came: the name may stand for a third one by then."""
    desk = a_desk()
    remains = rename(desk)
    rename(desk, NEW, "last.com")
    (sent,) = (one for one in passed_on(desk, remains) if one.topic == "signals")
    assert sent.key == b"last.com"
    rename(desk, NEW, "other.com")
    for _ in range(2):
        assert [one for one in passed_on(desk, remains) if one.topic == "signals"] == []
        desk.restart()


def test_an_alias_told_with_an_import_alerts_nobody() -> None:
    """It passes intake when the import may be over; what comes of it is history all the same."""
    desk = a_desk()
    watch = Aliases()
    told = event("a", OLD, "account_alias", {"canonical": NEW}, desk.now, recordedtime="2026-01-01T00:00:00Z")
    record = Record("accounts", 0, 0, desk.now, b"old.com", json.dumps(told).encode())
    taken = Intake(desk.settings, watch, desk.metrics).process([record], desk.now)
    (mark,) = (one for one in taken.appends if one.topic == "signals")
    passed_on(desk, desk.put((None, mark.value)))
    assert [one["data"]["import"] for one in desk.documents("tier-changes")] == [True, True]


def test_an_alias_of_which_nothing_was_written_is_news_again() -> None:
    """A batch that turned out to be somebody else's is forgotten with its aliases, and learned anew from the log."""
    desk, aliases = a_desk(), Aliases()
    intake = Intake(desk.settings, aliases, desk.metrics)
    told = event("a", OLD, "account_alias", {"canonical": NEW}, desk.now)
    record = Record("accounts", 0, 0, desk.now, b"old.com", json.dumps(told).encode())
    assert intake.process([record], desk.now).aliases == 1
    assert intake.process([record], desk.now).appends == [], "a second delivery"
    aliases.become(Aliases())
    assert len(intake.process([record], desk.now).appends) == 2
