"""Reading files that may be broken: every bad line is reported with its number, the good ones go on.

Lines are read one at a time and bounded in length, compressed or not, so neither a huge field nor a compression bomb
can fill the memory. What ends a file early (a torn gzip) is reported; what was read before it is kept.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from typing import IO, TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from stream.sources.report import Report

MAX_LINE_BYTES = 1024 * 1024
"""A record over 1 MiB would be rejected by the log anyway."""

UTF_8 = "save the file as UTF-8"
UTF_8_TABLE = "in Excel: save as CSV UTF-8"
DELIMITERS = ",;\t|"

csv.field_size_limit(MAX_LINE_BYTES)


def open_binary(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in `.gz`. Raises OSError where it cannot be opened."""
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def bounded_lines(path: Path, report: Report, mend: str = UTF_8) -> Iterator[tuple[int, str]]:
    """(line number, text without its end) of each readable line; over-long and undecodable ones are reported.

    `mend` says what to do about a line that is not UTF-8.
    """
    number = 0
    try:
        with open_binary(path) as file:
            while raw := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                if len(raw) > MAX_LINE_BYTES:
                    while raw and not raw.endswith(b"\n"):
                        raw = file.readline(MAX_LINE_BYTES)
                    report.bad_line(path.name, number, f"longer than {MAX_LINE_BYTES:,} bytes; skipped")
                    continue
                try:
                    text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    fault = f"not UTF-8 ({error.reason} at byte {error.start}), skipped; {mend}"
                    report.bad_line(path.name, number, fault)
                    continue
                yield number, text.rstrip("\r\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        report.bad_line(path.name, number + 1, f"the compressed file is broken here, the rest is lost: {error}")
    except OSError as error:
        report.bad_line(path.name, 0, f"cannot be read: {error.strerror or error}")


def json_lines(path: Path, report: Report) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of each line of newline-delimited JSON; blank lines are passed over."""
    for number, text in bounded_lines(path, report):
        if not text.strip():
            continue
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            report.bad_line(path.name, number, f"not JSON: {error}")
            continue
        if isinstance(value, dict):
            yield number, value
        else:
            report.bad_line(path.name, number, f"a JSON object is expected, not {type(value).__name__}")


def csv_lists(path: Path, report: Report, delimiters: str = ",") -> Iterator[tuple[int, list[str]]]:
    """(number of the line a row starts on, cells) of each row; blank rows are passed over.

    Of several `delimiters` the one is taken that the first lines are split by.
    """
    start, begins = 0, True
    numbered = ((n, text) for n, text in bounded_lines(path, report, UTF_8_TABLE) if text.strip() or not begins)
    first = list(itertools.islice(numbered, 1 if len(delimiters) == 1 else 2))
    delimiter = _delimiter([text for _, text in first], delimiters)

    def texts() -> Iterator[str]:
        nonlocal start, begins
        for number, text in itertools.chain(first, numbered):
            # lines that could not be decoded are counted too: the number is the line's own
            if begins:
                start, begins = number, False
            yield text + "\n"

    reader = csv.reader(texts(), strict=True, delimiter=delimiter)
    while True:
        begins = True
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            report.bad_line(path.name, start, f"not CSV: {error} (is a quotation mark left open?)")
            continue
        if any(cell.strip() for cell in row):
            yield start, row


def _delimiter(texts: list[str], delimiters: str) -> str:
    """The one that gives header and first row most cells, and the same number of them; the first where none does.

    `csv.Sniffer` is not used: it takes a list within a cell (`slack;jira`) for the table's own.
    """

    def cells(delimiter: str) -> tuple[bool, int]:
        try:
            counts = [len(row) for row in csv.reader(texts, delimiter=delimiter)]
        except csv.Error:
            counts = []
        most = counts[0] if counts else 0
        return most > 1 and len(set(counts)) == 1, most

    return max(delimiters, key=cells)  # of equals the first


def csv_rows(path: Path, report: Report, required: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """(line number, row by column) of a CSV with a header. A missing required column ends it with one bad line."""
    rows = csv_lists(path, report)
    header: list[str] | None = None
    for number, cells in rows:
        if header is None:
            header = [cell.strip() for cell in cells]
            missing = [name for name in required if name not in header]
            if missing:
                report.bad_line(
                    path.name, number, f"column missing: {', '.join(missing)} (found: {', '.join(header)[:150]})"
                )
                return
            continue
        if len(cells) != len(header):
            report.bad_line(path.name, number, f"{len(cells)} cells where the header has {len(header)}")
            continue
        yield number, dict(zip(header, cells, strict=True))


def json_document(path: Path, report: Report, limit: int = 64 * 1024 * 1024) -> Any:
    """A whole JSON document (compressed or not) of at most `limit` bytes, or None with a bad line reported."""
    try:
        with open_binary(path) as file:
            raw = file.read(limit + 1)
    except (EOFError, zlib.error, OSError) as error:
        report.bad_line(path.name, 0, f"cannot be read: {error}")
        return None
    if len(raw) > limit:
        report.bad_line(path.name, 0, f"larger than {limit:,} bytes; not read")
        return None
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        report.bad_line(path.name, 0, f"not JSON: {error}")
        return None
