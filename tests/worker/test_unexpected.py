"""A fault of ours costs one record at most, and a source that sends mostly what cannot be used is named."""

from __future__ import annotations

import base64
import json
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest

from stream.agents.intake import Intake
from stream.identity import Aliases
from stream.transports.records import Record
from stream.transports.rows import RowsDamaged
from stream.wire import encode_mark

from .breaking import Unreadable, boom, breakable
from .desk import Desk, document
from .telling import DAY, event, facts, funding, profile
from .test_rejected import SCHEMA


def test_a_record_that_makes_the_core_raise_is_parked_and_its_neighbours_count_once() -> None:
    """A fault of ours costs the one record: parked whole with its traceback, the others of its account count once."""
    desk = Desk(breakable(document(profile())))
    reading = [event(id_, "acme.com", "content_consumption", {"topic": "crm"}, desk.now) for id_ in ("a", "b", "c")]
    booms = [boom(f"boom-{number}", "acme.com", desk.now, employees=5_000) for number in (1, 2)]
    desk.tell(reading[0])
    desk.tell(reading[0], booms[0], reading[1], booms[1], reading[2],
              facts("size", "acme.com", desk.now, employees=500), boom("boom-3", "new.com", desk.now))  # fmt: skip
    parked = desk.documents("rejected")
    assert [one["reason"] for one in parked] == ["unexpected"] * 3
    for one, raw in zip(parked, booms, strict=False):
        assert json.loads(base64.b64decode(one["raw"])) == raw
        assert "this is a fault of Tierline, please report it" in one["message"]
        assert "TypeError: " in one["message"]
        assert "in weigh" in one["message"]
        jsonschema.validate(one, SCHEMA)
    assert desk.metric("tierline_rejected_total", reason="unexpected") == 3
    assert desk.metric("tierline_accounts", profile="quick", tier="warm") == 1
    desk.now += 10_000
    desk.beat()
    (scored,) = desk.documents("account-scores")[-1:]
    assert scored["data"]["profiles"]["quick"]["score"] == pytest.approx(32, abs=0.01), "three readings and the size"
    desk.restart()
    assert desk.metric("tierline_state_accounts") == 1, "of new.com nothing is left"
    desk.tell(*reading)
    assert desk.metric("tierline_signals_total", type="content_consumption", outcome="duplicate") == 3


def test_intake_parks_what_makes_it_raise(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of ours in intake costs the one record, not the worker."""
    desk = Desk()
    aliases = Aliases()
    intake = Intake(desk.settings, aliases, desk.metrics)

    def resolve(name: str) -> str:
        if name == "explodes.com":
            raise ZeroDivisionError("on purpose")
        return name

    monkeypatch.setattr(Aliases, "resolve", lambda _, name: resolve(name))
    good, boom = funding("1", "good.com"), funding("2", "explodes.com")
    batch = [Record("signals.jobs", 0, at, 1, None, json.dumps(one).encode()) for at, one in enumerate((boom, good))]
    taken = intake.process(batch, desk.now)
    assert taken.refused == {"unexpected": 1}
    assert [(one.topic, one.key) for one in taken.appends] == [("rejected", None), ("signals", b"good.com")]
    parked = json.loads(taken.appends[0].value or b"")
    assert json.loads(base64.b64decode(parked["raw"])) == boom
    assert "ZeroDivisionError: on purpose" in parked["message"]


def test_a_tick_that_fails_does_not_flood_and_a_mark_nobody_knows_is_rejected() -> None:
    """A tick that the core cannot process is parked once a minute; marks of a newer release or forger are rejected."""
    desk = Desk(document(profile(funding="{half_life: 2s}")), scores_drift=1_000)
    desk.tell(funding("one", "broken.com", desk.now))
    desk.now += 3_000
    rows = Unreadable()
    rows.write(dict(desk.stored.items()), None)
    desk.stored = rows
    desk.restart()
    rows.error = RowsDamaged("the disk")
    for _ in range(50):
        desk.beat()
        desk.now += 100
    assert [one["reason"] for one in desk.documents("rejected")] == ["unexpected"]
    rows.error = None
    desk.now += 60_000
    desk.beat()
    assert [one["data"]["to_tier"] for one in desk.documents("tier-changes")] == ["warm", "cold"]
    forged: list[tuple[Any, dict[str, Any]]] = [
        ("from_the_future", {}),
        ("profile_activated", {"profile": {}}),
        ("alias", {}),
    ]
    for kind, data in forged:
        desk.put((None, encode_mark(kind, data, source="evil", time=0, id_="m")))
    assert [one["reason"] for one in desk.documents("rejected")][1:] == ["unknown_type", "unexpected", "unexpected"]
    desk.tell(funding("two", "after.com", desk.now))
    assert desk.documents("tier-changes")[-1]["subject"] == "after.com"


@pytest.mark.parametrize("depth", [90, 198, 240, 900])
def test_a_mark_that_nests_too_deep_to_be_stored_is_rejected(depth: int) -> None:
    """No profile is as deep: a forged one is refused before it is in force, and the partition goes on."""
    desk = Desk(document(profile()))
    nested: Any = 1
    for _ in range(depth):
        nested = [nested]
    forged = document(profile(2)) | {"notes": 1}
    raw = encode_mark("profile_activated", {"profile": forged}, source="evil", time=0, id_="m")
    desk.put((None, raw.replace(b'"notes":1', b'"notes":' + json.dumps(nested).encode())))
    refused = [one["reason"] for one in desk.documents("rejected")]
    assert refused == ([] if depth < 100 else ["bad_member"])
    desk.tell(funding("a", "acme.com", desk.now))
    (told,) = desk.documents("tier-changes")
    assert told["data"]["profile_version"] == (1 if refused else 2)


def test_a_source_that_sends_mostly_what_cannot_be_used_is_named() -> None:
    """Over half of a source's last records rejected, whatever the reason and wherever: one gauge says so, then ends."""
    desk = Desk(document(profile()))
    late = [funding(f"l{n}", "acme.com", desk.now - 400 * DAY, source="bad feed") for n in range(120)]
    desk.tell(*late)
    assert desk.metric("tierline_source_rejected_ratio", source="bad feed") == 1
    desk.tell(*(funding(f"g{n}", "acme.com", desk.now, source="bad feed") for n in range(80)))
    assert desk.metric("tierline_source_rejected_ratio", source="bad feed") == pytest.approx(0.6)
    desk.tell(*(funding(f"h{n}", "acme.com", desk.now, source="bad feed") for n in range(60)))
    assert desk.metric("tierline_source_rejected_ratio", source="bad feed") == 0, "gone"
    assert desk.metric("tierline_source_rejected_ratio", source="test") == 0


def test_an_account_that_would_outgrow_the_log_is_refused_what_is_too_much() -> None:
    """Facts pile up over many valid records: the one too many is rejected, the others and what follows count."""
    desk = Desk(document(profile()))
    piles = [{f"custom.f{number}_{at}": "x" * 900 for at in range(900)} for number in range(4)]
    desk.tell(*(facts(f"pile-{number}", "acme.com", desk.now, **pile) for number, pile in enumerate(piles)))
    refused = desk.documents("rejected")
    assert {one["reason"] for one in refused} == {"too_large"}
    assert 1 <= len(refused) < 4
    assert "send fewer or shorter facts" in refused[0]["message"]
    desk.tell(facts("size", "acme.com", desk.now, employees=500), funding("f", "acme.com", desk.now))
    assert [one["data"]["to_tier"] for one in desk.documents("tier-changes")][-1:] == ["hot"]
    assert all(len(append.value or b"") < 2_097_152 for append in desk.out)
