"""The registry of formats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stream.sources.formats import FORMATS, convert, detect
from stream.sources.report import Report
from tests.shared_data import shared_data
from tests.sources.making import company, snapshot

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.csv", "csv"),
        ("Export.CSV", "csv"),
        ("a.tsv", "csv"),
        ("Output_MasterSurgeFile_20150719-sample.csv", "bombora-surge"),
        ("a.parquet", None),
    ],
)
def test_detect_files(tmp_path: Path, name: str, format_name: str | None) -> None:
    """A file's name tells its format, the particular one before the plain."""
    path = tmp_path / name
    path.touch()
    found = detect(path)
    assert (found and found.name) == format_name
    assert detect(tmp_path / "missing" / name) is None


@pytest.mark.parametrize(
    ("name", "format_name"),
    [("yc_companies", "yc-directory"), ("sec_edgar", "edgar-filings"), ("bombora_surge", "bombora-surge")],
)
def test_detect_real_folders(name: str, format_name: str) -> None:
    """The real folders are told apart by what lies in them."""
    found = detect(shared_data(name))
    assert found is not None
    assert found.name == format_name


def test_convert_by_name(tmp_path: Path) -> None:
    """Every format is listed under its name with a line on what it reads; options not given are left out."""
    snapshot(tmp_path, "2022-01-01", [company(1)])
    assert len(list(convert("yc-directory", tmp_path, Report(), domains=None))) == 1
    assert all(one.name == name and one.reads for name, one in FORMATS.items())
    assert detect(tmp_path) is FORMATS["yc-directory"]
