"""Broken files: every bad line is said with its number, and the good ones go on."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest

from stream.sources.readers import DELIMITERS, MAX_LINE_BYTES, csv_lists, csv_rows, json_document, json_lines
from stream.sources.report import Report

if TYPE_CHECKING:
    from pathlib import Path


def test_bad_json_lines(tmp_path: Path) -> None:
    """Lines that are no JSON object, no UTF-8 or too long are reported by number; the others are read."""
    path = tmp_path / "x.jsonl"
    long = b'{"a": "' + b"x" * MAX_LINE_BYTES + b'"}'
    path.write_bytes(b"\n".join([b'\xef\xbb\xbf{"a": 1}', b"{oops", b"[1]", b"", b'{"a": "\xff"}', long, b'{"a": 2}']))
    report = Report()
    assert list(json_lines(path, report)) == [(1, {"a": 1}), (7, {"a": 2})]
    assert [bad.line for bad in report.bad_lines] == [2, 3, 5, 6]
    assert not report.ok


def test_torn_gzip(tmp_path: Path) -> None:
    """A compressed file that ends early gives what was whole and one bad line; one that is no gzip gives one."""
    whole = gzip.compress(b"".join(b'{"a": %d, "salt": "%d"}\n' % (i, i * 7919 % 10007) for i in range(5000)))
    path = tmp_path / "x.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    report = Report()
    assert 100 < len(list(json_lines(path, report))) < 5000
    assert report.bad_line_count == 1
    path.write_bytes(b"not gzip at all")
    assert list(json_lines(path, report)) == []
    assert report.bad_line_count == 2


def test_csv_rows(tmp_path: Path) -> None:
    """Rows of the wrong length and open quotes are reported by the line they start on; quoted newlines are fine."""
    path = tmp_path / "x.csv"
    path.write_text('a,b\n1,2\n1\n"x\ny",3\n4,5,6\n7,8\n9,"open\n', encoding="utf-8")
    report = Report()
    rows = list(csv_rows(path, report, ("a",)))
    assert rows == [(2, {"a": "1", "b": "2"}), (4, {"a": "x\ny", "b": "3"}), (7, {"a": "7", "b": "8"})]
    assert [bad.line for bad in report.bad_lines] == [3, 6, 8]


def test_lines_are_counted_past_one_that_cannot_be_read(tmp_path: Path) -> None:
    """After a line that is not UTF-8, or a blank one, rows still carry the number of their own line."""
    path = tmp_path / "x.csv"
    path.write_bytes(b'a,b\n\xff,2\n3,3\n\n"5\n\n",5\n8,8\n9\n')
    report = Report()
    assert [number for number, _ in csv_rows(path, report, ())] == [3, 5, 8]
    assert [bad.line for bad in report.bad_lines] == [2, 9]
    assert (
        report.bad_lines[0].message == "not UTF-8 (invalid start byte at byte 0), skipped; in Excel: save as CSV UTF-8"
    )


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a;b\n1;2\n", ["1", "2"]),
        ("a\tb\n1\t2\n", ["1", "2"]),
        ("a|b\n1|2\n", ["1", "2"]),
        ("a,b\n1,x;y;z\n", ["1", "x;y;z"]),
        ('a;"b, c"\n"1,5";2\n', ["1,5", "2"]),
        ("a\nx;y\n", ["x;y"]),
    ],
)
def test_the_delimiter_is_told_by_the_first_lines(tmp_path: Path, text: str, cells: list[str]) -> None:
    """Header and first row say what separates cells; a list within a cell does not mislead."""
    path, report = tmp_path / "x.csv", Report()
    path.write_text(text, encoding="utf-8")
    assert list(csv_lists(path, report, DELIMITERS))[1] == (2, cells)


def test_missing_column_and_missing_file(tmp_path: Path) -> None:
    """A missing column is named with those found; a file that is not there is a bad line, no exception."""
    path = tmp_path / "x.csv"
    path.write_text("a,b\n1,2\n", encoding="utf-8")
    report = Report()
    assert list(csv_rows(path, report, ("a", "c"))) == []
    assert list(csv_rows(tmp_path / "none.csv", report, ())) == []
    assert [str(bad) for bad in report.bad_lines] == [
        "x.csv:1: column missing: c (found: a, b)",
        "none.csv: cannot be read: No such file or directory",
    ]


def test_json_document(tmp_path: Path) -> None:
    """A document that is broken or too large is reported, not read."""
    path, report = tmp_path / "x.json", Report()
    path.write_text('{"a": 1}', encoding="utf-8")
    assert json_document(path, report) == {"a": 1}
    assert json_document(path, report, limit=3) is None
    path.write_text("{", encoding="utf-8")
    assert json_document(path, report) is None
    assert report.bad_line_count == 2


def test_the_report_is_for_people() -> None:
    """The report names what was read, made and left out with examples, and bad lines, most frequent first."""
    report = Report()
    report.saw("rows", 1200)
    report.leave_out("no domain", "Acme")
    report.leave_out("no domain", "Acme")
    for line in range(1, 31):
        report.bad_line("f.csv", line, "broken")
    text = "\n".join(report.lines())
    assert "1,200  rows" in text
    assert "2  no domain  (e.g. Acme)" in text
    assert "f.csv:20: broken" in text
    assert "f.csv:21: broken" not in text
    assert "… and 10 more" in text
    assert report.as_dict()["bad_line_count"] == 30
