"""``tierline replay``: profiles over a file, without a log. From bytes to JSON lines, as a program would call it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from stream.cli.main import cli
from tests.scoring.conformance import Case, check, load_cases, moment
from tests.scoring.reference import iso

ROOT = Path(__file__).parents[2]
TIERLINE = [sys.executable, "-c", "from stream.cli.main import main; main()"]

HIRE = {
    "specversion": "1.0",
    "id": "x-1",
    "source": "linkedin",
    "type": "tierline.signal.executive_hire",
    "subject": "acme.com",
    "time": "2026-11-20T09:00:00Z",
    "data": {"title": "Chief Revenue Officer", "person": "Dana Roe"},
}
FACTS = {
    **HIRE,
    "id": "f-2",
    "source": "crm",
    "type": "tierline.signal.account_update",
    "subject": "https://www.acme.com/about",
    "time": "2026-11-20T08:00:00Z",
    "data": {"facts": {"technologies": ["Salesforce"], "annual_revenue_usd": 3e8, "industry": "technology"}},
}


def replay(folder: Path, lines: list[Any], *options: str, profiles: Path | None = None) -> tuple[list[Any], list[Any]]:
    """Changes (and scores) and rejected lines that a replay of these lines prints."""
    file = folder / "signals.jsonl"
    text = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    file.write_bytes(b"".join(line + b"\n" for line in text))
    profiles = profiles or ROOT / "examples" / "profiles" / "points.yaml"
    arguments = ["replay", "--profiles", str(profiles), "--signals", str(file), *options]
    done = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.stdout.splitlines()], [json.loads(x) for x in done.stderr.splitlines()]


def test_as_a_command_of_its_own() -> None:
    """As a program calls it: signals from standard input, changes to standard output, the rest to standard error."""
    text = "\n".join(["{broken", json.dumps(FACTS), json.dumps(HIRE)])
    points = str(ROOT / "examples" / "profiles" / "points.yaml")
    done = subprocess.run(
        [*TIERLINE, "replay", "--profiles", points, "--signals", "-"],
        input=text, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert [json.loads(line)["data"]["to_tier"] for line in done.stdout.splitlines()] == ["tier2", "tier1"]
    assert [json.loads(line)["reason"] for line in done.stderr.splitlines()] == ["not_json"]


def test_the_contracts_own_example(tmp_path: Path) -> None:
    """The tier change that the contract shows comes out as it stands there."""
    changes, rejected = replay(tmp_path, [FACTS, HIRE])
    assert rejected == []
    event = changes[1]
    change = event["data"]
    assert event["id"].startswith("acme.com/points/")
    assert event["id"].endswith("/2")
    assert (event["type"], event["subject"], event["time"]) == (
        "tierline.tier.changed",
        "acme.com",
        change["effective_at"],
    )
    assert (change["from_tier"], change["to_tier"], change["direction"], change["cause"]) == (
        "tier2",
        "tier1",
        "up",
        "signal",
    )
    assert (change["score"], change["previous_score"], change["coverage"]) == (75.0, 65.0, 1.0)
    assert change["trigger"] == {
        "id": "x-1", "source": "linkedin", "type": "executive_hire", "occurred_at": "2026-11-20T09:00:00Z",
        "summary": "hired Dana Roe as Chief Revenue Officer",
    }  # fmt: skip
    assert [(c["criterion"], c["points"], c["change"], c["evidence"]) for c in change["contributions"]] == [
        ("salesforce_crm", 30.0, 0.0, ["crm/f-2"]),
        ("revenue", 20.0, 0.0, ["crm/f-2"]),
        ("vertical", 15.0, 0.0, ["crm/f-2"]),
        ("cro_hire", 10.0, 10.0, ["linkedin/x-1"]),
    ]
    assert change["gaps"] == []
    assert (change["next_transition_at"][:19], change["next_tier"]) == ("2027-02-18T08:59:59", "tier2")
    assert change["summary"] == (
        "Hired Dana Roe as Chief Revenue Officer: 65 → 75, now tier1. "
        "Cools to tier2 on 18 Feb 2027 if nothing else happens."
    )
    assert change["import"] is True


def test_time_passes_until_then_and_what_is_later_is_left_out(tmp_path: Path) -> None:
    """`--until` lets an account cool; records after it are left out."""
    cooled, _ = replay(tmp_path, [FACTS, HIRE], "--until", "2027-03-01T00:00:00Z")
    assert [change["data"]["to_tier"] for change in cooled] == ["tier2", "tier1", "tier2"]
    assert cooled[2]["data"]["cause"] == "decay"
    early, _ = replay(tmp_path, [FACTS, HIRE], "--until", "2026-11-20T08:30:00Z")
    assert [change["data"]["to_tier"] for change in early] == ["tier2"]


def test_what_cannot_be_used_goes_to_standard_error(tmp_path: Path) -> None:
    """Each rejected line is told with its number, whole, with the reason and the mend; the others count."""
    bad = [b"{broken", {**HIRE, "subject": "joe@gmail.com"}, {**HIRE, "type": "tierline.signal.nonsense"}]
    changes, rejected = replay(tmp_path, [FACTS, *bad, HIRE])
    assert [change["data"]["to_tier"] for change in changes] == ["tier2", "tier1"]
    assert [(line["reason"], line["origin"]["line"]) for line in rejected] == [
        ("not_json", 2), ("unidentifiable_account", 3), ("unknown_type", 4),
    ]  # fmt: skip
    assert base64.b64decode(rejected[0]["raw"]) == b"{broken"
    schema = json.loads((ROOT / "schemas" / "published" / "rejected.json").read_text())
    for line in rejected:
        jsonschema.validate(line, schema)


def test_outputs_are_what_the_published_schemas_say(tmp_path: Path) -> None:
    """Tier changes and scores hold against the JSON Schemas that consumers get."""
    lines, _ = replay(tmp_path, [FACTS, HIRE], "--scores", "--until", "2027-03-01T00:00:00Z")
    published = ROOT / "schemas" / "published"
    schemas = {
        "tierline.tier.changed": json.loads((published / "tier-change.json").read_text()),
        "tierline.account.scored": json.loads((published / "account-score.json").read_text()),
    }
    assert {line["type"] for line in lines} == set(schemas)
    for line in lines:
        jsonschema.validate(line, schemas[line["type"]])
    assert lines[-1]["data"]["as_of"] == "2027-03-01T00:00:00Z"


def test_a_time_that_goes_back_counts_as_its_predecessor(tmp_path: Path) -> None:
    """Record times never go back in a file, so a late line is applied when it comes."""
    late = {**HIRE, "time": "2026-11-19T09:00:00Z"}
    changes, _ = replay(tmp_path, [FACTS, late])
    assert changes[1]["data"]["effective_at"] == "2026-11-20T08:00:00Z"
    assert changes[1]["data"]["trigger"]["occurred_at"] == "2026-11-19T09:00:00Z"


def test_aliases_are_followed_and_loops_refused(tmp_path: Path) -> None:
    """After an alias, told once or twice, signals under the old name are the canonical account's."""
    alias = {
        **HIRE,
        "id": "a",
        "type": "tierline.signal.account_alias",
        "subject": "old.com",
        "data": {"canonical": "acme.com"},
    }
    back = {**alias, "id": "b", "subject": "acme.com", "data": {"canonical": "old.com"}}
    changes, rejected = replay(tmp_path, [FACTS, alias, alias, back, {**HIRE, "subject": "www.old.com"}])
    assert [change["subject"] for change in changes] == ["acme.com", "acme.com"]
    assert [line["reason"] for line in rejected] == ["alias_loop"]


def test_an_alias_joins_two_accounts(tmp_path: Path) -> None:
    """The old name ends, and what was told of it counts for the other; an older alias comes too late to change that."""
    old = {**HIRE, "subject": "old.com", "time": "2026-11-20T08:30:00Z"}
    alias = {
        **HIRE,
        "id": "a",
        "source": "crm",
        "type": "tierline.signal.account_alias",
        "subject": "old.com",
        "data": {"canonical": "acme.com"},
    }
    older = {**alias, "id": "b", "time": "2026-11-19T09:00:00Z", "data": {"canonical": "else.com"}}
    back = {
        **HIRE,
        "id": "r",
        "type": "tierline.signal.retracted",
        "subject": "old.com",
        "data": {"signal_id": "a", "signal_source": "crm", "signal_time": HIRE["time"]},
    }
    lines, rejected = replay(tmp_path, [old, FACTS, alias, older, back, alias], "--scores")
    changes, (score,) = [line["data"] for line in lines[:-1]], lines[-1:]
    assert [(one["account"], one["direction"], one["cause"], one["to_tier"]) for one in changes] == [
        ("acme.com", "enter", "fact", "tier2"),
        ("old.com", "merged", "merge", None),
        ("acme.com", "up", "merge", "tier1"),
    ]
    triggers = [one["trigger"]["summary"] for one in changes[1:]]
    assert triggers == ["is another name of acme.com", "known as old.com, too"]
    assert [one["summary"].partition(".com")[0] for one in changes[1:]] == ["Merged into acme", "Known as old"]
    assert changes[2]["contributions"][-1]["evidence"] == ["linkedin/x-1"]
    assert score["subject"] == "acme.com", "the old name is no account any more"
    schema = json.loads((ROOT / "schemas" / "published" / "tier-change.json").read_text())
    for line in lines[:-1]:
        jsonschema.validate(line, schema)
    assert [(line["reason"], line["origin"]["line"]) for line in rejected] == [("not_retractable", 5)]
    assert "crm/a is of type account_alias, which cannot be taken back" in rejected[0]["message"]


def test_an_alias_of_the_future_is_refused_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    """An alias is judged like any signal; a file saved on Windows loses nothing."""
    alias = {**HIRE, "id": "a", "type": "tierline.signal.account_alias", "subject": "old.com"}
    ahead = {**alias, "time": "2030-01-01T00:00:00Z", "recordedtime": HIRE["time"], "data": {"canonical": "acme.com"}}
    first = b"\xef\xbb\xbf" + json.dumps(FACTS).encode()
    changes, rejected = replay(tmp_path, [first, ahead, {**HIRE, "subject": "old.com"}], "--scores")
    assert [line["reason"] for line in rejected] == ["in_future"]
    assert [line["subject"] for line in changes] == ["acme.com", "acme.com", "old.com"]


def test_an_empty_file_is_no_error(tmp_path: Path) -> None:
    """Nothing in, nothing out."""
    assert replay(tmp_path, [b"", b"  "], "--scores") == ([], [])


@pytest.mark.parametrize("case", load_cases(), ids=lambda case: case.name)
def test_worked_examples_from_bytes_to_bytes(case: Case, tmp_path: Path) -> None:
    """Every worked example gives its answers through the command, too."""
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(case.profile_doc))
    lines = [_event(item) for item in case.items]
    name = case.profile_doc["profile"]

    def at(days: float) -> dict[str, Any]:
        told, _ = replay(tmp_path, lines, "--scores", "--until", iso(moment(days)), profiles=profile)
        standing: dict[str, Any] = told[-1]["data"]["profiles"][name]
        return standing

    told, rejected = replay(tmp_path, lines, "--until", iso(moment(3_650)), profiles=profile)
    changes = [_flat(line["data"]) for line in told]
    if not rejected:
        check(
            case, changes,
            score_at=lambda days: at(days)["score"],
            tier_at=lambda days: at(days)["tier"],
            coverage_at=lambda days: at(days)["coverage"],
        )  # fmt: skip


def _event(item: Any) -> dict[str, Any]:
    signal = item.signal
    return {
        "specversion": "1.0", "id": signal.id, "source": signal.source, "type": f"tierline.signal.{signal.type}",
        "subject": signal.account, "time": iso(signal.time), "recordedtime": iso(item.record_time_ms),
        "data": signal.data,
    }  # fmt: skip


def _flat(change: dict[str, Any]) -> dict[str, Any]:
    from schemas.times import parse_time

    trigger = change["trigger"]
    return {
        **change,
        "effective_at": parse_time(change["effective_at"]),
        "trigger": (trigger["source"], trigger["id"]) if trigger else None,
    }
