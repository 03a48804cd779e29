"""`bombora-surge`: Bombora's weekly files of what companies read, as `intent_surge` signals.

Two layouts, both without a header: Master Surge (9 columns) and All Domains All Topics (12 columns, one row a metro).
A row's time is the week in the file's name; the score is the vendor's, 0 to 100, also where it is below the vendor's
own line of 50.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from stream.sources.countries import country_code
from stream.sources.csvtypes import number
from stream.sources.domains import account_domain
from stream.sources.readers import csv_lists
from stream.sources.records import Maker, facts_data, midnight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report

SOURCE = "bombora"
SURGE_COLUMNS = 9
ALL_TOPICS_COLUMNS = 12
_FILE = re.compile(r"(?:surge|alldomainsalltopics).*?_(\d{4})(\d\d)(\d\d)[^/]*\.csv(?:\.gz)?$", re.IGNORECASE)
_NETWORK = re.compile(r"\d{1,3}(?:-\d{1,3}){1,3}-")
_METRO = re.compile(r"\s*([^|\[\]]*)\[(\d+(?:\.\d+)?)\]")
_SIZE = re.compile(r"([0-9][0-9,]*)")


def _week(path: Path) -> str | None:
    match = _FILE.search(path.name)
    try:
        return date(*map(int, match.groups())).isoformat() if match else None
    except ValueError:
        return None


def _files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else list(path.glob("*.csv*"))
    # The surge file first: where a week has both, its row is the signal and the other file's the repetition.
    return sorted((file for file in found if _week(file)), key=_by_week)


def _by_week(file: Path) -> tuple[str, bool, str]:
    return _week(file) or "", "surge" not in file.name.lower(), file.name


def looks_like(path: Path) -> bool:
    """A Bombora file by its name, or a folder that holds one."""
    return bool(_files(path)) if path.exists() else False


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Every (domain, topic, week) once, oldest week first; facts of a domain the first time a week tells any."""
    maker = Maker(SOURCE, report)
    week_seen, seen, told = "", set[tuple[str, str]](), set[str]()
    files = _files(path)
    if not files:
        report.bad_line(path.name, 0, "no file named like Output_MasterSurgeFile_20150719.csv")
    for file in files:
        week = _week(file) or ""
        if week != week_seen:
            week_seen, seen, told = week, set(), set()
        for line, cells in csv_lists(file, report):
            report.saw("rows")
            try:
                row = _row(cells)
            except ValueError as error:
                report.bad_line(file.name, line, str(error))
                continue
            if not row["topic"]:
                report.leave_out("row without a topic", row["domain"])
                continue
            domain = _company_domain(row["domain"], report)
            if domain is None:
                continue
            if domain not in told and (facts := _facts(row)):
                told.add(domain)
                data = facts_data(facts)
                yield maker.record("account_update", f"{week}/{domain}/facts", domain, midnight(week), data)
            if (domain, row["topic"]) in seen:
                report.leave_out("further row of the same domain, topic and week (another metro, or the other file)")
                continue
            seen.add((domain, row["topic"]))
            data = {"topic": row["topic"], "score": row["score"], "category": row["category"], "metros": row["metros"]}
            data = {name: value for name, value in data.items() if value not in (None, "", [])}
            yield maker.record("intent_surge", f"{week}/{domain}/{row['topic']}", domain, midnight(week), data)


def _company_domain(text: str, report: Report) -> str | None:
    if _NETWORK.match(text):
        report.leave_out("a provider's network name, not a company", text)
        return None
    domain, _ = account_domain(text)
    if domain is None:
        report.leave_out("free mail, or not a domain", text)
    return domain


def _row(cells: list[str]) -> dict[str, Any]:
    if len(cells) not in (SURGE_COLUMNS, ALL_TOPICS_COLUMNS):
        raise ValueError(f"{len(cells)} columns; a surge file has {SURGE_COLUMNS}, all-topics {ALL_TOPICS_COLUMNS}")
    name, domain, size, industry, category, topic = (text.strip()[:500] for text in cells[:6])
    score = number(cells[6])
    if not 0 <= score <= 100:
        raise ValueError(f"score {score} is not between 0 and 100")
    if len(cells) == SURGE_COLUMNS:
        metros = _metros(cells[7])
    else:
        metros = [{"metro": cells[8].strip(), "score": number(cells[9])}] if cells[8].strip() else []
    return {
        "name": name, "domain": domain, "size": size, "industry": industry, "country": cells[-1],
        "category": category, "topic": topic, "score": score, "metros": metros,
    }  # fmt: skip


def _metros(text: str) -> list[dict[str, Any]]:
    """`greater boston area[77]|[77]`: scores by metro; a score without a metro is of readers whose place is unknown."""
    return [{"metro": metro.strip(), "score": number(score)} for metro, score in _METRO.findall(text) if metro.strip()]


def _facts(row: dict[str, Any]) -> dict[str, Any]:
    size = _SIZE.search(row["size"])
    employees = 1 if row["size"] == "myself only" else int(size[1].replace(",", "")) if size else None
    facts = {
        "name": row["name"],
        "industry": row["industry"],
        "employees": employees,
        "custom.size_band": row["size"],
        "country": country_code(row["country"]),
    }
    return {name: value for name, value in facts.items() if value}
