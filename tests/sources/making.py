"""Small inputs made up for the tests, written as the real ones are."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import TYPE_CHECKING, Any

from stream.sources.report import Report
from stream.sources.yc.convert import convert

if TYPE_CHECKING:
    from pathlib import Path

CHANGE_COLUMNS = ["observed_on", "yc_id", "slug", "name", "website", "field", "old", "new"]


def company(identity: int, **fields: Any) -> dict[str, Any]:
    """A company as a snapshot has it; anything may be overridden."""
    return {
        "id": identity, "name": f"Company {identity}", "website": f"https://www.company{identity}.com", "team_size": 20,
        "industry": "B2B", "subindustry": "B2B -> Sales", "regions": ["United States of America", "Remote"],
        "tags": ["SaaS"], "batch": "W12", "status": "Active", "stage": "Early", "isHiring": False,
        "all_locations": "Austin, TX, USA", "top_company": False, "nonprofit": False, **fields,
    }  # fmt: skip


def snapshot(folder: Path, day: str, companies: list[dict[str, Any]]) -> Path:
    """A dated snapshot file."""
    path = folder / f"snapshot_{day}.ndjson.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(one) + "\n" for one in companies).encode()))
    return path


def changes(folder: Path, rows: list[tuple[str, int, str, str, str]]) -> Path:
    """A changes file: (day, company, field, old, new); of one that appeared, name and website follow its id."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(CHANGE_COLUMNS)
    for day, identity, field, old, new in rows:
        website = f"https://www.company{identity}.com"
        writer.writerow([day, identity, f"c{identity}", f"Company {identity}", website, field, old, new])
    path = folder / "changes_test.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    return path


def converted(folder: Path) -> tuple[list[dict[str, Any]], Report]:
    """The records of a folder of the directory, and the report."""
    report = Report()
    return list(convert(folder, report=report)), report


def kinds(records: list[dict[str, Any]]) -> list[str]:
    """The types of records, short."""
    return [record["type"].removeprefix("tierline.signal.") for record in records]


def facts(records: list[dict[str, Any]], subject: str) -> dict[str, Any]:
    """What an account has been told in the end, custom facts flat."""
    told: dict[str, Any] = {}
    for record in records:
        if record["subject"] == subject and record["type"].endswith("account_update"):
            given = dict(record["data"]["facts"])
            told |= {f"custom.{name}": value for name, value in given.pop("custom", {}).items()}
            told |= given
    return told
