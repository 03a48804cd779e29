"""`edgar-filings`: 8-K items 5.02 and 2.05 and Form D, of the companies whose domain is known.

EDGAR knows companies by CIK. Their domain comes from a file the user gives (`cik,domain`) or from the website in a
submissions document; it is never guessed from a name.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from stream.sources.domains import account_domain
from stream.sources.edgar.filings import Filing, Submissions, moment, read_filings
from stream.sources.edgar.form_8k import Document, Move, read_documents
from stream.sources.edgar.form_d import Offering, read_offerings
from stream.sources.readers import csv_rows
from stream.sources.records import Maker, facts_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report

SOURCE = "sec-edgar"
DOMAINS_FILE = "domains.csv"
OFFICERS = "5.02"
EXIT = "2.05"
NO_DOMAIN = "no domain known for the company (give a file of cik,domain with --domains)"
_C_LEVEL = re.compile(r"\bchief\b.*\bofficer\b|^(?:interim |acting )?president\b|general counsel", re.IGNORECASE)


def looks_like(path: Path) -> bool:
    """A folder with a table of filings, a feed's table, or submissions documents."""
    if not path.is_dir():
        return False
    patterns = ("filings_*.csv*", "getcurrent_*.csv*", "submissions_json/CIK*.json*")
    return any(next(path.glob(pattern), None) is not None for pattern in patterns)


def convert(path: Path, *, report: Report, domains: Path | None = None) -> Iterator[dict[str, Any]]:
    """Every signal of the filings under `path`, by time of acceptance."""
    documents = read_documents(path, report) if path.is_dir() else []
    filings, about = read_filings(path, report, [filing for one in documents if (filing := _itself(one))])
    known = _domains(path, domains, about, report)
    offerings = read_offerings(path, report) if path.is_dir() else []
    maker, without = Maker(SOURCE, report), Counter[tuple[int, str]]()
    latest = {filing.cik: filing for filing in filings}
    texts, sums = _Texts(documents), _Sums(offerings, filings)
    for filing in filings:
        kinds = _wanted(filing, report)
        domain = known.get(filing.cik)
        if kinds and domain is None:
            without[filing.cik, filing.company] += 1
            report.leave_out(NO_DOMAIN, f"{filing.company} (CIK {filing.cik})")
        elif domain is not None:
            for kind in kinds:
                for name, tail, data in _signals(kind, filing, texts, sums, report):
                    identity = f"{filing.accession}/{filing.cik}/{tail}"
                    yield maker.record(name, identity, domain, filing.accepted, {**data, "url": filing.url})
        if domain is not None and latest[filing.cik] is filing:
            facts = _facts(filing, about.get(filing.cik))
            identity = f"{filing.accession}/{filing.cik}/facts"
            yield maker.record("account_update", identity, domain, filing.accepted, facts_data(facts))
    if without:
        report.note(f"{len(without):,} companies had filings of interest and no known domain")
    for unused in (*texts.unused(), *sums.unused()):
        report.leave_out("document that belongs to no filing in the lists", unused)


def _itself(document: Document) -> Filing | None:
    """A full submission as the filing it is, listed or not."""
    if not document.accession or not document.accepted:
        return None
    accepted = moment(document.accepted, "")
    return Filing(
        document.accession, document.cik, document.company, "8-K", accepted[:10], accepted, (OFFICERS,),
        report_date=document.report_date,
    )  # fmt: skip


def _domains(path: Path, given: Path | None, about: dict[int, Submissions], report: Report) -> dict[int, str]:
    known: dict[int, str] = {}
    for cik, company in about.items():
        domain, _ = account_domain(company.website)
        if domain is not None:
            known[cik] = domain
    beside = path / DOMAINS_FILE
    file = given or (beside if beside.is_file() else None)
    if file is None:
        return known
    for number, row in csv_rows(file, report, ("cik", "domain")):
        domain, why = account_domain(row["domain"])
        if domain is None or not row["cik"].strip().isdigit():
            report.bad_line(file.name, number, why or "cik is not a number")
        else:
            known[int(row["cik"])] = domain
    return known


def _wanted(filing: Filing, report: Report) -> list[str]:
    if filing.form in ("8-K/A", "D/A"):
        report.leave_out("amendment of an earlier filing (8-K/A, D/A)")
        return []
    if filing.form == "D":
        return ["D"]
    if filing.form != "8-K":
        report.leave_out("other form than 8-K and D")
        return []
    kinds = [item for item in (OFFICERS, EXIT) if item in filing.items]
    if not kinds:
        report.leave_out("8-K without item 5.02 or 2.05")
    return kinds


Signal = tuple[str, str, dict[str, Any]]


def _signals(kind: str, filing: Filing, texts: _Texts, sums: _Sums, report: Report) -> Iterator[Signal]:
    if kind == EXIT:
        yield "layoff", "2.05", {"note": "8-K 2.05: costs of exit or disposal activities"}
    elif kind == "D":
        offering = sums.of(filing)
        if offering is not None and offering.fund:
            report.leave_out("Form D of an investment fund, not of a company raising money", filing.company)
            return
        amount = {"amount_usd": offering.sold_usd} if offering is not None and offering.sold_usd else {}
        yield "funding_round", "D", {"series": "unknown", "announced_on": filing.filed, **amount}
    else:
        yield from _officers(filing, texts.of(filing), report)


def _officers(filing: Filing, document: Document | None, report: Report) -> Iterator[Signal]:
    if document is None or document.unclear:
        title = "8-K 5.02: departure, election or appointment of directors or officers, or their pay"
        yield "announcement", "5.02", {"kind": "other", "title": title}
    elif not document.moves:
        report.leave_out("8-K 5.02 that was read and is about pay only", filing.company)
    else:
        for number, move in enumerate(document.moves, 1):
            yield _move(move, number)


def _move(move: Move, number: int) -> Signal:
    seniority = "c_level" if _C_LEVEL.search(move.title) else "vp"
    kind = "executive_hire" if move.hired else "executive_departure"
    return kind, f"5.02/{number}", {"title": move.title, "person": move.person, "seniority": seniority}


def _facts(filing: Filing, about: Submissions | None) -> dict[str, Any]:
    facts = {
        "name": filing.company,
        "industry": filing.industry,
        "country": about.country if about else "",
        "custom.ticker": filing.ticker,
        "custom.cik": filing.cik,
    }
    return {name: value for name, value in facts.items() if value}


class _Texts:
    """8-K documents by filing: by accession number, else by company and report date."""

    def __init__(self, documents: list[Document]) -> None:
        self._documents = documents
        self._used: set[str] = set()

    def of(self, filing: Filing) -> Document | None:
        for document in self._documents:
            by_day = not document.accession and document.report_date and document.report_date == filing.report_date
            if document.cik == filing.cik and (document.accession == filing.accession or by_day):
                self._used.add(document.file)
                return document
        return None

    def unused(self) -> list[str]:
        return [document.file for document in self._documents if document.file not in self._used]


class _Sums:
    """Form D documents by filing: by accession number, else the company's only Form D in the lists."""

    def __init__(self, offerings: list[Offering], filings: list[Filing]) -> None:
        self._offerings = [offering for offering in offerings if not offering.amendment]
        self._count = Counter(filing.cik for filing in filings if filing.form == "D")
        self._used: set[str] = set()

    def of(self, filing: Filing) -> Offering | None:
        for offering in self._offerings:
            alone = not offering.accession and self._count[filing.cik] == 1
            if filing.cik in offering.ciks and (offering.accession == filing.accession or alone):
                self._used.add(offering.name)
                return offering
        return None

    def unused(self) -> list[str]:
        return [f"Form D of {offering.name}" for offering in self._offerings if offering.name not in self._used]
