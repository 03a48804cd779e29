"""Bombora's weekly files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from schemas.reading import read_signal
from stream.sources.bombora import convert
from stream.sources.report import Report
from tests.shared_data import shared_data
from tests.sources.making import kinds

if TYPE_CHECKING:
    from pathlib import Path

SURGE = (
    'acme inc,acme.com,51-200 employees,internet,crm,email tools,79,"boston area[75]|[77]",United States\n'
    "acme inc,acme.com,51-200 employees,internet,crm,sales tools,25,[25],United States\n"
    ",gmail.com,,,crm,sales tools,60,,\n"
    ",12-34-56-78-isp.net,,,crm,sales tools,60,,\n"
    ",b.com,,,crm,,60,,\n"
    ",b.com,,,crm,sales tools,101,,\n"
    ",b.com,,,crm,sales tools\n"
)
ALL_TOPICS = (
    ",c.com,,,crm,sales tools,49,3421,boston area,72,2132,Canada\n"
    ",c.com,,,crm,sales tools,49,3421,,45,3421,Canada\n"
    ",acme.com,,,crm,sales tools,25,3421,,45,3421,Canada\n"
)


def read(path: Path) -> tuple[list[dict[str, Any]], Report]:
    report = Report()
    return list(convert(path, report=report)), report


def test_made_up_week(tmp_path: Path) -> None:
    """Scores and topics are signals of the file's week, low scores too; providers and free mail are left out."""
    (tmp_path / "Output_MasterSurgeFile_20200105.csv").write_text(SURGE, encoding="utf-8")
    (tmp_path / "Input_AllDomainsAllTopics_20200105.csv").write_text(ALL_TOPICS, encoding="utf-8")
    records, report = read(tmp_path)
    assert kinds(records) == ["account_update", "intent_surge", "intent_surge", "account_update", "intent_surge"]
    assert records[0]["data"]["facts"] == {
        "name": "acme inc", "industry": "internet", "employees": 51, "country": "US",
        "custom": {"size_band": "51-200 employees"},
    }  # fmt: skip
    assert records[1]["data"] == {
        "topic": "email tools", "score": 79, "category": "crm", "metros": [{"metro": "boston area", "score": 75}],
    }  # fmt: skip
    assert records[2]["data"]["score"] == 25
    assert {record["time"] for record in records} == {"2020-01-05T00:00:00Z"}
    assert [bad.line for bad in report.bad_lines] == [6, 7]
    assert sorted(report.left_out.values()) == [1, 1, 1, 2]


def test_no_file(tmp_path: Path) -> None:
    """A folder without such a file is said, with the name that is looked for."""
    records, report = read(tmp_path)
    assert records == []
    assert "Output_MasterSurgeFile_20150719.csv" in str(report.bad_lines[0])


def test_real_week() -> None:
    """The published week: 20,000 rows, every domain and topic once, all accepted by the contract."""
    records, report = read(shared_data("bombora_surge"))
    assert report.ok
    assert report.seen["rows"] == 20_000
    assert report.made == {"intent_surge": 16_037, "account_update": 357}
    assert 16_037 + sum(report.left_out.values()) == 20_000
    assert len({record["id"] for record in records}) == len(records)
    assert any(record["data"].get("score", 99) < 50 for record in records)
    for record in records:
        read_signal(record)
