"""The whole history of the real YC directory, with its counts."""

from __future__ import annotations

import time
from collections import Counter
from functools import cache
from typing import Any

import pytest

from schemas.reading import read_signal
from stream.sources.report import Report
from stream.sources.yc.convert import convert
from tests.shared_data import shared_data
from tests.sources.making import facts, kinds

FACTS = {"account_update", "account_alias"}


@cache
def history() -> tuple[list[dict[str, Any]], Report, float]:
    folder, report, start = shared_data("yc_companies"), Report(), time.process_time()
    records = list(convert(folder, report=report))
    return records, report, time.process_time() - start


@pytest.fixture(name="history")
def _history() -> tuple[list[dict[str, Any]], Report, float]:
    shared_data("yc_companies")
    return history()


History = tuple[list[dict[str, Any]], Report, float]


def test_everything_is_read_and_accounted_for(history: History) -> None:
    """5,617 companies at the end, 31,097 change rows, each with one fate in the report."""
    _, report, _ = history
    assert report.ok
    assert report.seen["change rows"] == 31_097
    assert report.seen["companies listed at the end"] == 5_617
    fates = sum(count for label, count in report.outcomes.items() if "(seen in a snapshot)" not in label)
    assert fates == 31_097
    assert not any("nothing to do" in label and "row" in label for label in report.outcomes)


def test_what_is_made(history: History) -> None:
    """The counts by type are what docs/sources.md says."""
    records, report, _ = history
    made = Counter(kinds(records))
    assert made == report.made
    assert made == {
        "account_update": 31_650,
        "job_posting": 5_318,
        "account_alias": 1_409,
        "website_change": 1_409,
        "expansion": 1_337,
        "announcement": 960,
        "acquisition": 395,
        "layoff": 196,
        "funding_round": 12,
    }


def test_order_identity_and_contract(history: History) -> None:
    """Ids are unique, record times never go back, and every record is accepted by the contract."""
    records, _, _ = history
    assert len({record["id"] for record in records}) == len(records)
    times = [record["recordedtime"] for record in records]
    assert times == sorted(times)
    for record in records:
        read_signal(record)


def test_second_conversion_is_the_same(history: History) -> None:
    """Converting again gives the same records, so that sending them again is a set of duplicates."""
    assert list(convert(shared_data("yc_companies"), report=Report())) == history[0]


def test_it_is_quick(history: History) -> None:
    """The whole history converts in well under 10 s of processor time."""
    assert history[2] < 10


@pytest.mark.parametrize(("day", "rows", "most"), [("2023-09-13", 7_162, 360), ("2023-10-13", 3_702, 260)])
def test_bulk_rewrites_are_no_events(history: History, day: str, rows: int, most: int) -> None:
    """On the two days of the vendor's reformatting, events come at the rate of the polls around them."""
    records, _, _ = history
    events = kinds([record for record in records if record["time"].startswith(day)])
    assert sum(kind not in FACTS for kind in events) <= most < rows / 10


def test_rewrite_of_industries_moves_no_account(history: History) -> None:
    """No account's industry is ever told under a word the vendor has given up."""
    records, _, _ = history
    told = {record["data"]["facts"].get("industry") for record in records if "facts" in record["data"]}
    assert told.isdisjoint({"B2B Software and Services", "Financial Technology"})
    assert {"B2B", "Fintech"} <= told


def test_final_facts_are_the_last_snapshots(history: History) -> None:
    """What an account has been told in the end is what the last snapshot says of it."""
    records, _, _ = history
    told = facts(records, "circuithub.com")
    assert told["employees"] == 58
    assert (told["name"], told["industry"], told["country"]) == ("CircuitHub", "Industrials", "GB")
    assert (told["custom.status"], told["custom.batch"]) == ("active", "Winter 2012")


def test_aliases_end_and_are_used_once(history: History) -> None:
    """No former domain is given away twice, none is spoken for after it was left, and no chain is a loop."""
    left: dict[str, str] = {}
    for record in history[0]:
        assert record["subject"] not in left
        if record["type"].endswith("account_alias"):
            left[record["subject"]] = record["data"]["canonical"]
    for first, target in left.items():
        seen, domain = {first}, target
        while domain in left:
            assert domain not in seen
            seen.add(domain)
            domain = left[domain]


def test_shared_domains(history: History) -> None:
    """A platform's pages are no accounts, its owner is; Electric Air is the living listing of two."""
    records, report, _ = history
    subjects = {record["subject"] for record in records}
    assert {"producthunt.com", "gitlab.com"} <= subjects
    assert subjects.isdisjoint({"github.com", "apple.com", "linkedin.com", "linktr.ee"})
    assert facts(records, "electricair.io")["custom.yc_id"] == 28_822
    assert report.left_out["the website is a page on a shared platform"] == 25
