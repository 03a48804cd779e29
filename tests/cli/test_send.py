"""`tierline send`: what goes into the log, and what is said of the rest."""

from __future__ import annotations

import gzip
import hashlib
import subprocess
from pathlib import Path

import orjson
import pytest

from schemas.rejected import Rejected
from stream.settings import Settings
from stream.topology import open_log
from stream.transports.records import Record, partition_for
from tests.cli.both import both_logs
from tests.cli.running import PROGRAM, lines, signal_line, tierline


def records(settings: Settings, topic: str = "signals") -> list[Record]:
    """Every record of a topic, partition by partition."""
    with open_log(settings) as log:
        name = settings.topic(topic)
        return [one for part in range(log.partitions(name)) for one in log.read(name, part, 0, 100_000)]


@both_logs
def test_good_lines_are_sent_and_bad_ones_named(home: Path, settings: Settings) -> None:
    """A file with bad lines sends the good ones, names the bad ones by file and line with the mend, and exits 1."""
    (home / "in.jsonl").write_bytes(
        lines(signal_line(1), b"{broken\n", signal_line(2), signal_line(3, account="gmail.com"), b"\n", b"[1]\n")
    )
    ran = tierline("send", "in.jsonl")
    assert ran.code == 1
    assert "Sent 2 signals" in ran.out
    assert "in.jsonl:2: the record is not JSON" in ran.err
    assert "in.jsonl:4: unidentifiable account 'gmail.com'" in ran.err
    assert "in.jsonl:6:" in ran.err
    assert "3 lines could not be used." in ran.err
    assert [orjson.loads(one.value or b"")["id"] for one in records(settings)] == ["s-1", "s-2"]


@both_logs
def test_records_are_keyed_by_the_canonical_account(home: Path, settings: Settings) -> None:
    """However a line spells the account, its record lies under the canonical one, in that one's partition."""
    spellings = ("https://www.Acme.com/about", "dana@ACME.com", "acme.com.", "Bücher.de")
    (home / "in.jsonl").write_bytes(lines(*(signal_line(i, account=name) for i, name in enumerate(spellings))))
    assert tierline("send", "in.jsonl").code == 0
    found = records(settings)
    assert sorted(one.key or b"" for one in found) == [b"acme.com"] * 3 + [b"xn--bcher-kva.de"]
    for one in found:
        assert orjson.loads(one.value or b"")["subject"].encode() == one.key
        assert one.partition == partition_for(one.key, settings.partitions)


def test_rejects_are_written_whole(home: Path) -> None:
    """--rejects gets every bad line byte for byte, as the published contract has it; the first twenty are shown."""
    bad = [b"\xff\xfe garbage %d" % number for number in range(30)]
    (home / "in.jsonl").write_bytes(b"\n".join(bad))
    ran = tierline("send", "in.jsonl", "--rejects", "out.jsonl")
    assert ran.code == 1
    documents = [orjson.loads(line) for line in (home / "out.jsonl").read_bytes().splitlines()]
    assert [Rejected.model_validate(one).origin.model_dump()["line"] for one in documents] == list(range(1, 31))
    assert documents[0]["raw"] == "//4gZ2FyYmFnZSAw"
    assert ran.err.count("in.jsonl:") == 20
    assert "30 lines could not be used (the first 20 are shown). They are in out.jsonl." in ran.err


def test_a_huge_line_is_not_held(home: Path, settings: Settings) -> None:
    """A line of several MiB is reported with its size and hash, and its neighbours are sent."""
    huge = b'{"x": "' + b"y" * 3_000_000 + b'"}'
    (home / "in.jsonl").write_bytes(signal_line(1) + huge + b"\n" + signal_line(2))
    ran = tierline("send", "in.jsonl", "--rejects", "out.jsonl")
    assert "in.jsonl:2: the line has 3,000,009 bytes, over 1,048,576" in ran.err
    document = orjson.loads((home / "out.jsonl").read_bytes())
    Rejected.model_validate(document)
    assert document["reason"] == "too_large"
    assert document["raw_size"] == len(huge)
    assert document["sha256"] == hashlib.sha256(huge).hexdigest()
    assert len(records(settings)) == 2


@pytest.mark.parametrize("content", [b"", b"\n \n\r\n", b"\xef\xbb\xbf"])
def test_empty_input_is_no_error(home: Path, content: bytes) -> None:
    """An empty file is sent with success, and it is said that nothing was in it."""
    (home / "in.jsonl").write_bytes(content)
    ran = tierline("send", "in.jsonl")
    assert (ran.code, ran.err) == (0, "")
    assert "There was nothing in the input." in ran.out


def test_marks_of_other_systems_are_passed_over(home: Path, settings: Settings) -> None:
    """A byte order mark, CRLF line ends and a last line without an end are read."""
    (home / "in.jsonl").write_bytes(
        b"\xef\xbb\xbf" + signal_line(1).replace(b"\n", b"\r\n") + signal_line(2).rstrip(b"\n")
    )
    assert tierline("send", "in.jsonl").code == 0
    assert len(records(settings)) == 2


def test_what_a_file_is_can_be_told_by_its_content(home: Path, settings: Settings) -> None:
    """A file without a telling name is looked into; what it does not tell is asked for, with the formats listed."""
    (home / "signals.txt").write_bytes(signal_line(1))
    (home / "noise.bin").write_bytes(bytes(range(256)))
    assert tierline("send", "signals.txt").code == 0
    ran = tierline("send", "noise.bin")
    assert ran.code == 2
    assert "Use --format" in ran.err
    assert "yc-directory" in ran.err
    assert len(records(settings)) == 1


def test_compressed_files_are_unpacked(home: Path, settings: Settings) -> None:
    """A .gz is read as what it holds; a torn one gives what was before the tear, and says so."""
    packed = gzip.compress(lines(*(signal_line(number) for number in range(3_000))))
    (home / "whole.jsonl.gz").write_bytes(packed)
    (home / "torn.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    assert tierline("send", "whole.jsonl.gz").code == 0
    ran = tierline("send", "torn.jsonl.gz")
    assert ran.code == 1
    assert "the compressed file is broken here" in ran.err
    assert len(records(settings)) > 3_500


def test_csv_rows_have_ids_that_stay(home: Path, settings: Settings) -> None:
    """A CSV sent twice has the same ids, so that it counts once; a bad row is named by its line."""
    (home / "facts.csv").write_text(
        "domain,time,name,employees\n"
        'acme.com,2026-11-01,"Acme,\nInc",120\n'
        "beta.io,yesterday,Beta,3\n"
        "gmail.com,2026-11-01,Mail,1\n"
    )
    first, second = tierline("send", "facts.csv"), tierline("send", "facts.csv")
    assert first.code == second.code == 1
    assert "facts.csv:4: time: 'yesterday'" in first.err
    assert "facts.csv:5: unidentifiable account" in first.err
    assert len({orjson.loads(one.value or b"")["id"] for one in records(settings)}) == 1
    assert len(records(settings)) == 2


def test_what_was_made_of_a_table_is_told(home: Path, settings: Settings) -> None:
    """Columns nobody knows and facts left out are told once a file, on standard error, and are no failure."""
    (home / "crm.csv").write_text("Domain;Employes;Headcount\nacme.com;3;201-500\nbeta.io;4;many\n")
    ran = tierline("send", "crm.csv")
    assert ran.code == 0, ran.err
    assert "crm.csv: columns kept as custom facts: Employes\n" in ran.err
    assert "crm.csv: employees: not a value it can have, so that fact was left out of 1 row (line 3: 'many')" in ran.err
    assert [orjson.loads(one.value or b"")["data"]["facts"].get("employees") for one in records(settings)] == [
        201,
        None,
    ]
    summary = tierline("send", "--json", "crm.csv")
    assert summary.err == ""
    assert "columns kept as custom facts: Employes" in summary.json["inputs"][0]["notes"]


@pytest.mark.parametrize("name", ["list.json", "list.jsonl"])
def test_one_json_list_is_refused_with_the_command_that_mends_it(home: Path, name: str) -> None:
    """A list is told of before anything is sent, whatever the file is called."""
    (home / name).write_bytes(b"[" + signal_line(1).strip() + b",\n" + signal_line(2).strip() + b"]\n")
    ran = tierline("send", name)
    assert ran.code == 2
    assert f"{name} holds one JSON list; Tierline reads one object a line: jq -c '.[]' {name} > " in ran.err
    assert not (home / "log.db").exists()


def test_csv_from_a_pipe(settings: Settings) -> None:
    """With --format csv a table may come from standard input."""
    table = b"type,subject,time,series\nfunding_round,acme.com,2026-11-01T09:00:00Z,b\n"
    ran = subprocess.run([*PROGRAM, "send", "--format", "csv", "-"], input=table, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert len(records(settings)) == 1


def test_history_is_refused_without_import(home: Path) -> None:
    """A folder of history is not sent as of today: it is refused, and what to add is said."""
    (home / "dir").mkdir()
    (home / "dir" / "snapshot_2024-01-01.ndjson").write_bytes(b"{}\n")
    ran = tierline("send", "dir")
    assert ran.code == 2
    assert "Add --import" in ran.err
    assert not (home / "log.db").exists()


@both_logs
def test_aliases_are_followed_and_go_their_own_way(home: Path, settings: Settings) -> None:
    """An alias in the input goes to `accounts`; later lines of the old name, and later sends, are under the new one."""
    alias = signal_line(1, account="old.com", type_="account_alias", data={"canonical": "new.com"})
    (home / "a.jsonl").write_bytes(signal_line(0, account="old.com") + alias + signal_line(2, account="old.com"))
    (home / "b.jsonl").write_bytes(alias + signal_line(3, account="www.old.com"))
    assert tierline("send", "a.jsonl").code == 0
    assert tierline("send", "b.jsonl").code == 0
    assert {orjson.loads(one.value or b"")["id"]: one.key for one in records(settings)} == {
        "s-0": b"old.com",
        "s-2": b"new.com",
        "s-3": b"new.com",
    }
    assert [one.key for one in records(settings, "accounts")] == [b"old.com", b"old.com"]


def test_an_alias_that_would_loop_is_a_bad_line(settings: Settings) -> None:
    """Two names that stand for each other are refused where the second is told."""
    there = signal_line(1, account="a.com", type_="account_alias", data={"canonical": "b.com"})
    back = signal_line(2, account="b.com", type_="account_alias", data={"canonical": "a.com"})
    ran = tierline("send", "-", stdin=there + back)
    assert ran.code == 1
    assert "standard input:2: alias b.com -> a.com would make b.com stand for itself" in ran.err
    assert len(records(settings, "accounts")) == 1


@both_logs
def test_the_summary_for_programs(home: Path) -> None:
    """--json prints one document with counts and bad lines, and nothing else anywhere."""
    (home / "in.jsonl").write_bytes(signal_line(1) + b"nonsense\n")
    ran = tierline("send", "--json", "in.jsonl")
    assert ran.err == ""
    assert ran.json["sent"] == 1
    assert ran.json["by_type"] == {"funding_round": 1}
    assert ran.json["bad_lines"][0] | {"message": ""} == {
        "file": "in.jsonl", "line": 2, "reason": "not_json", "message": ""
    }  # fmt: skip


def test_hostile_lines_do_not_reach_the_terminal(home: Path) -> None:
    """Control characters and markup in a bad line or a file's name are shown, not obeyed."""
    name = "in\x1b[31m[red].jsonl"
    (home / name).write_bytes(signal_line(1, account="\x1b]0;owned\x07[bold]x"))
    ran = tierline("send", name)
    assert ran.code == 1
    assert "\x1b" not in ran.out + ran.err
    assert "\x07" not in ran.out + ran.err
    assert "[red].jsonl:1:" in ran.err


def test_errors_are_one_message(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing folder, a file that is no log and another partition count: each one message with the mend, exit 1."""
    (home / "in.jsonl").write_bytes(signal_line(1))
    (home / "text.db").write_text("this is no database, just text that is long enough to be looked at" * 20)
    missing = tierline("send", "in.jsonl", "--broker", f"sqlite:///{home}/none/log.db")
    other = tierline("send", "in.jsonl", "--broker", f"sqlite:///{home}/text.db")
    assert (missing.code, other.code) == (1, 1)
    assert "does not exist. Create it" in missing.err
    assert "not a Tierline log" in other.err
    assert tierline("send", "in.jsonl").code == 0
    monkeypatch.setenv("TIERLINE_PARTITIONS", "7")
    shape = tierline("send", "in.jsonl")
    assert shape.code == 1
    assert "4 partitions, not 7" in shape.err
    assert all("Traceback" not in ran.err for ran in (missing, other, shape))


def test_wrong_calls_exit_2(home: Path) -> None:
    """No file, a file that is not there, standard input twice, a folder as JSON lines: exit 2."""
    (home / "dir").mkdir()
    (home / "in.jsonl").write_bytes(b"")
    calls = [[], ["none.jsonl"], ["-", "-"], ["--format", "jsonl", "dir"], ["--domains", "in.jsonl", "in.jsonl"]]
    assert [tierline("send", *call).code for call in calls] == [2] * 5
