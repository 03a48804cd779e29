"""Reading the directory's files into one history: what was observed, day by day.

`snapshot_YYYY-MM-DD.ndjson.gz` files hold every company on that day; `changes_*.csv.gz` files hold the field changes
between polls. Either will do alone: what a snapshot shows and no change row told is taken as a change on its day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stream.sources.readers import csv_rows, json_document, json_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from stream.sources.report import Report

LONGEST_TEXT = 1_024  # the contract takes no longer text

Fields = dict[str, Any]
"""A company's fields as the directory names them: text, or lists of text."""

SNAPSHOT = re.compile(r"snapshot_(\d{4}-\d\d-\d\d)\.ndjson(?:\.gz)?$")
CHANGE_COLUMNS = ("observed_on", "yc_id", "name", "website", "field", "old", "new")
TEXT_FIELDS = (
    "name", "website", "status", "stage", "industry", "subindustry", "batch",
    "team_size", "isHiring", "all_locations", "top_company", "nonprofit",
)  # fmt: skip
LIST_FIELDS = ("regions", "tags")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one company differs from the observation before. `told`: by a change row (else by a snapshot)."""

    company: int
    field: str
    old: Any
    new: Any
    told: bool


@dataclass(slots=True)
class Observation:
    """One poll of the directory. `before`: companies listed when it was made; `whole`: a snapshot shows every field."""

    date: str
    appeared: list[tuple[int, Fields, bool]] = field(default_factory=list)
    disappeared: list[int] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    before: int = 0
    whole: bool = False


@dataclass(slots=True)
class _Rows:
    appeared: dict[int, Fields] = field(default_factory=dict)
    disappeared: list[int] = field(default_factory=list)
    fields: dict[int, list[tuple[str, str, str]]] = field(default_factory=dict)


def snapshot_files(folder: Path) -> list[tuple[str, Path]]:
    """(date, file) of each snapshot, oldest first. A file named after no day of the calendar is none."""
    found = [(match[1], path) for path in folder.iterdir() if (match := SNAPSHOT.search(path.name))]
    return sorted((day, path) for day, path in found if _is_day(day))


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def read_history(folder: Path, report: Report) -> list[Observation]:
    """Every observation in the folder, oldest first. The first is the whole directory as `appeared` companies."""
    snapshots = {day: _read_snapshot(path, report) for day, path in snapshot_files(folder)}
    rows = _read_changes(sorted(folder.glob("changes_*.csv*")), report)
    _check_index(folder, snapshots, report)
    state: dict[int, Fields] = {}
    history: list[Observation] = []
    for day in sorted(set(snapshots) | set(rows)):
        seen = Observation(day, before=len(state), whole=day in snapshots)
        _apply_rows(seen, state, snapshots, rows, report)
        if day in snapshots:
            _compare(seen, snapshots[day], state, report)
        _drop_unlisted(seen, state, report)
        if not history:
            seen.before = len(state)
        history.append(seen)
    return history


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()[:LONGEST_TEXT]


def _trim(raw: Fields) -> Fields:
    fields: Fields = {name: _text(raw[name]) for name in TEXT_FIELDS if name in raw}
    for name in LIST_FIELDS:
        value = raw.get(name)
        if isinstance(value, list):
            fields[name] = tuple(_text(item)[:200] for item in value[:100])
    return fields


def _read_snapshot(path: Path, report: Report) -> dict[int, Fields]:
    companies: dict[int, Fields] = {}
    for number, raw in json_lines(path, report):
        identity = raw.get("id")
        if not isinstance(identity, int) or isinstance(identity, bool) or not isinstance(raw.get("name"), str):
            report.bad_line(path.name, number, "a company needs an `id` (a whole number) and a `name`")
            continue
        companies[identity] = _trim(raw)
    report.saw("companies in snapshots", len(companies))
    report.saw("snapshots")
    return companies


def _read_changes(paths: Iterable[Path], report: Report) -> dict[str, _Rows]:
    days: dict[str, _Rows] = {}
    for path in paths:
        for number, row in csv_rows(path, report, CHANGE_COLUMNS):
            try:
                day, company = date.fromisoformat(row["observed_on"]).isoformat(), int(row["yc_id"])
            except ValueError as error:
                report.bad_line(path.name, number, str(error))
                continue
            report.saw("change rows")
            rows = days.setdefault(day, _Rows())
            if row["field"] == "appeared":
                rows.appeared[company] = {
                    "name": _text(row["name"]), "website": _text(row["website"]), "status": _text(row["new"]),
                }  # fmt: skip
            elif row["field"] == "disappeared":
                rows.disappeared.append(company)
            elif row["field"] in TEXT_FIELDS:
                rows.fields.setdefault(company, []).append((row["field"], _text(row["old"]), _text(row["new"])))
            else:
                report.bad_line(path.name, number, f"unknown field {row['field'][:60]!r}")
    return days


def _known_then(
    company: int, day: str, told: Fields, snapshots: dict[str, dict[int, Fields]], rows: dict[str, _Rows]
) -> Fields:
    """A company's fields on the day it appeared: its next snapshot, with the changes in between taken back."""
    later = sorted(on for on in snapshots if on >= day)
    source = next((on for on in later if company in snapshots[on]), None)
    fields = dict(snapshots[source][company]) if source else {}
    until = source or max(rows, default=day)
    for between in sorted((on for on in rows if day < on <= until), reverse=True):
        if company in rows[between].appeared:  # it had been away: what a snapshot says after that is another stay
            return {**told}
        for name, old, _ in rows[between].fields.get(company, ()):
            fields[name] = old
    return {**fields, **told}


def _apply_rows(
    seen: Observation,
    state: dict[int, Fields],
    snapshots: dict[str, dict[int, Fields]],
    rows: dict[str, _Rows],
    report: Report,
) -> None:
    told = rows.get(seen.date, _Rows())
    for company in told.disappeared:
        if state.pop(company, None) is None:
            report.outcome("disappeared row of a company that was not listed: nothing to do")
        else:
            seen.disappeared.append(company)
    for company, fields in told.appeared.items():
        if company in state:
            report.outcome("appeared row of a company that was listed already: nothing to do")
            continue
        state[company] = _known_then(company, seen.date, fields, snapshots, rows)
        seen.appeared.append((company, dict(state[company]), True))
    for company, changed in told.fields.items():
        if company not in state:
            report.outcome("change row of a company that is not listed: nothing to do", len(changed))
            continue
        for name, old, new in changed:
            state[company][name] = new
            seen.changes.append(Change(company, name, old, new, told=True))


def _compare(seen: Observation, snapshot: dict[int, Fields], state: dict[int, Fields], report: Report) -> None:
    """Make the state what the snapshot shows: where a change row says otherwise, the snapshot is believed."""
    appeared = {company for company, _, _ in seen.appeared}
    for company in sorted(set(state) - set(snapshot)):
        del state[company]
        if company in appeared:
            report.outcome("appeared row of a company the day's snapshot does not list: nothing to do")
        else:
            seen.disappeared.append(company)
    seen.appeared = [entry for entry in seen.appeared if entry[0] in snapshot]
    for company, fields in snapshot.items():
        known = state.get(company)
        if known is None:
            state[company] = dict(fields)
            seen.appeared.append((company, dict(fields), False))
            continue
        for name, value in fields.items():
            old = known.get(name)
            if old != value:
                seen.changes.append(Change(company, name, old, value, told=False))
                known[name] = value


def _drop_unlisted(seen: Observation, state: dict[int, Fields], report: Report) -> None:
    for change in seen.changes:
        if change.company not in state and change.told:
            report.outcome("change row of a company that is not listed: nothing to do")
    seen.changes = [change for change in seen.changes if change.company in state]


def _check_index(folder: Path, snapshots: dict[str, dict[int, Fields]], report: Report) -> None:
    path = folder / "snapshots_index.json"
    entries = json_document(path, report) if path.exists() else None
    if not isinstance(entries, list):
        return
    for entry in entries:
        held = snapshots.get(str(entry.get("date"))) if isinstance(entry, dict) else None
        if held is not None and entry.get("companies") != len(held):
            report.note(f"snapshot of {entry['date']}: {len(held)} companies read, the index says {entry['companies']}")
    for extra in sorted(folder.glob("raw_*.json*")):
        report.leave_out("file without a date of observation", extra.name)
