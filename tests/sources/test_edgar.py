"""SEC EDGAR's filing lists and documents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from schemas.reading import read_signal
from stream.sources.edgar.convert import NO_DOMAIN, convert
from stream.sources.edgar.filings import REPEATED
from stream.sources.edgar.form_8k import Move, parse_document, read_moves
from stream.sources.edgar.form_d import parse_offering, read_offerings
from stream.sources.report import Report
from tests.shared_data import shared_data
from tests.sources.making import kinds

if TYPE_CHECKING:
    from pathlib import Path

TABLE = "cik,company,ticker,sic_description,form,filing_date,report_date,acceptance_datetime,items,accession\n"
FEED = "poll,page_start,form,company,cik,role,filed,accession,updated,items_8k,href\n"
HEADING = "Item 5.02 Departure of Directors or Certain Officers; Appointment of Certain Officers. "


def accession(number: int) -> str:
    return f"0000000001-25-{number:06}"


def made(folder: Path, table: str = "", feed: str = "", **files: str) -> tuple[list[dict[str, Any]], Report]:
    (folder / "filings_test.csv").write_text(TABLE + table, encoding="utf-8")
    (folder / "getcurrent_test.csv").write_text(FEED + feed, encoding="utf-8")
    (folder / "domains.csv").write_text("cik,domain\n0000000007,https://www.seven.com\n", encoding="utf-8")
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    report = Report()
    return list(convert(folder, report=report)), report


def row(number: int, form: str, items: str, cik: int = 7) -> str:
    day = f"2025-01-{number:02}"
    return f'{cik},Seven Inc.,SVN,Software,{form},{day},{day},{day}T21:00:00.000Z,"{items}",{accession(number)}\n'


def test_filings_become_signals(tmp_path: Path) -> None:
    """2.05 is a layoff, 5.02 without its text an announcement, Form D a round of unknown series; others are counted."""
    table = row(1, "8-K", "2.05,9.01") + row(2, "8-K", "5.02") + row(3, "D", "") + row(4, "8-K", "1.01")
    records, report = made(tmp_path, table + row(5, "8-K/A", "5.02") + row(6, "8-K", "5.02", cik=8))
    assert kinds(records) == ["layoff", "announcement", "funding_round", "account_update"]
    assert {record["subject"] for record in records} == {"seven.com"}
    assert records[0]["time"] == "2025-01-01T21:00:00Z"
    assert records[2]["data"]["series"] == "unknown"
    assert records[2]["data"]["announced_on"] == "2025-01-03"
    assert records[3]["data"]["facts"]["custom"] == {"ticker": "SVN", "cik": 7}
    assert report.left_out[NO_DOMAIN] == 1
    for record in records:
        read_signal(record)


def test_polls_overlap(tmp_path: Path) -> None:
    """The same accession in two polls and a table is one filing; insiders' forms are ignored, offsets are read."""
    entry = f"p1,0,8-K,Seven Inc.,7,Filer,2025-01-02,{accession(2)},2025-01-02T16:00:00-05:00,5.02;9.01,x\n"
    insider = f"p1,0,4,DOE JANE,9,Reporting,2025-01-02,{accession(3)},2025-01-02T16:00:00-05:00,,x\n"
    records, report = made(tmp_path, row(2, "8-K", "5.02"), entry + entry.replace("p1", "p2") + insider)
    assert kinds(records) == ["announcement", "account_update"]
    assert report.left_out[REPEATED] == 2
    assert "DOE" not in str(records)
    assert records[0]["time"] == "2025-01-02T21:00:00Z"


def test_bad_rows_are_reported(tmp_path: Path) -> None:
    """A row with no accession number, no CIK or no date is a bad line; the good ones go on."""
    broken = "x,Bad,,,8-K,2025-01-01,,2025-01-01T00:00:00Z,5.02," + accession(9) + "\n"
    broken += "7,Bad,,,8-K,2025-01-01,,2025-01-01T00:00:00Z,5.02,nope\n"
    broken += "7,Bad,,,8-K,soon,,2025-01-01T00:00:00Z,5.02," + accession(9) + "\n"
    records, report = made(tmp_path, broken + row(1, "8-K", "2.05"))
    assert kinds(records) == ["layoff", "account_update"]
    assert [bad.line for bad in report.bad_lines] == [2, 3, 4]


def test_text_of_502_says_who(tmp_path: Path) -> None:
    """With its text beside it, an 8-K 5.02 becomes the hire and the departure it states."""
    text = (
        '<ix:nonNumeric name="dei:EntityCentralIndexKey">0000000007</ix:nonNumeric>'
        '<ix:nonNumeric name="dei:DocumentPeriodEndDate">January 2, 2025</ix:nonNumeric><p>' + HEADING + "</p>"
        "<p>Jane Q. Doe, 51, was appointed as the Company&#8217;s Chief Revenue Officer. John Roe resigned as Chief "
        "Financial Officer.</p> SIGNATURES"
    )
    records, _ = made(tmp_path, row(2, "8-K", "5.02"), form_8k__a_dot_htm=text)
    assert kinds(records)[:2] == ["executive_hire", "executive_departure"]
    assert records[0]["data"]["person"] == "Jane Q. Doe"
    assert records[0]["data"]["title"] == "Chief Revenue Officer"
    assert records[1]["data"]["seniority"] == "c_level"


@pytest.mark.parametrize(
    ("body", "moves", "unclear"),
    [
        ("The Committee approved base salaries for Jane Doe, President.", 0, False),
        ("The Board elected Jane Doe as a director.", 0, True),
        ("On May 1, the Board appointed Jane Doe as Chief Executive Officer.", 1, False),
        ("Ms. Jane Doe stepped down from her role as President.", 1, False),
    ],
)
def test_502_is_often_about_pay(body: str, moves: int, *, unclear: bool) -> None:
    """Pay is no event; coming and going that no sentence makes plain is left unclear, not guessed."""
    document = parse_document(f"CENTRAL INDEX KEY: 7 {HEADING}{body} SIGNATURES")
    assert document is not None
    assert (len(document.moves), document.unclear) == (moves, unclear)


def test_hostile_text_takes_no_time() -> None:
    """Long runs of names do not make the reader hang."""
    assert read_moves("Aa " * 40_000) == ()
    assert read_moves("appointed " * 10_000 + "as the " * 10_000) == ()


def test_form_d_amount_and_funds(tmp_path: Path) -> None:
    """The amount sold comes from the notice; a fund's notice is no round; a blank line before the XML is no matter."""
    notice = (
        "\n<?xml version='1.0'?><edgarSubmission><primaryIssuer><cik>7</cik></primaryIssuer><offeringData>"
        "<industryGroup><industryGroupType>Other Technology</industryGroupType></industryGroup>"
        "<offeringSalesAmounts><totalAmountSold>5000000</totalAmountSold></offeringSalesAmounts></offeringData>"
        "</edgarSubmission>"
    )
    records, _ = made(tmp_path, row(3, "D", ""), form_d_xml__a_dot_xml=notice)
    assert records[0]["data"]["amount_usd"] == 5_000_000
    fund = notice.replace("Other Technology", "Pooled Investment Fund")
    records, _ = made(tmp_path, row(3, "D", ""), form_d_xml__a_dot_xml=fund)
    assert kinds(records) == ["account_update"]


@pytest.mark.parametrize("raw", [b"", b"<a/>", b"<!DOCTYPE x [<!ENTITY a 'b'>]><edgarSubmission/>", b"\x00\xff"])
def test_broken_notices(raw: bytes) -> None:
    """What is no Form D is refused, entities before they are expanded."""
    with pytest.raises((ValueError, SyntaxError)):
        parse_offering(raw)


def test_real_lists(tmp_path: Path) -> None:
    """The recorded lists, with a made-up map of domains: counted, repeatable, in order, accepted by the contract."""
    folder, domains = shared_data("sec_edgar"), tmp_path / "d.csv"
    domains.write_text("cik,domain\n1045810,nvidia.com\n320193,apple.com\n1324424,expediagroup.com\n", encoding="utf-8")
    report = Report()
    records = list(convert(folder, report=report, domains=domains))
    assert records == list(convert(folder, report=Report(), domains=domains))
    assert report.ok
    assert [record["time"] for record in records] == sorted(record["time"] for record in records)
    assert len({record["id"] for record in records}) == len(records)
    assert report.left_out[REPEATED] > 4_000
    for record in records:
        read_signal(record)
    without = Report()
    assert list(convert(folder, report=without)) == []
    assert without.left_out[NO_DOMAIN] > 700


def test_real_documents() -> None:
    """Of four real 5.02 filings one is about people and three about pay; a fund's Form D is known for one."""
    folder = shared_data("sec_edgar") / "form_8k"
    text = (folder / "blackrock_8k_item5.02.html").read_text(encoding="utf-8")
    document = parse_document(text)
    assert document is not None
    assert document.moves == (
        Move(hired=False, person="Gary S. Shedlin", title="Chief Financial Officer"),
        Move(hired=True, person="Martin Small", title="Chief Financial Officer"),
    )
    others = [path for path in folder.iterdir() if "5.02" in path.name and "blackrock" not in path.name]
    read = [parse_document(path.read_text(encoding="utf-8", errors="replace")) for path in others]
    assert [(one.moves, one.unclear) for one in read if one] == [((), False)] * len(others)
    offerings = read_offerings(folder.parent, Report())
    assert sorted((one.sold_usd, one.fund, one.amendment) for one in offerings) == [
        (125_000, True, False), (659_752, True, False), (5_725_051, False, True),
    ]  # fmt: skip
