"""Plain files: a table of signals or facts, and CloudEvents a line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from schemas.envelope import read_signal
from stream.sources.csvfile import convert
from stream.sources.csvtypes import number
from stream.sources.jsonl import convert as convert_jsonl
from stream.sources.report import Report

if TYPE_CHECKING:
    from pathlib import Path


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
