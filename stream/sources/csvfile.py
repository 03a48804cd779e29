"""`csv`: a table of signals or of facts, one row each. docs/sources.md lists the columns.

Envelope columns: `type` (default `account_update`), `subject` (or `domain`, `account`, `website`, `email`), `time`,
`id`, `source`, `recordedtime`. Every other column is a member of `data`, as `data.<member>` or by its bare name; of an
`account_update` it is a fact, a `custom.` one where SPEC has no fact of that name.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from stream.sources.csvtypes import FACTS, cell
from stream.sources.readers import csv_rows
from stream.sources.records import TYPE_PREFIX, facts_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report

SUBJECTS = ("subject", "domain", "account", "website", "email")
ENVELOPE = frozenset({"type", "time", "id", "source", "recordedtime"})
DEFAULT_SOURCE = "file"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


def looks_like(path: Path) -> bool:
    """A file named `.csv`, compressed or not."""
    return path.is_file() and path.name.removesuffix(".gz").endswith(".csv")


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Each good row as a record, in file order; bad rows are reported with their line number."""
    modified = _modified(path)
    for number, row in csv_rows(path, report, ()):
        report.saw("rows")
        try:
            record = _record(row, modified)
        except ValueError as error:
            report.bad_line(path.name, number, str(error))
            continue
        report.made[record["type"].removeprefix(TYPE_PREFIX)[:60]] += 1
        report.line = number
        yield record


def _modified(path: Path) -> str:
    try:
        seconds = int(path.stat().st_mtime)
    except OSError:
        seconds = 0
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def _moment(name: str, text: str) -> str:
    text = text.strip()
    if _DATE.fullmatch(text):
        text += "T00:00:00Z"
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{name}: {text[:40]!r} is not a time like 2026-11-20T09:00:00Z or a date") from None
    if moment.tzinfo is None:
        raise ValueError(f"{name}: {text[:40]!r} has no offset; end it in Z for UTC, or in one like +02:00")
    return text.replace(" ", "T")


def _record(row: dict[str, str], modified: str) -> dict[str, Any]:
    filled = {name: text for name, text in row.items() if name and text.strip()}
    kind = filled.pop("type", "account_update").strip().removeprefix(TYPE_PREFIX)
    subject_column = next((name for name in SUBJECTS if name in filled), None)
    if subject_column is None:
        raise ValueError(f"no account: fill one of the columns {', '.join(SUBJECTS)}")
    subject = filled.pop(subject_column).strip()
    envelope = {name: filled.pop(name).strip() for name in sorted(ENVELOPE & filled.keys())}
    members = {name.removeprefix("data."): text for name, text in filled.items()}
    facts = kind == "account_update"
    if facts:
        members = {name.removeprefix("facts."): text for name, text in members.items() if name not in SUBJECTS}
    data: dict[str, Any] = {name: cell(name, text) for name, text in members.items()}
    if facts:
        data = {name if name in FACTS or name.startswith("custom.") else f"custom.{name}": data[name] for name in data}
        if not data:
            raise ValueError("no fact in this row")
        data = facts_data(data)
    if "time" not in envelope and not facts:
        raise ValueError("time: missing; only facts may go without (they take the time the file was last modified)")
    record: dict[str, Any] = {
        "specversion": "1.0",
        "id": envelope.get("id", ""),
        "source": envelope.get("source", DEFAULT_SOURCE),
        "type": TYPE_PREFIX + kind,
        "subject": subject,
        "time": _moment("time", envelope["time"]) if "time" in envelope else modified,
    }
    if "recordedtime" in envelope:
        record["recordedtime"] = _moment("recordedtime", envelope["recordedtime"])
    record["data"] = data
    if not record["id"]:
        content = orjson.dumps([kind, subject, record["time"], data], option=orjson.OPT_SORT_KEYS)
        record["id"] = hashlib.sha256(content).hexdigest()[:24]
    return record
