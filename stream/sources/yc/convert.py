"""`yc-directory`: the history of the YC directory as records, day by day.

Within a day: moves of website first (aliases), then facts, then events. Facts are sent as the difference to what the
account was told before, so a rewrite of the vendor's that means nothing sends nothing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from stream.sources.records import Maker, facts_data, midnight
from stream.sources.yc.accounts import Accounts
from stream.sources.yc.company import Company, facts_of, same_meaning
from stream.sources.yc.events import Event, events_of
from stream.sources.yc.history import Change, Fields, Observation, read_history
from stream.sources.yc.judge import judge

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report
    from stream.sources.rewrites import Floods, Vocabulary

SOURCE = "yc-directory"
SHARED = "event of a listing that shares a domain and does not speak for it"
FACT_OF = {"industry": "industry", "stage": "stage", "status": "custom.status", "batch": "custom.batch"}


def looks_like(path: Path) -> bool:
    """A folder with a dated snapshot or a changes file of the directory."""
    return path.is_dir() and any(
        next(path.glob(pattern), None) is not None for pattern in ("snapshot_*.ndjson*", "changes_*.csv*")
    )


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Every record of the directory in `path`, oldest first."""
    history = read_history(path, report)
    vocabulary, floods = judge(history, report)
    walk = _Walk(Maker(SOURCE, report), report, vocabulary, floods)
    for seen in history:
        yield from walk.day(seen)
    report.saw("companies ever listed", len(walk.accounts.companies))
    report.saw("observations", len(history))
    report.saw("companies listed at the end", sum(company.listed for company in walk.accounts.companies.values()))
    report.saw("accounts", len(walk.told.keys() - walk.accounts.left.keys()))


@dataclass(slots=True)
class _Day:
    """What one observation leads to, gathered before anything is sent."""

    date: str
    touched: dict[str, None] = field(default_factory=dict)
    aliases: list[tuple[Company, str]] = field(default_factory=list)
    events: list[tuple[Company, list[Event]]] = field(default_factory=list)
    renamed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def touch(self, domain: str | None) -> None:
        if domain is not None:
            self.touched[domain] = None


@dataclass(slots=True)
class _Walk:
    maker: Maker
    report: Report
    vocabulary: Vocabulary
    floods: Floods
    accounts: Accounts = field(default_factory=Accounts)
    told: dict[str, dict[str, Any]] = field(default_factory=dict)
    growing: set[int] = field(default_factory=set)

    def day(self, seen: Observation) -> Iterator[dict[str, Any]]:
        day, companies = _Day(seen.date), self.accounts.companies
        for identity in seen.disappeared:
            companies[identity].listed = False
            self.accounts.leave(companies[identity])
            day.touch(companies[identity].domain)
            self.report.outcome("disappeared: fact custom.listed")
        for identity, fields, by_row in seen.appeared:
            again = self._appear(identity, fields, day)
            if by_row:
                self.report.outcome("appeared again: facts" if again else "appeared: facts")
        grouped: dict[int, list[Change]] = defaultdict(list)
        for change in seen.changes:
            grouped[change.company].append(change)
        for identity, changes in grouped.items():
            self._change(companies[identity], changes, day)
            day.touch(companies[identity].domain)
        for identity in sorted(self.growing):
            day.touch(companies[identity].domain)
        for company, left in day.aliases:
            day.touch(left)
            day.touch(company.domain)
        gone = {companies[identity].domain: companies[identity] for identity in seen.disappeared}
        for domain in day.touched:
            self.accounts.settle(domain)
        yield from self._alias_records(day)
        for domain in day.touched:
            yield from self._facts(domain, gone.get(domain), day)
        for company, found in day.events:
            yield from self._event_records(company, found, day)

    def _appear(self, identity: int, fields: Fields, day: _Day) -> bool:
        company = self.accounts.companies.get(identity)
        again = company is not None
        if company is None:
            company = self.accounts.companies[identity] = Company(identity, fields, first_day=day.date)
        company.fields, company.listed = dict(fields), True
        why = self.accounts.arrive(company)
        company.told_size(fields.get("team_size", ""), day.date)
        company.place()
        day.touch(company.domain)
        if why:
            self.report.leave_out(why, f"{fields.get('name')}: {fields.get('website') or 'none'}")
        return again

    def _change(self, company: Company, changes: list[Change], day: _Day) -> None:
        changes = self._once(changes)
        for change in changes:
            company.fields[change.field] = change.new
        company.place()
        found: list[Event] = []
        for change in changes:
            pair = company.told_size(change.new, day.date) if change.field == "team_size" else None
            if change.field == "website":
                made, label = self._move(company, change, day)
            else:
                quiet = change.old is None or self._flood(change, day)
                made = [] if quiet else list(events_of(company, change, pair, day.date))
                label = self._label(company, change, made, day)
            found += made
            if change.told:
                self.report.outcome(f"{change.field}: {label}")
            elif change.old is not None:
                self.report.outcome(f"{change.field} (seen in a snapshot): {label}")
        if found:
            day.events.append((company, found))

    def _once(self, changes: list[Change]) -> list[Change]:
        """One change a field: told twice in one observation, it goes from the first old value to the last new one."""
        merged: dict[str, Change] = {}
        for change in changes:
            before = merged.get(change.field)
            if before is not None:
                self.report.outcome(f"{change.field}: told again in the same observation")
                change = replace(change, old=before.old, told=before.told)  # noqa: PLW2901
            merged[change.field] = change
        return list(merged.values())

    def _flood(self, change: Change, day: _Day) -> bool:
        return (day.date, change.field) in self.floods.found

    def _move(self, company: Company, change: Change, day: _Day) -> tuple[list[Event], str]:
        had = company.domain
        left, why = self.accounts.move(company, change.new)
        if why:
            self.report.leave_out(why, f"{company.fields.get('name')}: {change.new or 'none'}")
            return [], why
        if company.domain == had:
            return [], "same domain, written differently: nothing to send"
        if had is None:
            return [], "first usable website: the account begins"
        if left is not None:
            day.aliases.append((company, left))
        if self._flood(change, day):
            return [], "moved, in a flood: alias, no event"
        return [("website_change", "moved", {"kind": "new_domain", "url": change.new[:2048]})], "moved: website_change"

    def _label(self, company: Company, change: Change, made: list[Event], day: _Day) -> str:
        if same_meaning(change.field, change.old, change.new):
            return "same meaning, written differently: no event"
        if (day.date, change.field, change.old) in self.vocabulary.renamed_on:
            new = self.vocabulary.canonical(change.field, change.new)
            if new == self.vocabulary.canonical(change.field, change.old):
                day.renamed[company.domain or ""].add(FACT_OF.get(change.field, ""))
                return "the vendor's renaming of a word: fact under one name, no event"
        if made:
            return f"fact and {', '.join(sorted({kind for kind, _, _ in made}))}"
        return "part of a flood: fact, no event" if self._flood(change, day) else "fact"

    def _alias_records(self, day: _Day) -> Iterator[dict[str, Any]]:
        for company, left in day.aliases:
            if company.domain and self.accounts.speaks(company) and left in self.told:
                data = {"canonical": company.domain}
                identity = f"{company.identity}/{day.date}/alias"
                yield self.maker.record("account_alias", identity, left, midnight(day.date), data)

    def _facts(self, domain: str, gone: Company | None, day: _Day) -> Iterator[dict[str, Any]]:
        speaker = self.accounts.speaker.get(domain)
        company = self.accounts.companies[speaker] if speaker is not None else gone
        if company is None:
            return
        facts, known = facts_of(company, day.date, self.vocabulary), self.told.setdefault(domain, {})
        (self.growing.add if facts["growth_rate"] else self.growing.discard)(company.identity)
        again = day.renamed[domain]
        sent = {name: value for name, value in facts.items() if known.get(name) != value or name in again}
        if sent:
            known.update(sent)
            identity = f"{company.identity}/{day.date}/facts"
            yield self.maker.record("account_update", identity, domain, midnight(day.date), facts_data(sent))

    def _event_records(self, company: Company, found: list[Event], day: _Day) -> Iterator[dict[str, Any]]:
        for kind, tail, data in found:
            if company.domain is None:
                self.report.leave_out("event of a company without an account", f"{company.fields.get('name')}: {kind}")
            elif not self.accounts.speaks(company):
                self.report.leave_out(SHARED, f"{company.fields.get('name')} ({company.domain}): {kind}")
            else:
                identity = f"{company.identity}/{day.date}/{tail}"
                yield self.maker.record(kind, identity, company.domain, midnight(day.date), data)
