"""`tierline accounts` and `tierline explain`: what a person and a program get to see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from schemas.accounts import ProfileStanding
from stream.identity import Aliases
from stream.reading import signals_of
from stream.settings import Settings
from stream.topology import open_log
from stream.transports.records import Append, partition_for
from stream.wire import encode_mark
from tests.cli.both import both_logs
from tests.cli.filling import NOW, fill
from tests.cli.running import signal_line, tierline


@both_logs
@pytest.mark.usefixtures("filled")
def test_accounts_are_listed_hottest_first() -> None:
    """Highest score first, the disqualified last, with name, reasons and when they cool."""
    ran = tierline("accounts")
    assert ran.code == 0
    rows = [line.split() for line in ran.out.splitlines()[2:]]
    assert [row[0] for row in rows] == ["acme.com", "beta.io", "gamma.de", "delta.org"]
    assert "hot" in ran.out
    assert "Acme Corporation" in ran.out
    assert "size +30" in ran.out
    assert "warm, " in ran.out
    assert "layoffs" in ran.out


@pytest.mark.usefixtures("filled")
def test_what_strangers_named_themselves_is_shown_and_not_obeyed() -> None:
    """Markup and control characters in a company's name reach no terminal."""
    for command in (("accounts",), ("explain", "beta.io"), ("explain", "betta.io")):
        ran = tierline(*command, env={"FORCE_COLOR": "1"}, columns=160)
        assert "\x1b[31m\u202e" not in ran.out + ran.err
        assert "\u202e" not in ran.out + ran.err
        assert "[red]evil[/red]" in ran.out + ran.err


@pytest.mark.usefixtures("filled")
def test_filters_and_sorting() -> None:
    """By tier, by name, who moves next, and at most so many, with a word about the rest."""
    assert [row["account"] for row in tierline("accounts", "--json", "--tier", "warm").lines] == ["beta.io"]
    by_name = [row["account"] for row in tierline("accounts", "--json", "--sort", "account").lines]
    assert by_name == ["acme.com", "beta.io", "delta.org", "gamma.de"]
    by_next = [row["account"] for row in tierline("accounts", "--json", "--sort", "next").lines]
    assert by_next == ["acme.com", "delta.org", "beta.io", "gamma.de"]
    since = [row["since"] for row in tierline("accounts", "--json", "--sort", "since").lines]
    assert since == sorted(since, reverse=True)
    ran = tierline("accounts", "--limit", 1)
    assert "… and 3 more: --limit 0 shows all." in ran.err
    assert "beta.io" not in ran.out


@pytest.mark.usefixtures("filled")
def test_a_tier_or_profile_that_is_not_there() -> None:
    """An empty tier is no error and names the tiers there are; a profile that is not scored is one."""
    ran = tierline("accounts", "--tier", "lava")
    assert (ran.code, ran.out) == (0, "")
    assert "Tiers with accounts: cold, disqualified, hot, warm." in ran.err
    wrong = tierline("accounts", "--profile", "none")
    assert wrong.code == 1
    assert "there are: crm" in wrong.err


@pytest.mark.usefixtures("home")
def test_what_to_do_while_there_is_nothing(settings: Settings) -> None:
    """Without a log, with an empty one, and with signals that nobody has scored: each says what to do."""
    missing = tierline("accounts")
    assert missing.code == 1
    assert "no such log" in missing.err
    open_log(settings).close()
    assert "the log is empty. Send it signals" in tierline("accounts").err
    tierline("send", "-", stdin=signal_line(1))
    ran = tierline("accounts")
    assert ran.code == 0
    assert "the log has 1 record to score: start `tierline run`." in ran.err
    assert "not scored yet" in tierline("explain", "acme.com").err


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("columns", [60, 80, 200])
def test_pages_fit_the_terminal(columns: int) -> None:
    """No line is wider than the terminal, and nothing is coloured where there is none."""
    for command in (["accounts"], ["explain", "acme.com"]):
        ran = tierline(*command, columns=columns)
        assert ran.code == 0
        assert max(map(len, ran.out.splitlines())) <= columns
        assert "\x1b" not in ran.out


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("spelling", ["acme.com", "https://www.acme.com/about?x=1", "Dana <dana@ACME.com>"])
def test_an_account_is_explained_by_any_name(spelling: str) -> None:
    """Why, what is missing, what happened, when it cools, and a plot with the lines of the tiers."""
    ran = tierline("explain", spelling)
    assert ran.code == 0, ran.err
    for part in (
        "acme.com  Acme Corporation",
        "crm (version 2): hot with ",
        "Cools to warm on ",
        "What gives points",
        "What is missing",
        "it has faded",
        "What happened",
        "Hired Dana Roe as CRO",
        "hot 70",
        "warm 30",
        "test/e-2",
    ):
        assert part in ran.out, part


def test_what_changed_has_a_column_where_something_did(filled: Settings) -> None:
    """No empty column: only where a contribution changed, by as much as can be seen, is it told by how much."""

    def head() -> list[str]:
        lines = tierline("explain", "acme.com").out.splitlines()
        return lines[lines.index("What gives points") + 1].split()

    assert head() == ["points", "of", "criterion", "group", "evidence"]
    _changed(filled, "acme.com", "money", 0.001)
    assert "change" not in head()
    _changed(filled, "acme.com", "money", -2.5)
    assert head() == ["points", "of", "change", "criterion", "group", "evidence"]
    shown = tierline("explain", "acme.com").out
    assert "10  10    -2.5  money       timing  test/e-3\n" in shown
    assert "30  30          size        fit     test/e-1\n" in shown


def _changed(settings: Settings, account: str, criterion: str, change: float) -> None:
    """Publish the account's score again, with one contribution changed by so much."""
    topic = settings.topic("account-scores")
    with open_log(settings) as log:
        (record,) = (one for one in log.scan_latest(topic) if one.key == account.encode())
        document = json.loads(record.value or b"")
        for line in document["data"]["profiles"]["crm"]["contributions"]:
            line["change"] = change if line["criterion"] == criterion else 0.0
        log.append([Append(topic, record.partition, record.key, json.dumps(document).encode())])


@both_logs
@pytest.mark.usefixtures("filled")
def test_why_an_account_is_disqualified() -> None:
    """The reason is named, and so is the day it ends."""
    ran = tierline("explain", "delta.org")
    assert "disqualified with 30 points" in ran.out
    assert "Disqualified: excluded by layoffs" in ran.out
    assert "Moves to warm on" in ran.out


@both_logs
@pytest.mark.usefixtures("filled")
def test_an_explanation_for_programs() -> None:
    """--json is one document: the standing as published, the changes, and a curve that ends at the score of now."""
    document = tierline("explain", "acme.com", "--json", "--days", 30).json
    profile = document["profiles"]["crm"]
    ProfileStanding.model_validate({name: profile[name] for name in profile if name not in {"changes", "curve"}})
    assert [change["to_tier"] for change in profile["changes"]] == ["warm", "hot"]
    assert profile["curve"][-1]["score"] == pytest.approx(profile["score"], abs=0.01)
    scores = {point["score"] for point in profile["curve"]}
    assert min(scores) == 50.0  # facts alone, before the hire
    assert max(scores) > 89


def test_the_curve_has_what_was_told_under_other_names(filled: Settings) -> None:
    """Of accounts that were joined, up to then and at its own times; a forged mark breaks nothing."""
    marks: list[dict[str, Any]] = [{"old": "delta.org"}, {"old": "acme.com"}, {"old": 5}, {}]
    with open_log(filled) as log:
        topic, key = filled.topic("signals"), b"acme.com"
        partition = partition_for(key, filled.partitions)
        values = [encode_mark("joined", data, source="x", time=NOW, id_="m") for data in marks]
        log.append([Append(topic, partition, key, value) for value in values])
        found = signals_of(log, filled, "acme.com", Aliases({"delta.org": "other.com"}))
    assert [signal.id for _, signal in found] == ["e-1", "e-6", "e-2", "e-7", "e-3"]
    assert {signal.account for _, signal in found} == {"acme.com"}
    assert tierline("explain", "acme.com", "--json").json["profiles"]["crm"]["curve"][-1]["score"] > 0


@pytest.mark.usefixtures("home")
def test_the_curve_is_empty_before_anything_was_known() -> None:
    """Before the first record of an account its curve has no score, not a score of nought."""
    fill()
    curve = tierline("explain", "delta.org", "--json").json["profiles"]["crm"]["curve"]
    assert curve[0]["score"] is None
    assert curve[-1]["score"] == 30.0


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("asked", "meant"), [("acne.com", "acme.com (Acme Corporation)"), ("acme", "acme.com"), ("Gamma GmbH", "gamma.de")]
)
def test_unknown_accounts_are_answered_with_similar_ones(asked: str, meant: str) -> None:
    """A slip of the finger or a company's name instead of its domain: the nearest accounts are named."""
    ran = tierline("explain", asked)
    assert ran.code == 1
    assert "Did you mean" in ran.err
    assert meant in ran.err


@both_logs
def test_an_older_name_is_followed(filled: Settings) -> None:
    """A name that was given up leads to the account it stands for now, which says so."""
    with open_log(filled) as log:
        log.append([Append(filled.topic("aliases"), 0, b"oldacme.com", b'{"canonical": "acme.com"}')])
    ran = tierline("explain", "www.oldacme.com")
    assert ran.code == 0
    assert "also known as oldacme.com" in ran.out
