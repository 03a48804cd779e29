"""Reading EDGAR's lists of filings: the parsed tables, the latest-filings feed and a company's submissions document.

A filing is one accession number and one company (CIK); the lists overlap, and the same filing is kept once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stream.sources.readers import csv_rows, json_document

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream.sources.report import Report

ACCESSION = re.compile(r"\d{10}-\d{2}-\d{6}")
FEED_COLUMNS = ("form", "company", "cik", "role", "filed", "accession", "updated", "items_8k")
TABLE_COLUMNS = ("cik", "company", "form", "filing_date", "acceptance_datetime", "items", "accession")
REPEATED = "the same filing in another list or poll"
INSIDERS = frozenset({"3", "4", "5", "144", "3/A", "4/A", "5/A", "144/A"})


@dataclass(frozen=True, slots=True)
class Filing:
    """One filing of one company. `accepted`: RFC 3339 in UTC; `report_date`: the day the report is about, if told."""

    accession: str
    cik: int
    company: str
    form: str
    filed: str
    accepted: str
    items: tuple[str, ...] = ()
    industry: str = ""
    ticker: str = ""
    report_date: str = ""

    @property
    def url(self) -> str:
        """The filing's folder on sec.gov."""
        return f"https://www.sec.gov/Archives/edgar/data/{self.cik}/{self.accession.replace('-', '')}/"


@dataclass(slots=True)
class Submissions:
    """What a submissions document says of its company besides filings."""

    cik: int
    website: str
    country: str


def read_filings(
    folder: Path, report: Report, beside: Sequence[Filing] = ()
) -> tuple[list[Filing], dict[int, Submissions]]:
    """Every filing once, by time of acceptance, and the companies described. `folder` may also be one table.

    `beside`: filings known from elsewhere, which the lists come before.
    """
    found: dict[tuple[str, int], Filing] = {}
    about: dict[int, Submissions] = {}
    tables = [folder] if folder.is_file() else sorted(folder.glob("filings_*.csv*"))
    feeds = [] if folder.is_file() else sorted(folder.glob("getcurrent_*.csv*"))
    documents = [] if folder.is_file() else sorted(folder.glob("submissions_json/CIK*.json*"))

    def keep(filing: Filing) -> None:
        report.saw("filings listed")
        if found.setdefault((filing.accession, filing.cik), filing) is not filing:
            report.leave_out(REPEATED)

    for path in documents:
        for filing in _submissions(path, report, about):
            keep(filing)
    for path in tables:
        for filing in _table(path, report):
            keep(filing)
    for path in feeds:
        for filing in _feed(path, report):
            keep(filing)
    for filing in beside:
        keep(filing)
    return sorted(found.values(), key=lambda one: (one.accepted, one.accession, one.cik)), about


def moment(text: str, day: str) -> str:
    """A time of acceptance in UTC; the start of the filing's day where it has none. Raises ValueError."""
    when = datetime.fromisoformat(text or f"{day}T00:00:00+00:00")
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return when.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _make(row: dict[str, Any], accession: str, accepted: str, filed: str, items: str, **more: str) -> Filing:
    if not ACCESSION.fullmatch(accession):
        raise ValueError(f"{accession[:40]!r} is not an accession number")
    datetime.fromisoformat(filed)
    parts = tuple(item.strip() for item in re.split(r"[,;]", items) if item.strip())
    return Filing(
        accession, int(row["cik"]), str(row["company"])[:300], str(row["form"]).strip(), filed,
        moment(accepted, filed), parts, **more,
    )  # fmt: skip


def _table(path: Path, report: Report) -> Iterator[Filing]:
    for number, row in csv_rows(path, report, TABLE_COLUMNS):
        try:
            more = {"industry": row.get("sic_description", "")[:300], "ticker": row.get("ticker", "")[:40]}
            yield _make(
                row, row["accession"], row["acceptance_datetime"], row["filing_date"], row["items"],
                report_date=row.get("report_date", ""), **more,
            )  # fmt: skip
        except ValueError as error:
            report.bad_line(path.name, number, str(error))


def _feed(path: Path, report: Report) -> Iterator[Filing]:
    for number, row in csv_rows(path, report, FEED_COLUMNS):
        if row["form"] in INSIDERS:
            report.leave_out("filing about an insider's holdings (forms 3, 4, 5, 144)")
            continue
        if row["role"] != "Filer":
            continue
        try:
            yield _make(row, row["accession"], row["updated"], row["filed"], row["items_8k"])
        except ValueError as error:
            report.bad_line(path.name, number, str(error))


def _submissions(path: Path, report: Report, about: dict[int, Submissions]) -> Iterator[Filing]:
    document = json_document(path, report)
    if not isinstance(document, dict):
        return
    try:
        if "cik" in document:
            columns, cik = document["filings"]["recent"], int(document["cik"])
            address = (document.get("addresses") or {}).get("business") or {}
            about[cik] = Submissions(cik, str(document.get("website") or ""), _country(address))
        else:  # an older page of the same: the company is in the file's name
            columns, cik = document, int(re.findall(r"CIK(\d+)", path.name)[0])
        names = ("accessionNumber", "acceptanceDateTime", "filingDate", "items", "form", "reportDate")
        rows = list(zip(*(columns[name] for name in names), strict=True))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        report.bad_line(path.name, 0, f"not a submissions document: {type(error).__name__} {error}")
        return
    row = {"cik": cik, "company": document.get("name", "")}
    more = {
        "industry": str(document.get("sicDescription") or "")[:300],
        "ticker": str(next(iter(document.get("tickers") or []), ""))[:40],
    }
    for index, (accession, accepted, filed, items, form, reported) in enumerate(rows):
        if form in INSIDERS:
            report.leave_out("filing about an insider's holdings (forms 3, 4, 5, 144)")
            continue
        try:
            yield _make({**row, "form": form}, accession, accepted, filed, items, report_date=reported or "", **more)
        except (ValueError, TypeError, AttributeError) as error:
            report.bad_line(path.name, 0, f"filing {index} of the list: {error}")


def _country(address: dict[str, Any]) -> str:
    code = str(address.get("stateOrCountry") or "")
    # EDGAR's own codes: two letters are a state of the US, a letter and a digit another country or a Canadian province
    return "US" if len(code) == 2 and code.isalpha() else ""
