"""What routes would have sent: the real decision on a clock of its own, and a page that says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from stream.cli.alerts import command
from stream.delivery.rehearse import rehearse

from .building import DAY, HOUR, MINUTE, MONDAY, change, event, routes

NIGHT = "defaults: {ceiling: 5, quiet_hours: {from: '18:00', until: '08:00'}}\nroutes: [{route: hot, to: [sales]}]"


def test_a_day_of_changes() -> None:
    """Five an hour, then one with the rest, nothing at night, and a digest in the morning."""
    at = [MONDAY + number * 5 * MINUTE for number in range(280)]
    found = rehearse([(moment, change(f"a{n}.com", at=moment), {}) for n, moment in enumerate(at)], routes(NIGHT))
    assert found.changes == 280
    assert found.most_in("sales", HOUR) == 5
    assert {message.kind for _, message in found.messages} == {"single", "overflow", "digest"}
    hours = {(moment // HOUR) % 24 for moment, _ in found.messages}
    assert hours <= set(range(8, 18))
    assert sum(message.count for _, message in found.messages) == 280, "every change is told of"
    moments = [moment for moment, _ in found.messages]
    assert moments == sorted(moments)


def test_a_digest_of_a_roll_out() -> None:
    """What a new profile version moves comes as one message the next morning."""
    moved = [(MONDAY + n, change(f"a{n}.com", at=MONDAY + n, cause="profile"), {}) for n in range(3_000)]
    found = rehearse(moved, routes("defaults: {digest_at: '08:30'}\nroutes: [{route: hot, to: [sales]}]"))
    ((moment, message),) = found.messages
    assert (message.kind, message.count, len(message.told)) == ("digest", 3_000, 50)
    assert moment == MONDAY + DAY - 30 * MINUTE


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A routes file and a file of changes, in the folder of the command."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alerts.yaml").write_text(
        "channels: {sales: {kind: slack, webhook: {env: NOT_SET}}}\n"
        "routes: [{route: hot, when: {employees: {gte: 50}}, to: [sales]}]\n"
    )
    lines: list[dict[str, Any]] = [
        event("acme.com", import_=True), event("tiny.com", import_=True),
        {"subject": "acme.com", "data": {"facts": {"employees": 80, "name": "Acme"}}},
    ]  # fmt: skip
    (tmp_path / "changes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines) + "no json\n")
    return tmp_path


def run(*arguments: str) -> Any:
    return CliRunner().invoke(command, arguments)


def test_routes_are_tried_on_a_file(files: Path) -> None:
    """A replay's output is enough: imported or not, its changes count at their own time, with the facts beside them."""
    del files
    found = run("preview", "--routes", "alerts.yaml", "--file", "changes.jsonl")
    assert found.exit_code == 0, found.output
    assert "2 tier changes, 1 message." in found.stdout
    assert "sales: 1 message (1 single); at most 1 in 24 hours." in found.stdout
    assert "Acme" in found.stdout
    assert "1 line of changes.jsonl were neither" in found.stderr
    (line,) = run("preview", "--routes", "alerts.yaml", "--file", "changes.jsonl", "--json").stdout.splitlines()
    assert json.loads(line)["alert"] == "acme.com/demo/abc/1/hot/sales"


def test_what_is_not_shown_is_counted(files: Path) -> None:
    """The newest messages are shown; how many came before them is said, with what shows all."""
    made = [event(f"{name}.com", import_=True) for name in ("one", "two", "three")]
    made += [{"subject": f"{name}.com", "data": {"facts": {"employees": 80}}} for name in ("one", "two", "three")]
    (files / "changes.jsonl").write_text("".join(json.dumps(line) + "\n" for line in made))
    told = ("preview", "--routes", "alerts.yaml", "--file", "changes.jsonl")
    assert "… 2 before these: --messages 3 shows all" in run(*told, "--messages", "1").stdout
    assert "before these" not in run(*told, "--messages", "3").stdout


def test_check_says_what_is_worth_a_word(files: Path) -> None:
    """Routes that can be used may name a tier that no profile has, or leave a channel without a route."""
    (files / "alerts.yaml").write_text(
        "channels: {sales: {kind: inbox, folder: in}, spare: {kind: inbox, folder: in}}\n"
        "routes: [{route: hot, tiers: [hto], profiles: [quick], to: [sales]}]\n"
    )
    (files / "profiles").mkdir()
    (files / "profiles" / "p.yaml").write_text(
        "{profile: quick, version: 1, groups: [], tiers: [{name: hot, enter: 5}, {name: cold}]}"
    )
    found = run("check", "--routes", "alerts.yaml", "--json")
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["warnings"] == [
        "route hot: no profile has a tier hto; there is cold, disqualified, hot",
        "channel spare: no route tells anybody there",
    ]


def test_a_sample_is_sent_to_the_recipients_of_a_route(files: Path) -> None:
    """`test` goes the whole way, says of each recipient what came of it, and cannot be taken for the real thing."""
    (files / "alerts.yaml").write_text(
        "channels: {sales: {kind: inbox, folder: in}}\nroutes: [{route: hot, to: [sales]}]\n"
    )
    found = run("test", "hot", "--routes", "alerts.yaml")
    assert (found.exit_code, found.stdout) == (0, "sales: delivered: written\n")
    assert "Acme Logistics (a sample) is hot now" in (files / "in" / "alerts.txt").read_text()
    wrong = run("test", "cold", "--routes", "alerts.yaml")
    assert (wrong.exit_code, wrong.stderr) == (1, "tierline: alerts.yaml has no route cold; it has hot.\n")


def test_commands_called_wrongly_say_so(files: Path) -> None:
    """A snooze without a span, a retry of nothing, a preview without routes: each says what to write."""
    del files
    assert run("snooze", "acme.com").exit_code == 2
    assert run("snooze", "acme.com", "--for", "soon").exit_code == 2
    assert run("snooze", "gmail.com", "--for", "1d").exit_code == 1
    assert run("retry").exit_code == 2
    without = run("preview")
    assert (without.exit_code, "TIERLINE_ROUTES" in without.stderr) == (1, True)
