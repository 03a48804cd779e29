"""`csv`: a table of signals or of facts, one row each. docs/sources.md lists the columns.

Envelope columns: `type` (default `account_update`), the account (`domain`, `website`, …), `time`, `id`, `source`,
`recordedtime`. Every other column is a member of `data`, as `data.<member>` or by its bare name; of an
`account_update` it is a fact, a `custom.` one where there is no known fact of that name.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import orjson

from schemas.signals import SIGNAL_TYPES
from stream.sources.csvtypes import FACT_OF, MEMBER_OF, OTHER_NAMES, cell, is_band, plain
from stream.sources.readers import DELIMITERS, csv_lists
from stream.sources.records import TYPE_PREFIX, facts_data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report

SUBJECTS = ("subject", "domain", "companydomain", "companydomainname", "account", "website", "websiteurl", "email")
SUBJECTS_OF_FACTS = (
    "subject", "domain", "companydomain", "companydomainname", "website", "websiteurl", "url", "account", "email",
)  # fmt: skip
"""As `plain` has them, the first that is filled counts. Of signals `url` is a page, so it is no account there."""
ENVELOPE = frozenset({"type", "time", "id", "source", "recordedtime"})
ACCOUNT_UPDATE = "account_update"
DEFAULT_SOURCE = "file"
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_CURRENCIES = ("eur", "gbp", "chf", "cad", "aud", "jpy", "inr", "cny", "sek", "nok", "dkk", "pln", "brl", "sgd")
_MEMBERS = frozenset(MEMBER_OF.values())
_TYPES = {plain(name): name for name in sorted(SIGNAL_TYPES)}

Place = tuple[Literal["envelope", "subject", "member", "none"], str]


def looks_like(path: Path) -> bool:
    """A file named `.csv` or `.tsv`, compressed or not."""
    return path.is_file() and path.name.removesuffix(".gz").casefold().endswith((".csv", ".tsv"))


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Each good row as a record, in file order; bad rows are reported with their line number."""
    modified, told = _modified(path), len(report.bad_lines)
    rows = csv_lists(path, report, DELIMITERS)
    number, header = next(rows, (0, []))
    if any(bad.line < number for bad in report.bad_lines[told:]):
        report.bad_line(path.name, number, "the line before it is the header and cannot be read, so no row can be")
        return
    first = next(rows, None)
    if first is None:
        return
    table = _Table(header, first[1])
    if not table.has_account:
        message = f"no column names the account: head one of them domain or website (found: {table.shown(header)})"
        report.bad_line(path.name, number, message)
        return
    for number, cells in itertools.chain([first], rows):
        report.saw("rows")
        if len(cells) != len(header):
            report.bad_line(path.name, number, f"{len(cells)} cells where the header has {len(header)}")
            continue
        try:
            record = table.record(cells, modified, number, report)
        except ValueError as error:
            report.bad_line(path.name, number, str(error))
            continue
        report.made[record["type"].removeprefix(TYPE_PREFIX)[:60]] += 1
        report.line = number
        yield record
    table.sum_up(report)


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


def _kind(text: str) -> str:
    kind = text.strip().removeprefix(TYPE_PREFIX)
    return _TYPES.get(plain(kind), kind)


def _tells_types(header: list[str], first: list[str]) -> bool:
    """Whether a column holds types of signals. A CRM's own `Type` (customer, prospect) does not."""
    for name, text in zip(header, first, strict=False):
        if name == "type":
            return True
        if plain(name) == "type" and difflib.get_close_matches(plain(_kind(text)), _TYPES, n=1, cutoff=0.75):
            return True
    return False


def _place(header: str, *, facts: bool, signals: bool) -> Place:
    """What one column is, looked at alone. `signals`: the table has types, so `ID` and `Source` are a signal's."""
    key = plain(header)
    if not key:
        return "none", ""
    if key in ENVELOPE and (signals or header == key or key in ("time", "recordedtime")):
        return "envelope", key
    if key in (SUBJECTS_OF_FACTS if facts else SUBJECTS):
        return "subject", key
    bare = re.sub(r"^data\.", "", header, flags=re.IGNORECASE)
    if not facts:
        return "member", MEMBER_OF.get(plain(bare), bare)
    bare = re.sub(r"^facts\.", "", bare, flags=re.IGNORECASE)
    if re.match(r"custom\.", bare, re.IGNORECASE):
        return "member", f"custom.{bare[7:]}"
    return "member", FACT_OF.get(plain(bare), f"custom.{bare}")


def _rank(header: str, member: str) -> int:
    """Of two columns that are the same fact the better named one is taken: 0 is its own name."""
    key = plain(re.sub(r"^(data\.)?(facts\.)?", "", header, flags=re.IGNORECASE))
    others = [plain(name) for name in OTHER_NAMES.get(member, ())]
    return others.index(key) + 1 if key in others else 0


def _places(header: list[str], *, facts: bool, signals: bool) -> list[Place]:
    """What each column is; of columns that would be the same one the others are kept under their own names."""
    places = [_place(name, facts=facts, signals=signals) for name in header]
    taken: set[Place] = set()
    for at in sorted(range(len(header)), key=lambda at: (_rank(header[at], places[at][1]), at)):
        place, again = places[at], 2
        while place in taken and place[0] != "none":
            base = f"custom.{header[at]}" if facts else header[at]
            place = "member", base if ("member", base) not in taken else f"{base} {again}"
            again += 1
        taken.add(place)
        places[at] = place
    return places


@dataclass(slots=True)
class _Told:
    """What is said once of a file: headers nobody knows, accounts' columns left aside, bands of sizes."""

    unknown: dict[bool, dict[str, None]] = field(default_factory=lambda: {True: {}, False: {}})
    aside: dict[str, None] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    bands: Counter[str] = field(default_factory=Counter)


class _Table:
    """A header, and what its rows are."""

    def __init__(self, header: list[str], first: list[str]) -> None:
        self.header = [name.strip() for name in header]
        signals = _tells_types(self.header, first)
        self._places = {facts: _places(self.header, facts=facts, signals=signals) for facts in (True, False)}
        self._type = next((at for at, place in enumerate(self._places[True]) if place == ("envelope", "type")), None)
        self.has_account = any(kind == "subject" for kind, _ in self._places[True])
        self._told = _Told()

    @staticmethod
    def shown(header: list[str]) -> str:
        """The header for a message."""
        text = ", ".join(name.strip() for name in header if name.strip())
        return text if len(text) <= 150 else text[:150] + "…"

    def record(self, cells: list[str], modified: str, number: int, report: Report) -> dict[str, Any]:
        """The signal of one row; raises ValueError with what is wrong with it."""
        kind = _kind(cells[self._type]) if self._type is not None and cells[self._type].strip() else ACCOUNT_UPDATE
        facts = kind == ACCOUNT_UPDATE
        envelope: dict[str, str] = {}
        accounts: dict[str, tuple[str, str]] = {}
        members: dict[str, tuple[str, str]] = {}
        for header, (place, name), text in zip(self.header, self._places[facts], cells, strict=True):
            if text.strip() and place != "none":
                if place == "envelope":
                    envelope[name] = text.strip()
                else:
                    (accounts if place == "subject" else members)[name] = header, text.strip()
        subject = self._subject(accounts, members, facts=facts)
        data = self._data(members, number, report, facts=facts)
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

    def _subject(
        self, accounts: dict[str, tuple[str, str]], members: dict[str, tuple[str, str]], *, facts: bool
    ) -> str:
        order = SUBJECTS_OF_FACTS if facts else SUBJECTS
        used = next((name for name in order if name in accounts), None)
        if used is None:
            there = [h for h, (place, _) in zip(self.header, self._places[facts], strict=True) if place == "subject"]
            raise ValueError(f"no account: fill {' or '.join(there) or 'a column headed domain'}")
        header, subject = accounts.pop(used)
        self._told.used.add(header)
        if facts:
            self._told.aside.update(dict.fromkeys(name for name, _ in accounts.values()))
        else:
            members.update((name, (name, text)) for name, text in accounts.values())
        return subject

    def _data(self, members: dict[str, tuple[str, str]], number: int, report: Report, *, facts: bool) -> dict[str, Any]:
        data: dict[str, Any] = {}
        faults: list[str] = []
        for name, (header, text) in members.items():
            if name == f"custom.{header}" if facts else name not in _MEMBERS:
                self._told.unknown[facts].setdefault(header)
            try:
                data[name] = cell(name, text)
            except ValueError as error:
                if not facts:
                    raise
                faults.append(str(error))
                report.leave_out(f"{name}: not a value it can have, so that fact", f"line {number}: {text[:40]!r}")
            else:
                self._told.bands[name] += is_band(name, text)
        if not facts:
            return data
        if not data:
            raise ValueError("; ".join(faults) or "no fact in this row")
        return facts_data(data)

    def sum_up(self, report: Report) -> None:
        """What the file's owner should know once, into the report."""
        told = self._told
        if told.unknown[True]:
            missing = {plain_: fact for plain_, fact in FACT_OF.items() if ("member", fact) not in self._places[True]}
            report.note(f"columns kept as custom facts: {_named(told.unknown[True], missing)}")
        if told.unknown[False]:
            missing = {one: name for one, name in MEMBER_OF.items() if ("member", name) not in self._places[False]}
            report.note(f"columns that no type of signal has, kept: {_named(told.unknown[False], missing)}")
        aside = [name for name in told.aside if name not in told.used]
        if aside:
            report.note(f"columns not used, as {' or '.join(sorted(told.used))} names the account: {', '.join(aside)}")
        for member, count in told.bands.items():
            if count:
                report.note(f"{member}: of a band such as 201-500 the lower end is taken ({count:,} of them)")
        for header, place in zip(self.header, self._places[True], strict=True):
            if place == ("member", "annual_revenue_usd") and "usd" not in plain(header):
                report.note(f"{header} is read as annual_revenue_usd: US dollars")


def _named(headers: dict[str, None], known: dict[str, str]) -> str:
    parts = []
    for header in headers:
        key = plain(header)
        close = [] if key.endswith(_CURRENCIES) else difflib.get_close_matches(key, known, n=1, cutoff=0.8)
        parts.append(f"{header} (did you mean {known[close[0]]}?)" if close else header)
    return ", ".join(parts)
