"""What cannot be used goes whole to ``rejected``, with reason and mend; what can be used is never stopped."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]
import pytest

from schemas.rejected import REASONS
from stream.transports.records import Append, Headers, partition_for

from .conftest import Install
from .processes import Installation, records
from .telling import DAY, HOUR, append, changes, event, facts, funding, latest, moves, now, profile, send, until

ON_KAFKA = True

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/published/rejected.json").read_text())


class Bad(NamedTuple):
    """A record that cannot be used, why, and words of the message that say what to mend."""

    value: bytes | None
    reason: str
    mend: str
    headers: Headers = ()
    key: bytes | None = b"bad.com"


def _bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def _without(document: dict[str, Any], name: str) -> bytes:
    return _bytes({key: value for key, value in document.items() if key != name})


def bad_records(start: int) -> dict[str, Bad]:
    """One or more of every reason that a record can be rejected for by itself."""
    good = funding("good", "bad.com", start)
    nested = b'{"x":' * 500 + b"1" + b"}" * 500
    binary = (("ce_specversion", b"1.0"), ("ce_source", b"test"), ("ce_type", b"tierline.signal.layoff"),
              ("ce_subject", b"bad.com"), ("ce_time", b"2026-11-01T00:00:00Z"))  # fmt: skip
    return {
        "no value": Bad(None, "not_json", "send a CloudEvent as JSON"),
        "empty": Bad(b"", "not_json", "send one CloudEvent as a JSON object"),
        "text": Bad(b"hello", "not_json", "send one CloudEvent as a JSON object"),
        "not UTF-8": Bad(b'{"id": "\xff\xfe"}', "not_json", "not valid UTF-8"),
        "half a pair": Bad(rb'{"id": "\ud800"}', "not_json", "send one CloudEvent"),
        "too deep to parse": Bad(b"[" * 5_000, "not_json", "depth limit exceeded"),
        "a list": Bad(b"[]", "bad_envelope", "write one JSON object a record", key=None),
        "a number": Bad(b"12", "bad_envelope", "write one JSON object a record", key=b"\xff\x00\xfe"),
        "no id": Bad(_without(good, "id"), "bad_envelope", "id: is missing (it is required)"),
        "no offset": Bad(_bytes(good | {"time": "2026-11-20T09:00:00"}), "bad_envelope", "write it with an offset"),
        "no data": Bad(_without(good, "data"), "bad_envelope", "data: is missing (it is required)"),
        "binary, no id": Bad(b"{}", "bad_envelope", "id: is missing", binary),
        "binary, broken id": Bad(b"{}", "bad_envelope", "ce_id is not UTF-8", (*binary, ("ce_id", b"\xff1"))),
        "binary, not JSON": Bad(b"<xml/>", "not_json", "JSON", (*binary, ("ce_id", b"1"))),
        "other type": Bad(_bytes(good | {"type": "com.example.thing"}), "unknown_type", "write tierline.signal.<type>"),
        "other signal": Bad(_bytes(good | {"type": "tierline.signal.gossip"}), "unknown_type", "one of account_alias"),
        "other version": Bad(_bytes(good | {"type": "tierline.signal.layoff.v9"}), "unknown_type", "upgrade"),
        "series": Bad(_bytes(good | {"data": {"series": "zz"}}), "bad_member", "data.series: 'zz' is not one of"),
        "deep": Bad(_bytes(good)[:-1] + b',"x":' + nested + b"}", "bad_member", "flatter"),
        "deep data": Bad(
            _without(good, "data")[:-1] + b',"data":{"series":"b","x":' + nested + b"}}", "bad_member", "flatter"
        ),
        "own name": Bad(_bytes(event("al", "bad.com", "account_alias", {"canonical": "gmail.com"}, start)),
                        "unidentifiable_account", "send the company's domain"),
        "free mail": Bad(_bytes(good | {"subject": "dana@gmail.com"}), "unidentifiable_account", "company's domain"),
        "an address": Bad(_bytes(good | {"subject": "http://10.0.0.1/x"}), "unidentifiable_account", "the company's"),
        "large": Bad(b'{"x": "' + b"a" * 2_000_000 + b'"}', "too_large", "send what is needed of it"),
    }  # fmt: skip


@dataclass
class Sent:
    """A bad record, and where it lies."""

    bad: Bad
    topic: str
    partition: int
    offset: int


def _send_all(installation: Installation, topic: str, bad: dict[str, Bad]) -> list[Sent]:
    """Append bad records to a topic, a good one after each."""
    name = installation.settings.topic(topic)
    appends: list[Append] = []
    for number, one in enumerate(bad.values()):
        appends.append(Append(name, 0, one.key, one.value, one.headers))
        good = funding(f"{topic}-{number}", f"good-{number}.com")
        appends.append(Append(name, 0, good["subject"].encode(), _bytes(good)))
    offsets = append(installation, *appends)[::2]
    return [Sent(one, name, 0, offset) for one, offset in zip(bad.values(), offsets, strict=True)]


def test_every_bad_record_is_kept_with_its_reason_and_no_good_one_is_stopped(install: Install) -> None:
    """Bytes in, on ``signals`` and on a family topic: the rejected record has them all, reason, place and mend."""
    installation = install(profile(), partitions=2, scores_every="300ms")
    installation.start()
    start = now()
    # what is judged against the clock and the memory of an account, where scores are made
    remembered = [funding("r1", "judged.com", start - DAY), facts("r2", "judged.com", start, employees=7)]
    send(installation, *remembered)
    judged = {
        "in_future": (funding("j1", "judged.com", start + HOUR), "mend the clock or the time zone of test"),
        "too_late": (funding("j2", "judged.com", start - 181 * DAY), "raise the horizon"),
        "not_retractable": (
            event("j3", "judged.com", "retracted",
                  {"signal_id": "r2", "signal_source": "test", "signal_time": remembered[1]["time"]}, start),
            "send a newer one that corrects it",
        ),
    }  # fmt: skip
    bad = bad_records(start)
    sent = [*_send_all(installation, "signals", bad), *_send_all(installation, "signals.company", bad)]
    send(installation, *(one for one, _ in judged.values()))
    family = installation.settings.topic("signals.people")
    again = [one | {"id": f"f-{one['id']}"} for one, _ in judged.values()]
    append(installation, *(Append(family, 0, None, _bytes(one)) for one in again))
    loops = [("one.com", "two.com"), ("two.com", "three.com"), ("three.com", "one.com"), ("own.com", "www.own.com")]
    accounts = [
        Append(installation.settings.topic("accounts"), 0, old.encode(),
               _bytes(event(f"al-{old}", old, "account_alias", {"canonical": new})))
        for old, new in loops
    ]  # fmt: skip
    append(installation, *accounts)
    installation.drain()

    found = {(one["origin"]["topic"], one["origin"]["partition"], one["origin"]["offset"]): one
             for one in installation.documents("rejected")}  # fmt: skip
    for place in sent:
        rejected = found.pop((place.topic, place.partition, place.offset))
        _same(rejected, place.bad)
    with installation.log() as log:
        both = [one for name in ("signals", "accounts") for one in records(log, installation.settings.topic(name))]
        lies = {(one.topic, one.partition, one.offset): one.value for one in both}
    rest = list(found.items())
    for reason, (document_, mend) in judged.items():
        ours = [(spot, one) for spot, one in rest if one["reason"] == reason]
        assert [one["sender"]["id"] for _, one in ours] == [document_["id"], f"f-{document_['id']}"]
        for spot, one in ours:
            assert mend in one["message"]
            assert base64.b64decode(one["raw"]) == lies[spot]
            assert one["sender"]["source"] == "test"
    looped = [(spot, one) for spot, one in rest if one["reason"] == "alias_loop"]
    assert [one["sender"]["id"] for _, one in looped] == ["al-three.com", "al-own.com"]
    for spot, one in looped:
        assert "send the alias the other way round, or not at all" in one["message"]
        assert base64.b64decode(one["raw"]) == lies[spot]
    assert len(rest) == 2 * len(judged) + len(looped)
    documents = installation.documents("rejected")
    for one in documents:
        jsonschema.validate(one, SCHEMA, format_checker=jsonschema.FormatChecker())
    assert {one["reason"] for one in documents} == set(REASONS) - {"unexpected"}

    # no good one was stopped: each is scored once, although it came twice, over two topics
    names = {f"good-{number}.com" for number in range(len(bad))}
    until(lambda: names <= set(latest(installation)), 15)
    for name in names:
        assert moves(changes(installation, name)) == [(1, None, "warm", "signal", False)]
    page = installation.page("/metrics")[1]
    for reason in {one["reason"] for one in documents}:
        count = float(sum(one["reason"] == reason for one in documents))
        assert f'tierline_rejected_total{{reason="{reason}"}} {count}' in page
    assert installation.stop() == 0


def _same(rejected: dict[str, Any], bad: Bad) -> None:
    """The rejected record is that bad record, byte for byte, with the reason and the mend."""
    raw = bad.value or b""
    assert rejected["reason"] == bad.reason, (rejected["message"], raw[:80])
    assert bad.mend in rejected["message"]
    assert len(rejected["message"]) < 1_000
    assert rejected["raw_size"] == len(raw)
    if len(raw) > 1 << 20:
        assert base64.b64decode(rejected["raw"]) == raw[: 64 << 10]
        assert rejected["sha256"] == hashlib.sha256(raw).hexdigest()
    else:
        assert base64.b64decode(rejected["raw"]) == raw
        assert rejected["sha256"] is None
    assert (None if rejected["key"] is None else base64.b64decode(rejected["key"])) == bad.key
    assert tuple((one["name"], base64.b64decode(one["value"])) for one in rejected["headers"]) == tuple(bad.headers)


def test_odd_but_good_records_are_scored_once_under_their_account(install: Install) -> None:
    """Binary mode, no key, a garbage key, a wrong key, a wrong partition: one record under the account, scored once."""
    installation = install(profile(), partitions=3, scores_every="300ms")
    installation.start()
    topic = installation.settings.topic("signals")
    home = partition_for(b"odd.com", 3)
    elsewhere = (home + 1) % 3
    headers = (("ce_specversion", b"1.0"), ("ce_id", "b-ü".encode()), ("ce_source", b"test"), ("note", b"\xff"),
               ("ce_type", b"tierline.signal.content_consumption"), ("ce_subject", b"https://www.Odd.com/x"),
               ("ce_time", now_text()))  # fmt: skip
    reading = [event(f"o{n}", "www.odd.com", "content_consumption", {"topic": "crm"}) for n in range(4)]
    append(
        installation,
        Append(topic, home, b"odd.com", b'{"topic": "crm"}', headers),
        Append(topic, elsewhere, None, _bytes(reading[0])),
        Append(topic, home, b"\xff\x00", _bytes(reading[1])),
        Append(topic, home, b"www.odd.com", _bytes(reading[2])),
        Append(topic, elsewhere, b"odd.com", _bytes(reading[3] | {"subject": "odd.com"})),
        Append(installation.settings.topic("signals.content"), 1, b"x", b'{"topic": "erp"}',
               tuple((name, b"family" if name == "ce_id" else value) for name, value in headers)),
    )  # fmt: skip
    installation.drain()
    standing = until(lambda: _score(installation, "odd.com", 24.0), 15)
    evidence = standing["contributions"][0]["evidence"]
    assert sorted(evidence) == sorted(f"test/{id_}" for id_ in ("b-ü", "family", "o0", "o1", "o2", "o3"))
    assert installation.documents("rejected") == []
    with installation.log() as log:
        ours = [record for record in records(log, topic) if record.key == b"odd.com" and record.partition == home]
    assert len(ours) == 6, "each forwarded once at most"
    for record in ours[1:]:
        assert json.loads(record.value)["subject"] == "odd.com"
    # an account that lives in the wrong partition would be split in two by a restart
    installation.kill()
    installation.start()
    send(installation, event("more", "odd.com", "content_consumption", {"topic": "crm"}))
    until(lambda: _score(installation, "odd.com", 28.0), 15)
    assert installation.stop() == 0


def _score(installation: Installation, account: str, wanted: float) -> dict[str, Any] | None:
    data = latest(installation).get(account)
    standing = data["profiles"]["quick"] if data else None
    return standing if standing and standing["score"] == pytest.approx(wanted, abs=0.1) else None


def now_text() -> bytes:
    """Some moment of today, before everything else here."""
    from schemas.times import format_time

    return format_time(now() - HOUR).encode()
