"""Which account a company of the YC directory is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sources.domains import ON_A_PLATFORM, UNUSABLE, account_domain
from stream.sources.yc import accounts
from tests.sources.making import changes, company, converted, facts, kinds, snapshot

if TYPE_CHECKING:
    from pathlib import Path

START, NEXT, LATER = "2022-01-01", "2022-02-01", "2022-03-01"


@pytest.mark.parametrize(
    ("website", "domain", "why"),
    [
        ("https://www.Acme.com/en?ref=bf", "acme.com", ""),
        ("http://https://acme.com/", "acme.com", ""),
        ("https://acme.work, http://other.com", "acme.work", ""),
        ("acme.co.uk", "acme.co.uk", ""),
        ("http://producthunt.com", "producthunt.com", ""),
        ("https://www.producthunt.com/posts/acme", None, ON_A_PLATFORM),
        ("https://apps.apple.com/us/app/acme/id1", None, ON_A_PLATFORM),
        ("https://github.com/acme", None, ON_A_PLATFORM),
        ("https://acme.github.io/x", "acme.github.io", ""),
        ("http://", None, UNUSABLE),
        ("http://url", None, UNUSABLE),
        ("http://10.0.0.1/", None, UNUSABLE),
        ("", None, UNUSABLE),
        ("http://[::1", None, UNUSABLE),
        ("x" * 100_000, None, UNUSABLE),
    ],
)
def test_account_domain(website: str, domain: str | None, why: str) -> None:
    """A website names an account, or there is a reason why not; a platform's own address is its owner's."""
    assert account_domain(website) == (domain, why)


def test_move_is_alias_then_facts_then_event(tmp_path: Path) -> None:
    """A new website makes the old domain another name, tells all facts under the new one, and is an event there."""
    snapshot(tmp_path, START, [company(1)])
    changes(tmp_path, [(NEXT, 1, "website", "https://www.company1.com", "https://new.io/")])
    records, _ = converted(tmp_path)
    assert kinds(records) == ["account_update", "account_alias", "account_update", "website_change"]
    assert [record["subject"] for record in records[1:]] == ["company1.com", "new.io", "new.io"]
    assert records[1]["data"] == {"canonical": "new.io"}
    assert facts(records, "new.io")["employees"] == 20


@pytest.mark.parametrize(
    ("website", "status", "reason"),
    [
        ("https://www.producthunt.com/posts/x", "Active", ON_A_PLATFORM),
        ("https://www.company2.com", "Active", accounts.HELD_BY_ANOTHER),
        ("https://buyer.com", "Acquired", accounts.MOVED_INTO_BUYER),
        ("", "Active", accounts.WITHDRAWN),
        ("https://gmail.com", "Active", UNUSABLE),
    ],
)
def test_moves_that_are_none(tmp_path: Path, website: str, status: str, reason: str) -> None:
    """A move to a platform, to another company's domain, into a buyer's site or to nothing keeps the account."""
    snapshot(tmp_path, START, [company(1, status=status), company(2)])
    changes(tmp_path, [(NEXT, 1, "website", "https://www.company1.com", website), (LATER, 1, "team_size", "20", "40")])
    records, report = converted(tmp_path)
    assert kinds(records)[2:] == ["account_update", "expansion"]
    assert {record["subject"] for record in records[2:]} == {"company1.com"}
    assert report.left_out == {reason: 1}


def test_moving_back_and_forth_makes_no_loop(tmp_path: Path) -> None:
    """A company that returns to a former domain stays the account it has become."""
    home, away = "https://www.company1.com", "https://new.io"
    snapshot(tmp_path, START, [company(1)])
    changes(tmp_path, [(NEXT, 1, "website", home, away), (LATER, 1, "website", away, home)])
    records, report = converted(tmp_path)
    assert kinds(records).count("account_alias") == 1
    assert report.left_out == {accounts.MOVED_BACK: 1}


def test_a_domain_left_behind_is_nobody_elses(tmp_path: Path) -> None:
    """A company that takes a domain another has left cannot be told from it, and is left out by name."""
    snapshot(tmp_path, START, [company(1)])
    snapshot(tmp_path, LATER, [company(1, website="https://new.io"), company(9, website="http://company1.com")])
    changes(tmp_path, [(NEXT, 1, "website", "https://www.company1.com", "https://new.io")])
    _, report = converted(tmp_path)
    assert report.left_out[accounts.FORMER_OF_ANOTHER] == 1


def test_shared_domain_has_one_speaker(tmp_path: Path) -> None:
    """Of two listings with one domain the living one speaks, and the other takes over when it dies."""
    twin = company(2, website="http://company1.com", team_size=7, tags=[])
    snapshot(tmp_path, START, [company(1), twin])
    records, _ = converted(tmp_path)
    assert [record["id"] for record in records] == [f"1/{START}/facts"]
    changes(tmp_path, [(NEXT, 2, "isHiring", "False", "True"), (LATER, 1, "status", "Active", "Inactive")])
    records, report = converted(tmp_path)
    assert [record["id"] for record in records] == [f"1/{START}/facts", f"2/{LATER}/facts"]
    told = facts(records, "company1.com")
    assert (told["employees"], told["custom.tags"], told["custom.status"]) == (7, None, "active")
    assert sum(report.left_out.values()) == 1


def test_company_without_a_website_is_reported_and_begins_with_one(tmp_path: Path) -> None:
    """No website, no account: it is said, and the account begins when a website is told."""
    snapshot(tmp_path, START, [company(1, website="")])
    changes(tmp_path, [(NEXT, 1, "website", "", "https://late.io")])
    records, report = converted(tmp_path)
    assert report.left_out == {UNUSABLE: 1}
    assert [(record["subject"], record["time"][:10]) for record in records] == [("late.io", NEXT)]
