"""`validate_data`: what comes out of a record's `data`, and what is said of a bad one."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.faults import BadMember, ContractError, UnknownType
from schemas.signals import DATA_MODELS, SERIES
from schemas.validation import validate_data

FUNDING = {"series": "B", "amount_usd": 25_000_000, "announced_on": "2026-11-19", "investors": ["Example Ventures"]}

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
names = st.sampled_from(sorted({name for model in DATA_MODELS.values() for name in model.model_fields})) | st.text(
    max_size=8
)


def test_words_come_in_lower_case_and_the_rest_as_it_was() -> None:
    """Enumerated values are read without regard to case; amounts keep being whole numbers; strangers are kept."""
    assert validate_data("funding_round", 1, {**FUNDING, "lead": {"x": [1]}}) == {
        **FUNDING, "series": "b", "lead": {"x": [1]}
    }  # fmt: skip
    assert isinstance(validate_data("funding_round", 1, FUNDING)["amount_usd"], int)


def test_defaults_are_filled_where_nothing_was_said() -> None:
    """A job posting that does not say so was opened; null says nothing either."""
    posting = {"title": "Engineer", "posting_id": "1"}
    assert validate_data("job_posting", 1, posting)["state"] == "opened"
    assert validate_data("job_posting", 1, {**posting, "state": None})["state"] == "opened"
    assert validate_data("job_posting", 1, {**posting, "state": "CLOSED"})["state"] == "closed"


def test_null_is_the_same_as_absent() -> None:
    """A member that is null is unknown, as one that is not there: the core never meets it."""
    assert validate_data("funding_round", 1, {"series": "a", "amount_usd": None}) == {"series": "a"}


def test_what_nobody_knows_stays_as_it_came() -> None:
    """A member that no contract has is kept, whatever it says, null too: it is the sender's."""
    told = {"series": "a", "lead": None, "notes": {"by": [None, 1]}}
    assert validate_data("funding_round", 1, told) == told


def test_a_required_member_cannot_be_null() -> None:
    """What is required must say something."""
    with pytest.raises(BadMember, match=r"bad member data\.series: null is not one of"):
        validate_data("funding_round", 1, {"series": None})


def test_custom_facts_come_flat_however_they_were_written() -> None:
    """Nested and flat custom facts are one thing; a null fact stays, because it makes the fact unknown again."""
    told = {
        "facts": {"employees": 120, "owner": None, "custom": {"plan": "pro", "gone": None}, "custom.tier": [1, "a"]}
    }
    assert validate_data("account_update", 1, told)["facts"] == {
        "employees": 120, "owner": None, "custom.plan": "pro", "custom.gone": None, "custom.tier": [1, "a"],
    }  # fmt: skip


def test_the_input_is_left_alone() -> None:
    """Validating changes nothing in what was given: the raw record may still have to be told apart."""
    told = {"facts": {"custom": {"plan": "pro"}}}
    validate_data("account_update", 1, told)
    assert told == {"facts": {"custom": {"plan": "pro"}}}


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"employes": 1}, "data.facts.employes: is not a known fact (put it under custom.employes)"),
        ({"employees": math.nan}, "data.facts.employees: nan is not a number"),
        ({"technologies": "salesforce"}, "data.facts.technologies: 'salesforce' is not a list"),
        ({"custom": 3}, "data.facts.custom: 3 is not an object"),
        ({"custom": {"x": {"y": 1}}}, "write custom.x.<member>"),
        ({"custom": {"x": math.inf}}, "data.facts.custom.x: inf is not text"),
        ({"custom": {"x": [[1]]}}, "is no list of text, finite numbers and booleans"),
        ({"custom": {"x": 1}, "custom.x": 2}, "is given twice, here and as custom.x"),
        ({"custom.": 1}, "a custom fact's name has 1 to 190 characters"),
        ({"last_outcome": "won"}, "is set by opportunity_outcome (send that type)"),
    ],
)
def test_bad_facts_are_named_with_the_mend(facts: dict[str, Any], says: str) -> None:
    """Each way to get a fact wrong has its own words."""
    with pytest.raises(BadMember) as refused:
        validate_data("account_update", 1, {"facts": facts})
    assert says in refused.value.message


def test_a_bad_word_is_answered_with_the_good_ones() -> None:
    """The message names the member, the value and everything that may stand there."""
    with pytest.raises(BadMember) as refused:
        validate_data("funding_round", 1, {"series": "zz"})
    assert refused.value.message == f"bad member data.series: 'zz' is not one of {', '.join(SERIES)}"


def test_many_faults_make_one_message_of_bounded_length() -> None:
    """However much is wrong, and however long the values are, the message stays readable."""
    bad = {"title": "x" * 9_999, "posting_id": 1, "state": "y" * 9_999, "department": 2, "url": 3, "technologies": 4}
    with pytest.raises(BadMember) as refused:
        validate_data("job_posting", 1, bad)
    assert "and 3 more" in refused.value.message
    assert len(refused.value.message) < 600


def test_unknown_types_and_versions_are_told_apart() -> None:
    """A type nobody knows and a version of the future are different mends."""
    with pytest.raises(UnknownType, match="'layoffs' is not a signal type"):
        validate_data("layoffs", 1, {})
    with pytest.raises(UnknownType, match="type layoff has no version 2 here"):
        validate_data("layoff", 2, {})


@given(st.sampled_from(sorted(DATA_MODELS)), st.dictionaries(names, anything, max_size=6) | anything)
def test_any_data_is_taken_or_refused_in_words(key: tuple[str, int], data: Any) -> None:
    """Whatever stands in `data`, the answer is a dict or a ContractError with a message: nothing else is raised."""
    try:
        read = validate_data(*key, data)
    except ContractError as error:
        refused = error.message
    else:
        refused = "bad member data: nothing"
        assert isinstance(read, dict)
        assert repr(validate_data(*key, read)) == repr(read)  # NaN in a stranger is equal to nothing
    assert refused.startswith("bad member data")
    assert len(refused) < 2_000


@given(st.sampled_from(SERIES), st.floats(min_value=0, max_value=1e15), st.booleans())
def test_reading_twice_changes_nothing_more(series: str, amount: float, upper: bool) -> None:  # noqa: FBT001
    """What was normalised once stays as it is."""
    read = validate_data("funding_round", 1, {"series": series.upper() if upper else series, "amount_usd": amount})
    assert read == {"series": series, "amount_usd": amount}
    assert validate_data("funding_round", 1, read) == read
