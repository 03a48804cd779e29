"""Judging the whole history once, before it is told: which words were renamed, which observations are floods."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from datetime import date
from typing import TYPE_CHECKING

from stream.sources.rewrites import FieldChanges, Floods, Vocabulary
from stream.sources.yc.company import same_meaning

if TYPE_CHECKING:
    from stream.sources.report import Report
    from stream.sources.yc.history import Observation

WORDS = ("industry", "stage", "status", "batch", "subindustry")
"""Fields whose values are words of the vendor's."""


def judge(history: list[Observation], report: Report) -> tuple[Vocabulary, Floods]:
    """The vocabulary learned from every observation, and the floods; both are said in the report."""
    vocabulary, floods = Vocabulary(), Floods()
    holders: dict[str, Counter[str]] = defaultdict(Counter)
    held: dict[tuple[int, str], str] = {}
    last: dict[tuple[str, bool], str] = {}
    first = history[0].date if history else ""
    for seen in history:
        pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
        told_fields = {name for name, told in last if told}
        for change in seen.changes:
            if change.old is not None and not same_meaning(change.field, change.old, change.new):
                pairs[change.field].append((str(change.old), str(change.new)))
            if change.told:
                told_fields.add(change.field)
        # what no change row tells is only looked at in a snapshot; a look that shows no change counts as one too
        looked_at = {(name, told) for name, told in last if told or seen.whole}
        looked_at |= {(name, name in told_fields) for name in pairs}
        for key in sorted(looked_at):
            name, found = key[0], pairs.get(key[0], [])
            days = date.fromisoformat(seen.date).toordinal() - date.fromisoformat(last.get(key, first)).toordinal()
            changes = FieldChanges(seen.date, name, days, seen.before, found, holders[name])
            _tell(changes, vocabulary, floods, report)
        last |= dict.fromkeys(looked_at, seen.date)
        _count(seen, holders, held)
    return vocabulary, floods


def _tell(changes: FieldChanges, vocabulary: Vocabulary, floods: Floods, report: Report) -> None:
    renamed = vocabulary.learn(changes) if changes.field in WORDS else []
    if renamed:
        old, new, _ = max(renamed, key=lambda item: item[2])
        report.note(
            f"{changes.date} {changes.field}: {len(renamed)} word(s) renamed for "
            f"{sum(count for *_, count in renamed):,} companies (e.g. {old!r} is {new!r} now): one meaning, no events"
        )
    times = floods.judge(changes)
    if times is not None:
        usual = f"{times:.0f} times the usual rate" if math.isfinite(times) else "more than half of them"
        report.note(
            f"{changes.date} {changes.field}: {len(changes.pairs):,} of {changes.listed:,} companies changed, {usual}: "
            "taken as facts, no events"
        )


def _count(seen: Observation, holders: dict[str, Counter[str]], held: dict[tuple[int, str], str]) -> None:
    def put(company: int, name: str, value: str | None) -> None:
        old = held.pop((company, name), None)
        if old is not None:
            holders[name][old] -= 1
        if value is not None:
            held[company, name] = value
            holders[name][value] += 1

    for company in seen.disappeared:
        for name in WORDS:
            put(company, name, None)
    for company, fields, _ in seen.appeared:
        for name in WORDS:
            put(company, name, fields.get(name))
    for change in seen.changes:
        if change.field in WORDS:
            put(change.company, change.field, change.new)
