"""The profile contract as a whole: total, stable, and the same to the models, the schema and the engine."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.bounds import criterion_most, group_most, group_scale, score_most
from schemas.profiles import ProfileInvalid, validate_profile
from schemas.publish import PUBLISHED
from stream.profiles import lint, load_profile
from stream.profiles.patterns import pattern_faults
from stream.scoring.profile import compile_profile
from tests.profiles.building import SURGE, TODAY, fact, profile, signal
from tests.shared_data import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERYTHING = load_profile(ROOT / "schemas" / "examples" / "profile" / "valid" / "everything.yaml").document
SCHEMA = Draft202012Validator(json.loads((PUBLISHED / "profile.json").read_text("utf-8")))


def places(node: Any, path: tuple[int | str, ...] = ()) -> Iterator[tuple[int | str, ...]]:
    yield path
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


words = ["none", "all", "eq", "30d", "", "layoff", "tier1", "disqualified", "shadow", "a b", "c", "(", "\x00"]
spoilers = (
    st.none()
    | st.booleans()
    | st.integers(-5, 200)
    | st.sampled_from([10**400, -(10**400), 1e308, float("nan"), float("inf"), 0.5])
    | st.sampled_from(words)
    | st.lists(st.sampled_from(words) | st.integers(0, 9), max_size=2)
    | st.dictionaries(
        st.sampled_from(["eq", "has", "half_life", "x", "any"]), st.sampled_from([1, "30d", {}]), max_size=2
    )
)


@given(st.sampled_from([path for path in places(EVERYTHING) if path]), spoilers)
def test_a_spoiled_profile_is_valid_everywhere_or_refused(path: tuple[int | str, ...], spoiler: Any) -> None:
    """Whatever is put anywhere, models answer by words alone; what they take, schema, linter and engine take too."""
    document = copy.deepcopy(EVERYTHING)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = spoiler
    try:
        validate_profile(document)
    except ProfileInvalid as error:
        faults = error.faults
    else:
        faults = pattern_faults(document)
        if not faults:
            SCHEMA.validate(document)
            compile_profile(document)
            assert all(remark.message and remark.mend for remark in lint(document, TODAY))
        return
    assert faults
    assert all(fault.message and len(str(fault)) < 1_000 for fault in faults)


@given(st.sampled_from([path for path in places(EVERYTHING) if path]))
def test_leaving_something_out_is_valid_everywhere_or_refused(path: tuple[int | str, ...]) -> None:
    """A member left out has its default or is asked for, in words."""
    document = copy.deepcopy(EVERYTHING)
    place: Any = document
    for part in path[:-1]:
        place = place[part]
    del place[path[-1]]
    try:
        validate_profile(document)
    except ProfileInvalid as error:
        assert str(error)  # noqa: PT017
        return
    SCHEMA.validate(document)
    compile_profile(document)


def test_validating_changes_nothing() -> None:
    """The document is the truth: no default is written into it."""
    before = copy.deepcopy(EVERYTHING)
    validate_profile(EVERYTHING)
    assert before == EVERYTHING


@pytest.mark.parametrize(
    ("criterion", "most"),
    [
        (fact({"employees": {"gt": 1}}), 10),
        (fact({"employees": {"gt": 1}}, points=-10), 0),
        (signal(), 10),
        (signal(points=-10, cap=-20), 0),
        (signal(cap=30), 30),
        (signal(cap="none"), None),
        (signal(cap=-5), None),
        (signal(multiply="headcount"), None),
        (signal(multiply="headcount", cap=30), 30),
        (signal(surge=SURGE), 10),
    ],
)
def test_the_most_of_a_criterion(criterion: dict[str, Any], most: float | None) -> None:
    """Strongest alone, sums to their cap, products without bound, and never below nothing."""
    assert criterion_most(criterion) == most


def test_the_most_of_groups_and_score() -> None:
    """Cap before weight; one criterion without bound leaves the cap; the score's own bound is last."""
    group = {"name": "g", "criteria": [signal(), signal(cap="none")]}
    assert group_most(group) is None
    assert group_most({**group, "cap": 50}) == 50
    assert group_most({**group, "cap": 50, "weight": 40, "out_of": 100}) == 20
    assert group_scale({**group, "cap": 50, "weight": 40, "out_of": 100}) == 40
    assert group_scale({"name": "g", "cap": 50, "criteria": [signal()]}) == 10
    assert score_most({"groups": [group]}) == 100
    assert score_most({"groups": [{**group, "cap": 150}], "score": {"max": 120}}) == 120
    assert score_most(profile(signal(), signal())) == 20
