"""What a message says: the account, why now, the score and why, how long, what is missing, where to read more."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from stream.delivery.message import Alert
from stream.delivery.rendering.email import EmailLayout
from stream.delivery.rendering.inbox import InboxLayout
from stream.delivery.rendering.plain import change_line, plain_parts
from stream.delivery.rendering.render import Renderer
from stream.delivery.rendering.sample import sample_changes, samples
from stream.delivery.rendering.slack import SlackLayout
from stream.delivery.rendering.teams import TeamsLayout
from stream.delivery.rendering.view import change_view, view_of
from stream.delivery.rendering.words import number, signed


def alert(**data: Any) -> Alert:
    change = dict(sample_changes()["up"])
    change["data"] = {**change["data"], **data}
    return replace(samples()["up"], changes=[change])


def line(criterion: str, points: float, change: float = 0.0, **more: Any) -> dict[str, Any]:
    told = {"criterion": criterion, "group": "g", "points": points, "of": points, "change": change, "evidence": []}
    return told | more


def test_everything_a_rep_asks() -> None:
    """Who, why now, from what to what, the three strongest with evidence, the gaps, the forecast, and one link."""
    rendered = Renderer(InboxLayout()).render(samples()["up"])
    told = rendered.body["title"] + "\n" + rendered.body["text"]
    for piece in (
        "Acme Logistics is hot now", "Hired Piotr Iyer as VP Data on 24 Nov 2025", "Score 46.4 → 60.4; warm → hot",
        "Hot until 13 Dec 2025 (18 days) if nothing else happens, then warm",
        "14  data leader, new – A new head of data",
        "(linkedin/pe-7)", "Not there yet: surge (18)", "owner Dana Roe", "https://tierline.example.com/accounts/acme.com",
    ):  # fmt: skip
        assert piece in told, told
    assert told.count("https://") == 1


@pytest.mark.parametrize(
    ("name", "headline"),
    [
        ("up", "▲ Acme Logistics is hot now"), ("enter", "▲ Umbra Health is warm now"),
        ("down", "▼ Northwind Media cooled to warm"), ("disqualified", "✕ Globex Financial is out (was hot)"),
        ("requalified", "▲ Initech is back in, warm"),
        ("merged", "⇢ hooli.example merged into another account"),
        ("digest", "31 tier changes: held overnight"), ("overflow", "12 more tier changes"),
    ],
)  # fmt: skip
def test_headlines(name: str, headline: str) -> None:
    """The first line says what happened to whom."""
    assert view_of(samples()[name], {})["headline"] == headline


def test_a_score_that_is_the_same_is_said_once() -> None:
    """Where nothing but the tier changed, as numbers are rounded, no form says `30 → 30`."""
    alerts = [alert(previous_score=was, score=30.01) for was in (29.9, 29.98)]
    moved, still = (change_view(one.changes[0], one, {}) for one in alerts)
    assert ", 29.9 → 30. " in change_line(moved)
    assert ", at 30. " in change_line(still)
    assert any(line.startswith("Score 29.9 → 30, ") for line in plain_parts({**moved, "kind": "single"})["body"])
    assert any(line.startswith("Score 30, ") for line in plain_parts({**still, "kind": "single"})["body"])
    for layout in (InboxLayout(), SlackLayout(), TeamsLayout(), EmailLayout()):
        said = json.dumps(Renderer(layout).render(alerts[1]).body, ensure_ascii=False)
        assert "30" in said
        assert "30 →" not in said, said


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"trigger": {"summary": "expanded (unspecified)", "type": "expansion"},
          "contributions": [line("headcount_jump", 22, 22)]}, "Expanded (headcount jump)"),
        ({"trigger": {"summary": "changed its website (new_domain)", "type": "website_change"}},
         "Changed its website (new domain)"),
        ({"cause": "profile"}, "The profile changed"),
        ({"cause": "merge", "direction": "merged", "summary": "Merged into acme.com.",
          "trigger": {"summary": "is another name of acme.com", "type": "account_alias"}}, "Merged into acme.com"),
        ({"cause": "merge", "direction": "up", "summary": "Known as old.com, too: 18 → 37, now hot.",
          "trigger": {"summary": "known as old.com, too", "type": "account_alias"}}, "Known as old.com, too"),
        ({"cause": "fact", "contributions": [line("size", 13, 13)]}, "New facts: now fits size"),
        ({"cause": "fact", "contributions": [line("data_stack", 0, -13)]}, "New facts: no longer fits data stack"),
        ({"cause": "retraction", "contributions": [line("data_leader", 0, -9)]}, "Taken back: data leader"),
        ({"cause": "decay", "trigger": None, "contributions": [line("a", 2, -9), line("b", 1, -3), line("c", 1, -5)]},
         "Faded with time: a, c and b"),
        ({"cause": "decay", "trigger": None, "contributions": []}, "Time passed"),
        ({"cause": "decay", "trigger": None, "direction": "requalified"}, "What kept it out has ended"),
        ({"cause": "fact", "direction": "disqualified", "reasons": ["excluded by is_rival"]}, "Excluded by is rival"),
    ],
)  # fmt: skip
def test_why_now(data: dict[str, Any], why: str) -> None:
    """The reason in words, by what caused the change."""
    assert view_of(alert(**data), {})["why"] == why


def test_what_is_new_is_among_the_strongest() -> None:
    """Three at most, and what made the change is one of them, first, however few points it gives."""
    lines = [line("a", 20), line("b", 15), line("c", 10), line("new_one", 2, 2), line("against", -30)]
    found = view_of(alert(contributions=lines), {})["strongest"]
    assert [one["words"] for one in found] == ["new one", "a", "b"]
    assert [one["new"] for one in found] == [True, False, False]


def test_evidence_is_linked_where_the_configuration_says() -> None:
    """By source, the id quoted; an id that is a URL itself is not: whoever wrote the signal wrote it."""
    lines = [line("a", 5, evidence=["crm/f/2?x", "web/https://evil.example/", "linkedin/p 1"])]
    found = view_of(alert(contributions=lines), {"crm": "https://crm.example.com/{id}", "link": "https://no.example/{id}"})
    evidence = found["strongest"][0]["evidence"]
    assert [one["link"] for one in evidence] == [None, None, "https://crm.example.com/f%2F2%3Fx"]
    assert evidence[0]["name"] == "linkedin/p 1"


def test_gaps_are_what_can_still_happen() -> None:
    """What has faded or is capped is no gap to a rep; the largest come first, three at most."""
    why = ["faded", "no signal", "below the cap", "unknown", "not met", "no signal"]
    gaps = [{"criterion": f"c{n}", "points": n, "of": 9, "why": one} for n, one in enumerate(why)]
    found = view_of(alert(gaps=gaps), {})["gaps"]
    assert [(gap["words"], gap["why"]) for gap in found] == [("c5", "not seen"), ("c4", "not met"), ("c3", "not known")]


@pytest.mark.parametrize(
    ("value", "told"),
    [(60.0, "60"), (60.25, "60.2"), (-0.04, "0"), (-10, "−10"), (1e300, "1e+300"), (float("nan"), "nan")],
)
def test_numbers(value: float, told: str) -> None:
    """One decimal at most, none where it is zero, a minus that is one."""
    assert number(value) == told


def test_signs() -> None:
    """A change has its sign."""
    assert (signed(14.0), signed(-5.25)) == ("+14", "−5.2")


def test_a_digest_of_many() -> None:
    """Twenty are listed, the others counted, within each format's limits."""
    many = replace(samples()["digest"], changes=list(samples()["digest"].changes) * 200, count=1_200)
    for layout in (SlackLayout(), TeamsLayout(), EmailLayout(), InboxLayout()):
        rendered = Renderer(layout).render(many)
        assert rendered.note is None
        assert "1180 more" in json.dumps(rendered.body)
    card = Renderer(TeamsLayout()).render(many).body
    assert len(json.dumps(card)) < 28_000


def test_the_plain_text_of_a_preview() -> None:
    """A preview shows the same in plain text, whatever the format."""
    texts = {Renderer(layout).render(samples()["up"]).text for layout in (SlackLayout(), TeamsLayout(), EmailLayout())}
    assert len(texts) == 1
    assert "▲ Acme Logistics is hot now" in texts.pop()
