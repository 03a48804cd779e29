"""Plain files: a table of signals or facts, and CloudEvents a line."""

from __future__ import annotations

import csv
import io
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.reading import read_signal
from stream.sources.csvfile import convert
from stream.sources.csvtypes import number
from stream.sources.jsonl import convert as convert_jsonl
from stream.sources.report import Report

if TYPE_CHECKING:
    from pathlib import Path


CELLS = (
    "domain", "Type", "type", "time", "ID", "Employees", "Headcount", "technologies", "score", "a.com", "layoff", "1k",
    "201-500", "null", "[1", "-5", "2026-01-01", "9" * 400 + "k", "custom.", "data.", "facts.name", "account_update",
)  # fmt: skip


def read(folder: Path, text: str) -> tuple[list[dict[str, Any]], Report]:
    path, report = folder / "x.csv", Report()
    path.write_text(text, encoding="utf-8")
    os.utime(path, (1_700_000_000, 1_700_000_000))
    return list(convert(path, report=report)), report


def test_signals(tmp_path: Path) -> None:
    """A row is a signal: members by name or as data.<name>, numbers and lists as the contract wants them."""
    records, report = read(
        tmp_path,
        "type,subject,time,id,source,series,data.amount_usd,investors\n"
        'funding_round,acme.com,2026-11-20T09:00:00Z,cb-1,crunchbase,B,"$25,000,000",Example Ventures; Other\n'
        "tierline.signal.funding_round,b.com,2026-11-20,,,a,1.5e6,\n",
    )
    assert report.ok
    assert records[0] == {
        "specversion": "1.0", "id": "cb-1", "source": "crunchbase", "type": "tierline.signal.funding_round",
        "subject": "acme.com", "time": "2026-11-20T09:00:00Z",
        "data": {"series": "B", "amount_usd": 25_000_000, "investors": ["Example Ventures", "Other"]},
    }  # fmt: skip
    assert records[1]["time"] == "2026-11-20T00:00:00Z"
    assert records[1]["data"] == {"series": "a", "amount_usd": 1_500_000}
    for record in records:
        read_signal(record)


def test_facts(tmp_path: Path) -> None:
    """A table of companies is facts: typed, unknown columns custom, `null` unknown again, empty cells silent."""
    text = (
        "domain,name,employees,technologies,growth_rate,plan,seats,zip,custom.customer\n"
        "acme.com,Acme,1200,salesforce|slack,45%,pro,12,00501,true\nb.com,,null,,,,,,\n"
    )
    records, report = read(tmp_path, text)
    assert report.ok
    assert records[0]["data"]["facts"] == {
        "name": "Acme", "employees": 1200, "technologies": ["salesforce", "slack"], "growth_rate": 0.45,
        "custom": {"plan": "pro", "seats": 12, "zip": "00501", "customer": True},
    }  # fmt: skip
    assert records[1]["data"]["facts"] == {"employees": None}
    assert records[0]["time"] == "2023-11-14T22:13:20Z"
    assert [record["id"] for record in read(tmp_path, text)[0]] == [record["id"] for record in records]
    for record in records:
        read_signal(record)


def test_bad_rows(tmp_path: Path) -> None:
    """What is wrong with a row is said with its line and the mend; the rest is sent."""
    records, report = read(
        tmp_path,
        "type,subject,time,topic,score\n"
        "intent_surge,a.com,2026-01-01,crm,high\n"
        "intent_surge,,2026-01-01,crm,50\n"
        "intent_surge,a.com,,crm,50\n"
        "intent_surge,a.com,2026-01-01T10:00:00,crm,50\n"
        "intent_surge,a.com,yesterday,crm,50\n"
        "intent_surge,a.com,2026-01-01,crm,50\n"
        ",a.com,2026-01-01,,\n",
    )
    assert len(records) == 1
    assert [bad.line for bad in report.bad_lines] == [2, 3, 4, 5, 6, 8]
    messages = [bad.message for bad in report.bad_lines]
    assert messages[0] == "score: 'high' is not a number"
    assert "no offset" in messages[3]


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1_000", "1,00", "١٢", "1e999", ""])
def test_what_is_no_number(text: str) -> None:
    """Numbers that JSON or a reader would take for something else are refused."""
    with pytest.raises(ValueError):
        number(text)


def test_jsonl_is_passed_on(tmp_path: Path) -> None:
    """Objects go on as they stand, whatever they are; what is no object is reported."""
    path, report = tmp_path / "x.jsonl", Report()
    path.write_text('{"type": "tierline.signal.layoff"}\nnope\n{"a": 1}\n', encoding="utf-8")
    assert list(convert_jsonl(path, report=report)) == [{"type": "tierline.signal.layoff"}, {"a": 1}]
    assert [bad.line for bad in report.bad_lines] == [2]
    assert report.made == {"layoff": 1, "without a type": 1}


@pytest.mark.parametrize("text", ['[{"a": 1}, {"a": 2}]', '[\n{"a": 1}\n]\n', "\n[]"])
def test_one_json_list_is_told_once(tmp_path: Path, text: str) -> None:
    """A file that is one list, on however many lines, is one fault with the command that mends it."""
    path, report = tmp_path / "my list.json", Report()
    path.write_text(text, encoding="utf-8")
    assert list(convert_jsonl(path, report=report)) == []
    mend = "jq -c '.[]' 'my list.json' > 'my list.jsonl'"
    says = f"my list.json: holds one JSON list; Tierline reads one object a line: {mend}"
    assert [str(bad) for bad in report.bad_lines] == [says]
    path.write_text('[1]\n{"a": 1}\n', encoding="utf-8")
    assert list(convert_jsonl(path, report=Report())) == [{"a": 1}], "a bad first line is not a list of all"


def told(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for record in records:
        read_signal(record)
    return [record["data"]["facts"] for record in records]


def test_an_export_of_a_crm(tmp_path: Path) -> None:
    """Headers in people's spelling are the facts they name; a CRM's own Type, ID and Source are custom facts."""
    records, report = read(
        tmp_path,
        "Company Name,Company-Domain,Number of Employees,Annual Revenue,COUNTRY,Technologies,Type,ID,Source,E-Mail\n"
        'Acme,acme.com,"1,200","$1,000,000",US,"slack, jira;sap",Customer,001,Web,a@acme.com\n',
    )
    assert told(records) == [
        {
            "name": "Acme", "employees": 1200, "annual_revenue_usd": 1_000_000, "country": "US",
            "technologies": ["slack", "jira", "sap"], "custom": {"Type": "Customer", "ID": "001", "Source": "Web"},
        }
    ]  # fmt: skip
    assert (records[0]["subject"], records[0]["source"]) == ("acme.com", "file")
    assert report.ok
    assert report.remarks() == [
        "columns kept as custom facts: Type, ID, Source",
        "columns not used, as Company-Domain names the account: E-Mail",
        "Annual Revenue is read as annual_revenue_usd: US dollars",
    ]


def test_an_unknown_column_is_told_once_with_what_was_meant(tmp_path: Path) -> None:
    """A misspelt header does not pass in silence: it is a custom fact, and the fact it is like is named."""
    records, report = read(tmp_path, "Website,Employes,Revenue (EUR),Plan\na.com,5,1,x\nb.com,6,1,y\n")
    assert told(records)[0] == {"custom": {"Employes": 5, "Revenue (EUR)": 1, "Plan": "x"}}
    assert report.remarks() == [
        "columns kept as custom facts: Employes (did you mean employees?), Revenue (EUR), Plan",
    ]
    records, report = read(tmp_path, "type,subject,time,Series,investers\nfunding_round,a.com,2026-01-01,b,x\n")
    assert records[0]["data"] == {"series": "b", "investers": "x"}
    assert report.remarks() == ["columns that no type of signal has, kept: investers (did you mean investors?)"]


def test_columns_that_would_be_the_same_fact(tmp_path: Path) -> None:
    """The better named column is the fact; the others are kept beside it, and none is lost."""
    records, _ = read(tmp_path, "domain,Headcount,Employees,Plan,Plan\na.com,1,2,x,y\n")
    assert told(records) == [{"employees": 2, "custom": {"Headcount": 1, "Plan": "x", "Plan 2": "y"}}]


def test_a_page_of_a_signal_is_not_its_account(tmp_path: Path) -> None:
    """`url` names the account of facts; of a signal it is the page, and the account is asked for."""
    records, _ = read(tmp_path, "URL,name\nhttps://a.com/x,A\n")
    assert records[0]["subject"] == "https://a.com/x"
    records, report = read(tmp_path, "type,url,time,domain\nlayoff,https://news.com/1,2026-01-01,\n")
    assert records == []
    assert report.bad_lines[0].message == "no account: fill domain"


@pytest.mark.parametrize(
    ("text", "employees"),
    [
        ("201-500", 201), ("1,001 – 5,000", 1001), ("10,000+", 10_000), ("1k", 1000), ("1.5k-3k", 1500),
        ("1.200", 1200), ("51 to 200 employees", 51), ("lots", None), ("10-Jan", None), ("-5", None),
        ("2024-01-02", None),
    ],
)  # fmt: skip
def test_sizes_as_people_write_them(tmp_path: Path, text: str, employees: int | None) -> None:
    """A band is its lower end; what is plainly no number costs that one fact, with a word, and not the row."""
    records, report = read(tmp_path, f'domain,name,employees\na.com,A,"{text}"\n')
    assert told(records)[0].get("employees") == employees
    assert report.ok
    assert bool(report.left_out) == (employees is None)
    assert any(f"(line 2: {text!r})" in one for one in report.remarks()) == (employees is None)


def test_a_table_without_accounts_is_told_once(tmp_path: Path) -> None:
    """No column for the account is one fault of the file, with the columns it has, and not one of every row."""
    records, report = read(tmp_path, "Company,Employees\nAcme,3\nBeta,4\n")
    assert records == []
    assert [str(bad) for bad in report.bad_lines] == [
        "x.csv:1: no column names the account: head one of them domain or website (found: Company, Employees)"
    ]


def test_a_header_that_cannot_be_read_ends_the_file(tmp_path: Path) -> None:
    """The row after it is not taken for a header."""
    path, report = tmp_path / "x.csv", Report()
    path.write_bytes("dömain,name\na.com,A\nb.com,B\n".encode("latin-1"))
    assert list(convert(path, report=report)) == []
    assert [bad.line for bad in report.bad_lines] == [1, 2]
    assert "in Excel: save as CSV UTF-8" in report.bad_lines[0].message


def test_semicolons_and_tabs(tmp_path: Path) -> None:
    """What a European Excel writes is read as it stands."""
    records, report = read(tmp_path, "Website;Company;Employees\nx.de;X, GmbH;1.200\n")
    assert told(records) == [{"name": "X, GmbH", "employees": 1200}]
    assert report.ok
    assert told(read(tmp_path, "domain\tname\nx.de\tX\n")[0]) == [{"name": "X"}]


@given(
    st.lists(st.lists(st.sampled_from(CELLS) | st.text(max_size=6), min_size=1, max_size=5), max_size=5),
    st.sampled_from(",;\t|"),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
def test_no_table_raises(tmp_path: Path, rows: list[list[str]], delimiter: str) -> None:
    """Whatever stands in a table, each row is a record or a bad line: never an exception."""
    path, report = tmp_path / "x.csv", Report()
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    path.write_bytes(text.getvalue().encode("utf-8", "replace"))
    made = list(convert(path, report=report))
    assert len(made) + report.bad_line_count >= report.seen["rows"]
    assert all(record["subject"] and record["data"] is not None for record in made)
    assert report.remarks() is not None
