"""`jsonl`: one CloudEvent a line, passed on as it stands.

Only what is no JSON object is reported here; intake judges the rest, so that what it rejects can be listed, mended and
sent again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stream.sources.readers import json_lines
from stream.sources.records import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report


def looks_like(path: Path) -> bool:
    """A file named `.jsonl` or `.ndjson`, compressed or not."""
    return path.is_file() and path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Every object of the file, in file order."""
    for _, record in json_lines(path, report):
        report.saw("lines")
        report.made[str(record.get("type", "without a type")).removeprefix(TYPE_PREFIX)[:60]] += 1
        yield record
