"""A vendor's rewriting is told from companies that change, without naming a date or a column."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from stream.sources.rewrites import FieldChanges, Floods, Vocabulary
from tests.sources.making import changes, company, converted, facts, kinds, snapshot

if TYPE_CHECKING:
    from pathlib import Path


def observed(pairs: list[tuple[str, str]], day: str = "d", days: float = 30, listed: int = 1000) -> FieldChanges:
    return FieldChanges(day, "f", days, listed, pairs, Counter(old for old, _ in pairs))


def test_a_word_renamed_for_nearly_all_is_one_word() -> None:
    """When 90 % of a word's holders get one new word, the two are one, and later renamings follow on."""
    words = Vocabulary()
    assert words.learn(observed([("Old", "New")] * 30 + [("Old", "Other")] * 2)) == [("Old", "New", 30)]
    assert words.learn(observed([("New", "Newest")] * 25)) == [("New", "Newest", 25)]
    assert words.canonical("f", "Old") == words.canonical("f", "New") == "Newest"
    assert words.canonical("f", "Other") == "Other"


def test_what_is_no_renaming() -> None:
    """Too few companies, too small a share of the holders, or a new word that others had before."""
    words = Vocabulary()
    assert not words.learn(observed([("Old", "New")] * 19))
    assert not words.learn(observed([("Old", "New")] * 30 + [("Old", "Other")] * 10))
    late = observed([("True", "False")] * 500)
    late.holders["False"] = 500
    assert not words.learn(late)


def test_renaming_there_and_back() -> None:
    """A word renamed and named back again has its own name, and no loop comes of it."""
    words = Vocabulary()
    words.learn(observed([("A", "B")] * 30))
    words.learn(observed([("B", "A")] * 30))
    assert words.canonical("f", "A") == words.canonical("f", "B") == "A"


def test_flood_is_against_the_fields_own_rate() -> None:
    """A flood is 5 % of all at four times the usual daily rate; a long gap between polls is none."""
    floods = Floods()
    for _ in range(3):
        assert floods.judge(observed([("a", "b")] * 20)) is None
    assert floods.judge(observed([("a", "b")] * 60)) is None  # three times
    assert floods.judge(observed([("a", "b")] * 300, days=300)) is None  # ten months of the usual
    assert floods.judge(observed([("a", "b")] * 100, "flood")) is not None
    assert floods.found == {("flood", "f")}
    assert floods.judge(observed([("a", "b")] * 20)) is None  # the flood has not become the usual


def test_flood_without_history_needs_half_of_all() -> None:
    """Before a field's usual rate is known, only a change of half of all companies is a flood."""
    assert Floods().judge(observed([("a", "b")] * 499)) is None
    assert Floods().judge(observed([("a", "b")] * 500)) is not None


def test_a_flood_of_hiring_flags_opens_no_postings(tmp_path: Path) -> None:
    """When a vendor resets every flag in one poll, the facts follow and no event is made; the next change is one."""
    snapshot(tmp_path, "2022-01-01", [company(number) for number in range(100)])
    reset = [("2022-02-01", number, "isHiring", "False", "True") for number in range(90)]
    changes(tmp_path, [*reset, ("2022-03-01", 95, "isHiring", "False", "True")])
    records, report = converted(tmp_path)
    assert kinds(records).count("job_posting") == 1
    assert facts(records, "company5.com")["custom.hiring"] is True
    assert any("more than half" in note for note in report.notes)


def test_renamed_industry_changes_no_fact(tmp_path: Path) -> None:
    """The new word is told from the start and told again at the renaming; a real move on that day is a move."""
    listed = [company(number, industry="B2B Software and Services") for number in range(40)]
    snapshot(tmp_path, "2022-01-01", listed)
    rows = [("2022-02-01", number, "industry", "B2B Software and Services", "B2B") for number in range(39)]
    changes(tmp_path, [*rows, ("2022-02-01", 39, "industry", "B2B Software and Services", "Fintech")])
    records, _ = converted(tmp_path)
    told = [record["data"]["facts"]["industry"] for record in records if record["subject"] == "company5.com"]
    assert told == ["B2B", "B2B"]
    assert facts(records, "company39.com")["industry"] == "Fintech"
    assert set(kinds(records)) == {"account_update"}
