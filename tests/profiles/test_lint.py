"""The linter: each warning where it is due, none where it is not, and always with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.profiles import validate_profile
from stream.profiles import Remark, lint, lint_all, load_profiles
from tests.profiles.building import SURGE, TODAY, fact, profile, signal
from tests.shared_data import ROOT


def remarks(document: dict[str, Any]) -> list[Remark]:
    validate_profile(document)
    return lint(document, TODAY)


def codes(document: dict[str, Any]) -> list[str]:
    return [remark.code for remark in remarks(document)]


def test_the_examples_give_no_cause_for_remark() -> None:
    """The profiles that we ship are clean; points stands as its source has it, without anything against flicker."""
    found = {loaded.name: lint(loaded.document, TODAY) for loaded in load_profiles(ROOT / "examples" / "profiles")}
    assert [remark.code for remark in found.pop("points")] == ["hovering"]
    assert set(found) == {"matrix", "fit"}
    assert all(remarks == [] for remarks in found.values()), found


def test_a_sound_profile_is_left_alone() -> None:
    """No warning where none is due."""
    assert codes(profile(fact({"country": {"eq": "US"}}), signal())) == []


def test_too_many_criteria_are_told() -> None:
    """Ten are enough."""
    lines = [fact({"employees": {"gt": number}}) for number in range(11)]
    assert codes(profile(*lines[:10])) == []
    assert codes(profile(*lines)) == ["many_criteria"]


def test_too_many_active_profiles_are_told_once() -> None:
    """More than three live ones; a shadow does not count."""
    documents = [profile(profile=name) for name in "abcd"]
    assert [found for _, found in lint_all(documents[:3], TODAY)] == [[], [], []]
    told = lint_all(documents, TODAY)
    assert [[remark.code for remark in found] for _, found in told] == [["many_profiles"], [], [], []]
    documents[0]["mode"] = "shadow"
    assert all(found == [] for _, found in lint_all(documents, TODAY))


def test_age_is_two_quarters() -> None:
    """A profile not revised for two quarters is told, by the date that it says itself."""
    assert codes(profile(revised="2026-05-23")) == []
    assert codes(profile(revised="2026-05-22")) == ["stale"]


@pytest.mark.parametrize(
    ("tiers", "told"),
    [
        ([{"name": "a", "enter": 11}, {"name": "z"}], "no account can reach a: the most it can score is 10"),
        ([{"name": "a", "enter_above": 10}, {"name": "z"}], "no account can reach a: the most it can score is 10"),
        (
            [{"name": "a", "enter": 5}, {"name": "b", "enter": 0}, {"name": "z"}],
            "no account can reach z: b takes every score",
        ),
        (
            [{"name": "a", "enter": 5}, {"name": "b", "enter_above": -1}, {"name": "z"}],
            "no account can reach z: b takes",
        ),
    ],
)
def test_a_tier_that_nobody_can_reach_is_told(tiers: list[dict[str, Any]], told: str) -> None:
    """Above the most that can be scored, or below a tier that takes everybody."""
    found = remarks(profile(tiers=tiers))
    assert [remark.code for remark in found] == ["unreachable_tier"]
    assert found[0].message.startswith(told)


def test_a_tier_at_the_edge_of_reach_is_left_alone() -> None:
    """Exactly the most is reached by enter, and unbounded points reach anything up to the score's bound."""
    assert codes(profile(tiers=[{"name": "a", "enter": 10}, {"name": "z"}])) == []
    unbounded = signal(cap="none", decay="none")
    assert codes(profile(unbounded, tiers=[{"name": "a", "enter": 100}, {"name": "z"}])) == []
    assert codes(profile(unbounded, tiers=[{"name": "a", "enter": 101}, {"name": "z"}])) == ["unreachable_tier"]


@pytest.mark.parametrize(
    ("criterion", "told"),
    [
        (fact({"employes": {"gt": 3}}), "did you mean employees?"),
        (fact({"zodiac": {"eq": "leo"}}), "facts of your own are written custom.zodiac"),
        (fact({"employees": {"gt": 500, "lt": 50}}), "no number is all that is asked of employees"),
        (fact({"all": [{"employees": {"gt": 50}}, {"employees": {"lte": 50}}]}), "no number is all that is asked"),
        (fact({"employees": {"between": [1, 5], "gte": 6}}), "no number is all that is asked"),
        (fact({"all": [{"country": {"eq": "US"}}, {"country": {"eq": "CA"}}]}), "no value is all that is asked"),
        (fact({"country": {"eq": "US"}, "not": {"country": {"eq": "us"}}}), "no value is all that is asked of country"),
        (fact({"country": {"in": ["US", "CA"], "not_in": ["ca", "us", "mx"]}}), "no value is all that is asked"),
        (fact({"employees": {"eq": 5, "gt": 50}}), "no value is all that is asked of employees"),
        (fact({"employees": {"eq": -5}}), "employees is never -5; write a number between 0 and 1e+15"),
        (signal(where={"fraction": {"in": [2, 3]}}), "fraction is never 2; write a number between 0 and 1"),
        (fact({"employees": {"eq": "100"}}), "write the number without quotes"),
        (fact({"employees": {"matches": "1"}}), "employees is a number, and matches is for text"),
        (fact({"country": {"gt": 3}}), "country is text, never a number"),
        (fact({"industry": {"has": "x"}}), "industry is text, and has asks for a list; write eq or in"),
        (fact({"technologies": {"has": 7}}), "technologies is text, and is compared with none"),
        (fact({"last_outcome": {"eq": "victory"}}), "last_outcome is never victory; write one of open"),
        (signal(where={"fraction": {"gt": 2}}), "fraction is always between 0 and 1"),
        (signal(where={"headcout": {"gt": 2}}), "did you mean headcount?"),
        (signal(signal="funding_round", where={"series": {"in": ["series_b", "z"]}}), "series is never series_b"),
        (signal(signal="funding_round", multiply="series"), "series is not a number, so every signal gives 0"),
        (signal(signal="technology_change", where={"change": {"eq": "Adopted "}}), "change is never Adopted"),
    ],
)
def test_a_criterion_that_cannot_match_is_told(criterion: dict[str, Any], told: str) -> None:
    """What no fact or signal of the contract can fulfil is told, with the criterion and what to write."""
    found = [remark for remark in remarks(profile(criterion)) if remark.code == "cannot_match"]
    assert found, "no remark"
    assert told in str(found[0])
    assert "c0 cannot match" in found[0].message


@pytest.mark.parametrize(
    "criterion",
    [
        fact({"employees": {"gte": 50, "lte": 50}}),
        fact({"any": [{"employees": {"gt": 500}}, {"employees": {"lt": 50}}]}),
        fact({"employees": {"gt": 5}, "not": {"employees": {"lt": 50}}}),
        fact({"technologies": {"eq": "salesforce", "matches": "sales"}}),
        fact({"all": [{"technologies": {"eq": "salesforce"}}, {"technologies": {"eq": "dbt"}}]}),
        fact({"country": {"in": ["US", "CA"], "ne": "ca"}}),
        fact({"country": {"eq": "US"}, "not": {"country": {"eq": "CA"}}}),
        fact({"country": {"eq": "US"}, "not": {"country": {"eq": "US"}, "employees": {"gt": 5}}}),
        fact({"employees": {"in": [5, 500], "lt": 50}}),
        fact({"custom.plan": {"eq": "pro", "in": ["team"]}}),
        fact({"custom.anything": {"has": 7, "gt": 3}}),
        fact({"last_outcome_at": {"exists": True}}),
        fact({"last_outcome": {"in": ["victory", "Won"]}}),
        signal(where={"fraction": {"gt": 0.5}}),
        signal(where={"feed_says": {"eq": "x"}}),
        signal(signal="funding_round", where={"series": {"ne": "zz"}}),
        signal(signal="funding_round", where={"series": {"eq": "B"}}),
        signal(signal="intent_surge", where={"score": {"between": [60, 200]}}, multiply="score"),
    ],
)
def test_a_criterion_that_can_match_is_left_alone(criterion: dict[str, Any]) -> None:
    """Only what is certain is said."""
    assert "cannot_match" not in codes(profile(criterion))


def test_an_idle_part_is_not_taken_for_the_whole() -> None:
    """Below any and not, what can never hold leaves the rest of the criterion to decide."""
    found = remarks(profile(fact({"any": [{"industry": {"has": "x"}}, {"country": {"eq": "US"}}]})))
    assert [str(remark).split(":")[0] for remark in found] == ["a part of c0 has no effect"]


def test_values_no_signal_has_are_told_in_points_by() -> None:
    """A value that the contract does not know gives its points to nobody."""
    line = signal(signal="funding_round", points_by={"series": {"B": 1, "series_b": 2}})
    del line["points"]
    assert "series is never series_b" in str(remarks(profile(line, tiers=[{"name": "all"}]))[0])


def test_a_line_that_points_fade_across_is_told() -> None:
    """Decaying points and a line without leave or dwell: accounts hover."""
    bare = [{"name": "hot", "enter": 5}, {"name": "cold"}]
    found = remarks(profile(signal(), tiers=bare))
    assert [remark.code for remark in found] == ["hovering"]
    assert "points of c0 fade across it" in found[0].message
    assert codes(profile(signal(decay="none"), tiers=bare)) == []
    assert codes(profile(signal(), tiers=[{"name": "hot", "enter": 5, "dwell": "1d"}, {"name": "cold"}])) == []


def test_a_signal_without_decay_is_asked_about() -> None:
    """Whether it was meant: saying `decay: none` answers, and a surge ends by itself."""
    line = signal()
    del line["decay"]
    assert codes(profile(line)) == ["no_decay"]
    assert codes(profile(signal(decay="none"))) == []
    assert codes(profile({**line, "surge": SURGE})) == []


@pytest.mark.parametrize(
    ("document", "code"),
    [
        (profile(groups=[], tiers=[{"name": "all"}]), "no_criteria"),
        (profile(fact({"country": {"eq": "US"}}), fact({"region": {"eq": "x"}}, points=0)), "no_points"),
        (profile(signal(), signal(cap=0)), "no_points"),
        (
            profile(signal(decay={"steps": [{"after": "1d", "keep": 0.5}, {"after": "2d", "keep": 0.6}]})),
            "rising_decay",
        ),
        (profile(tiers=[{"name": "hot", "enter": 10}, {"name": "cold", "dwell": "1d"}]), "idle_dwell"),
    ],
)
def test_other_oddities_are_told(document: dict[str, Any], code: str) -> None:
    """What has no effect, or the wrong one, is told."""
    assert codes(document) == [code]


def test_negative_points_are_points() -> None:
    """A criterion that only takes points is no mistake."""
    assert codes(profile(fact({"country": {"eq": "US"}}), signal(points=-5))) == []


def test_a_weight_nobody_can_earn_is_told() -> None:
    """A group whose criteria together stay below out_of never gives its full weight."""
    document = profile()
    document["groups"][0] |= {"weight": 40, "out_of": 20}
    document["tiers"] = [{"name": "hot", "enter": 20}, {"name": "cold"}]
    found = remarks(document)
    assert [remark.code for remark in found] == ["out_of_reach"]
    assert "g can reach 10 points of 20" in found[0].message
    document["groups"][0]["out_of"] = 10
    assert codes(document) == []
