"""What one change of a company in the YC directory becomes."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from schemas.reading import read_signal
from stream.sources.yc.events import same_name
from tests.sources.making import changes, company, converted, facts, kinds, snapshot

if TYPE_CHECKING:
    from pathlib import Path

START, NEXT, LATER = "2022-01-01", "2022-02-01", "2022-03-01"
ACCOUNT = "company1.com"


def after(folder: Path, *rows: tuple[str, int, str, str, str], **fields: Any) -> list[dict[str, Any]]:
    """What the rows add to the records of one company."""
    snapshot(folder, START, [company(1, **fields)])
    before = len(converted(folder)[0])
    changes(folder, list(rows))
    return converted(folder)[0][before:]


def test_first_snapshot_is_facts(tmp_path: Path) -> None:
    """A company in the first snapshot is told as facts at that day, and no event is made of its state."""
    snapshot(tmp_path, START, [company(1, isHiring=True, status="Acquired")])
    records, report = converted(tmp_path)
    assert kinds(records) == ["account_update"]
    assert records[0]["time"] == records[0]["recordedtime"] == "2022-01-01T00:00:00Z"
    told = facts(records, ACCOUNT)
    assert told["employees"] == 20
    assert (told["country"], told["region"]) == ("US", "North America")
    assert (told["industry"], told["sub_industry"], told["stage"]) == ("B2B", "Sales", "Early")
    assert told["custom.status"] == "acquired"
    assert told["custom.hiring"] is True
    assert (told["custom.batch"], told["custom.tags"]) == ("Winter 2012", ["SaaS"])
    assert "technologies" not in told
    assert report.ok


@pytest.mark.parametrize(
    ("old", "new", "made"),
    [
        ("20", "30", ["account_update", "expansion"]),  # exactly +50 %
        ("20", "29", ["account_update"]),
        ("20", "14", ["account_update", "layoff"]),  # exactly -30 %
        ("20", "15", ["account_update"]),
        ("4", "12", ["account_update"]),  # from under five: too small to speak of growth
        ("6", "10", ["account_update"]),  # fewer than five people
        ("9", "3", ["account_update"]),  # under ten: too small to speak of a layoff
        ("900", "1", ["account_update"]),  # a placeholder, not a layoff
        ("20", "", ["account_update"]),
        ("20", "twenty", ["account_update"]),
    ],
)
def test_headcount(tmp_path: Path, old: str, new: str, made: list[str]) -> None:
    """Headcount is a fact; +50 % is an expansion and -30 % a layoff where enough people are concerned."""
    records = after(tmp_path, (NEXT, 1, "team_size", old, new), team_size=int(old))
    assert kinds(records) == made


def test_layoff_says_how_many(tmp_path: Path) -> None:
    """A layoff carries the people gone and their share."""
    records = after(tmp_path, (NEXT, 1, "team_size", "20", "10"))
    assert records[-1]["data"] == {"headcount": 10, "fraction": 0.5}


def test_placeholder_headcount(tmp_path: Path) -> None:
    """900 to 1 makes the size unknown, and back to 1,000 is compared with 900: no event either way."""
    rows = ((NEXT, 1, "team_size", "900", "1"), (LATER, 1, "team_size", "1", "1000"))
    records = after(tmp_path, *rows, team_size=900)
    assert kinds(records) == ["account_update", "account_update"]
    assert [record["data"]["facts"]["employees"] for record in records] == [None, 1000]


def test_growth_rate_is_over_a_year(tmp_path: Path) -> None:
    """growth_rate compares with a year ago, is not told before, and fades when growth stops."""
    records = after(
        tmp_path,
        ("2022-06-01", 1, "team_size", "20", "25"),
        ("2023-01-15", 1, "team_size", "25", "30"),
        ("2024-03-01", 1, "isHiring", "False", "True"),
    )
    rates = [record["data"]["facts"].get("growth_rate", "-") for record in records if "facts" in record["data"]]
    assert rates == ["-", 0.5, 0.0]


def test_hiring_opens_and_closes_one_posting(tmp_path: Path) -> None:
    """A raised hiring flag opens a posting, the lowered one closes the same."""
    records = after(tmp_path, (NEXT, 1, "isHiring", "False", "True"), (LATER, 1, "isHiring", "True", "False"))
    postings = [record["data"] for record in records if "posting_id" in record["data"]]
    assert [posting["state"] for posting in postings] == ["opened", "closed"]
    assert len({posting["posting_id"] for posting in postings}) == 1


@pytest.mark.parametrize(
    ("new", "kind", "data"),
    [
        ("Acquired", "acquisition", {"role": "acquired"}),
        ("Public", "funding_round", {"series": "ipo", "announced_on": NEXT}),
        ("Inactive", None, None),
    ],
)
def test_status(tmp_path: Path, new: str, kind: str | None, data: dict[str, str] | None) -> None:
    """Acquired and public are events; every status is a fact."""
    records = after(tmp_path, (NEXT, 1, "status", "Active", new))
    assert kinds(records) == ["account_update"] + ([kind] if kind else [])
    assert records[0]["data"]["facts"] == {"custom": {"status": new.lower()}}
    assert kind is None or records[1]["data"] == data


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("inkeep", "Inkeep", True),
        ("Sivi (previously Speakify)", "Sivi", True),
        ("Spruce Systems, Inc.", "Spruce Systems", True),
        ("Olli.ai", "Olli", True),
        ("Kindly", "Kindly Health", True),
        ("Infra", "Ollama", False),
        ("Spot", "Moonvalley", False),
        ("", "Acme", False),
    ],
)
def test_same_name(old: str, new: str, *, same: bool) -> None:
    """A name written differently is the same name; another name is announced."""
    assert same_name(old, new) is same


def test_reordered_locations_move_nobody(tmp_path: Path) -> None:
    """A list of places in another order, or with repetitions, keeps the country."""
    old, new = "Austin, TX, USA; Paris, Île-de-France, France", "Paris, Île-de-France, France; Austin, TX, USA; Remote"
    assert after(tmp_path, (NEXT, 1, "all_locations", old, new), all_locations=old) == []


def test_appeared_is_told_as_it_was_then(tmp_path: Path) -> None:
    """A company that appears is told from its next snapshot with the changes in between taken back."""
    snapshot(tmp_path, START, [company(1)])
    changes(tmp_path, [(NEXT, 2, "appeared", "", "Active"), (LATER, 2, "team_size", "3", "8")])
    snapshot(tmp_path, "2022-04-01", [company(1), company(2, team_size=8)])
    records, _ = converted(tmp_path)
    of_two = [record for record in records if record["subject"] == "company2.com"]
    assert [(record["time"][:10], record["data"]["facts"]["employees"]) for record in of_two] == [(NEXT, 3), (LATER, 8)]
    assert of_two[0]["data"]["facts"]["custom"]["tags"] == ["SaaS"]


def test_disappeared_is_a_fact(tmp_path: Path) -> None:
    """A company that is no longer listed is told so, and nothing else of it changes."""
    records = after(tmp_path, (NEXT, 1, "disappeared", "Active", ""))
    assert [record["data"] for record in records] == [{"facts": {"custom": {"listed": False}}}]


def test_snapshots_alone_will_do(tmp_path: Path) -> None:
    """Without a changes file the differences between snapshots are the changes."""
    snapshot(tmp_path, START, [company(1), company(2)])
    snapshot(tmp_path, NEXT, [company(1, isHiring=True), company(3)])
    records, _ = converted(tmp_path)
    assert kinds(records)[2:] == ["account_update", "account_update", "account_update", "job_posting"]
    assert facts(records, "company2.com")["custom.listed"] is False


def test_told_twice_in_one_look(tmp_path: Path) -> None:
    """Two rows of one field on one day are one change; a snapshot of the day has the last word; ids stay unique."""
    snapshot(tmp_path, START, [company(1), company(2)])
    rows = [(NEXT, 1, "team_size", "20", "25"), (NEXT, 1, "team_size", "25", "31")]
    changes(tmp_path, [*rows, (NEXT, 2, "isHiring", "False", "True"), (NEXT, 3, "appeared", "", "Active")])
    snapshot(tmp_path, NEXT, [company(1, team_size=40)])
    records, report = converted(tmp_path)
    assert len({record["id"] for record in records}) == len(records)
    assert [record["data"]["growth"] for record in records if "growth" in record["data"]] == [1.0]
    assert "company3.com" not in {record["subject"] for record in records}
    assert facts(records, "company2.com")["custom.listed"] is False
    assert report.outcomes["change row of a company that is not listed: nothing to do"] == 1


STRANGE: list[Any] = [
    None, True, -1, 1e308, "", " ", "x" * 5000, [], {}, [1, None, {}], "\u202e\x00abc", "http://[", "a" * 300 + ".com",
    "999999999", "Acquired", "True", "💥.ws", "; ;Remote;,", ["x" * 500] * 200, "nan", "٣",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(20))
def test_strange_values(tmp_path: Path, seed: int) -> None:
    """Whatever stands in the fields, conversion ends, ids are unique, and every record is one the contract accepts."""
    pick = random.Random(seed)
    for day in (START, NEXT, LATER):
        listed = [company(pick.randint(1, 6)) for _ in range(6)]
        for one in listed:
            for name in one:
                if pick.random() < 0.15:
                    one[name] = pick.choice(STRANGE)
        snapshot(tmp_path, day, listed)
    names = ["appeared", "disappeared", "team_size", "isHiring", "website", "name", "status", "all_locations", "odd"]
    values, days = [str(value) for value in STRANGE], ["2022-01-15", NEXT, "2022-13-01"]
    rows = [
        (pick.choice(days), pick.randint(1, 7), pick.choice(names), old, pick.choice(values))
        for old in pick.choices(values, k=20)
    ]
    changes(tmp_path, rows)
    records, report = converted(tmp_path)
    assert len({record["id"] for record in records}) == len(records)
    for record in records:
        read_signal(record)
    assert report.lines()
