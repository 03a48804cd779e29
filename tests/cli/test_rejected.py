"""`tierline rejected`: list, show, mend, send again."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson

from schemas.rejected import WHOLE_UP_TO, content_of
from stream.reading import rejected_at
from stream.rejecting import rejected_document
from stream.settings import Settings
from stream.topology import open_log
from stream.transports.records import partition_for
from stream.wire import Refusal, encode_mark
from tests.cli.both import both_logs
from tests.cli.filling import NOW, put_rejected, reject
from tests.cli.running import signal_line, tierline

BAD = signal_line(1, data={"series": "zz"}).strip()
MENDED = signal_line(1).strip()


def sent(settings: Settings, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    with open_log(settings) as log:
        name = settings.topic(topic)
        return [(one.key, one.value) for part in range(log.partitions(name)) for one in log.read(name, part, 0, 100)]


@both_logs
def test_rejected_records_are_listed(settings: Settings) -> None:
    """The latest first, with id, reason, origin and what to mend; counted by reason; filtered."""
    first, second = reject(settings, b"{broken"), reject(settings, BAD)
    ran = tierline("rejected", "list")
    assert ran.code == 0
    assert ran.out.index(f"{second}  bad_member") < ran.out.index(f"{first}  not_json")
    assert f"from {settings.topic('signals.funding')} 0:7" in ran.out
    assert "test · funding_round · acme.com" in ran.out or "bad_member" in ran.out
    assert "'zz' is not one of" in ran.out
    assert "2 rejected records: 1 not_json, 1 bad_member." in ran.err or "1 bad_member, 1 not_json" in ran.err
    assert f"{first}  not_json" not in tierline("rejected", "list", "--reason", "bad_member").out
    assert [one["id"] for one in tierline("rejected", "list", "--json").lines] == [first, second]
    assert [one["id"] for one in tierline("rejected", "list", "--json", "--limit", 1).lines] == [second]


def test_nothing_rejected(settings: Settings) -> None:
    """An empty list is a success and says so; without a log it is an error that says what to do."""
    assert "no such log" in tierline("rejected", "list").err
    open_log(settings).close()
    ran = tierline("rejected", "list")
    assert (ran.code, ran.out) == (0, "")
    assert "Nothing was rejected." in ran.err
    assert tierline("rejected", "list", "--reason", "nonsense").code == 2


def test_a_record_is_shown_whole(settings: Settings) -> None:
    """For people with its content laid out, for programs decoded, raw byte for byte."""
    id_ = reject(settings, BAD, key=b"\xffkey")
    ran = tierline("rejected", "show", id_)
    assert '"series": "zz"' in ran.out
    assert "signals.funding 0:7" in ran.out
    assert "\\xffkey" in ran.out
    assert tierline("rejected", "show", id_, "--json").json["content"]["data"] == {"series": "zz"}
    assert tierline("rejected", "show", id_, "--raw").out.encode() == BAD + b"\n"


def test_hostile_bytes_are_shown_and_not_obeyed(settings: Settings) -> None:
    """Binary garbage, escape sequences and markup reach no terminal as such."""
    id_ = reject(settings, b"\x00\xff\x1b]0;owned\x07[red]{", key=b"\x1b[2J")
    for command in (["rejected", "list"], ["rejected", "show", id_]):
        out = tierline(*command, env={"FORCE_COLOR": "1"}).out
        assert "\x1b]0" not in out
        assert "\x07" not in out
        assert "\x1b[2J" not in out
    assert "[red]" in tierline("rejected", "show", id_).out


def test_ids_that_name_nothing(settings: Settings) -> None:
    """No such place, and what is no id at all: one message each, exit 1."""
    open_log(settings).close()
    for id_ in ("0:99", "77:0", f"0:{1 << 70}"):
        ran = tierline("rejected", "show", id_)
        assert (ran.code, "there is no rejected record" in ran.err) == (1, True)
    assert "write partition:offset" in tierline("rejected", "show", "abc").err


def test_what_would_be_rejected_again_is_not_sent(settings: Settings) -> None:
    """A record that is still bad stays where it is, and the answer says why and how to go on."""
    id_ = reject(settings, BAD)
    ran = tierline("rejected", "resend", id_)
    assert ran.code == 1
    assert f"{id_}  not sent: it would be rejected again:" in ran.out
    assert sent(settings, "signals.funding") == []


@both_logs
def test_a_mended_record_goes_where_it_came_from(home: Path, settings: Settings) -> None:
    """Mended in a file it is sent to its family topic under its own key; one of `signals` under its account's."""
    family, keyed = reject(settings, BAD, key=b"k"), reject(settings, BAD, topic="signals")
    (home / "mend.jsonl").write_bytes(MENDED + b"\n\n" + MENDED + b"\n")
    ran = tierline("rejected", "resend", family, keyed, "--file", "mend.jsonl")
    assert ran.code == 0, ran.out
    assert f"{family}  sent to {settings.topic('signals.funding')}" in ran.out
    assert sent(settings, "signals.funding") == [(b"k", MENDED)]
    assert [(key, orjson.loads(value or b"")["id"]) for key, value in sent(settings, "signals")] == [
        (b"acme.com", "s-1")
    ]


@both_logs
def test_what_was_too_early_is_sent_as_it_came(settings: Settings) -> None:
    """A record whose time has come is resent byte for byte, by its reason, and told so to programs."""
    document = {
        "reason": "in_future",
        "message": "too early",
        "key": None,
        "headers": [],
        "origin": {"topic": settings.topic("signals.funding"), "partition": 0, "offset": 3},
        **content_of(MENDED),
        "sender": dict.fromkeys(("id", "source", "type", "subject")),
        "rejected_at": "2026-11-01T00:00:00Z",
    }
    id_ = put_rejected(settings, document)
    ran = tierline("rejected", "resend", "--reason", "in_future", "--json")
    assert ran.code == 0
    assert ran.lines == [{"id": id_, "to": settings.topic("signals.funding"), "why": None}]
    assert sent(settings, "signals.funding") == [(None, MENDED)]


def test_what_joins_two_accounts_is_sent_as_it_came(settings: Settings) -> None:
    """Parked for a fault of ours, an alias goes back to its partition, and what was remembered of an account to its."""
    ids = []
    for kind, key in (("alias", None), ("joined", b"acme.com"), ("tick", None)):
        raw = encode_mark(kind, {"old": "old.com"}, source="tierline", time=NOW, id_=kind)  # type: ignore[arg-type]
        origin = {"topic": settings.topic("signals"), "partition": 1, "offset": 7}
        refusal = Refusal("unexpected", "a fault of ours")
        document = rejected_document(refusal, raw=raw, key=key, headers=(), origin=origin, rejected_at=NOW)
        ids.append(put_rejected(settings, document))
    ran = tierline("rejected", "resend", *ids, "--json")
    assert [one["to"] for one in ran.lines] == [settings.topic("signals")] * 2 + [None]
    with open_log(settings) as log:
        partition = partition_for(b"acme.com", settings.partitions)
        assert [one.key for one in log.read(settings.topic("signals"), partition, 0, 9)][-1] == b"acme.com"
        assert log.read(settings.topic("signals"), 1, 0, 9)[0].key is None


def test_what_was_too_large_cannot_be_sent_again(settings: Settings) -> None:
    """Of a record over 1 MiB only the beginning is kept, which is said instead of sending half of it."""
    id_ = reject(settings, b"x" * (WHOLE_UP_TO + 1))
    ran = tierline("rejected", "resend", id_)
    assert ran.code == 1
    assert "only the beginning of its 1,048,577 bytes was kept" in ran.out
    shown = tierline("rejected", "show", id_)
    assert hashlib.sha256(b"x" * (WHOLE_UP_TO + 1)).hexdigest() in shown.out
    assert len(shown.out) < 20_000


def test_resend_called_wrongly(home: Path, settings: Settings) -> None:
    """Neither or both ways of choosing: exit 2. A file that does not fit the IDs: exit 1, nothing sent."""
    id_ = reject(settings, BAD)
    (home / "mend.jsonl").write_bytes(MENDED + b"\n" + MENDED + b"\n")
    assert tierline("rejected", "resend").code == 2
    assert tierline("rejected", "resend", id_, "--reason", "not_json").code == 2
    assert tierline("rejected", "resend", "--reason", "not_json", "--file", "mend.jsonl").code == 2
    ran = tierline("rejected", "resend", id_, "--file", "mend.jsonl")
    assert ran.code == 1
    assert "2 records for 1 ID" in ran.err
    assert sent(settings, "signals.funding") == []


@both_logs
def test_a_rejected_record_is_read_back(settings: Settings) -> None:
    """By its id the record comes with its bytes, key and time."""
    id_ = reject(settings, BAD, key=b"k")
    with open_log(settings) as log:
        found = rejected_at(log, settings, id_)
    assert found is not None
    assert (found.raw, found.key, found.whole) == (BAD, b"k", True)
    assert found.at >= NOW
