"""``tierline accounts``: who is in which tier now, and why."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from typing import Any

import click
from rich.text import Text

from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, cell, clean, console, day, many, points, print_json, table
from stream.reading import open_to_read, scored
from stream.scoring.values import DISQUALIFIED
from stream.settings import Settings, load_settings
from stream.topology import group_of
from stream.transports.seam import Log

SHOWN = 50
ROOMY, USUAL, LEAST = 110, 76, 60
"""Columns of a terminal from which on names, dates and reasons are shown."""
Row = dict[str, Any]

_LAST = "9999"  # after every moment, as text
SORTS: dict[str, Callable[[Row], Any]] = {
    "score": lambda row: (row["tier"] == DISQUALIFIED, -row["score"], row["account"]),
    "account": lambda row: (row["account"], row["profile"]),
    "since": lambda row: (_reversed(row["since"]), row["account"]),
    "next": lambda row: (row["next_transition_at"] or _LAST, row["account"]),
}


@click.command("accounts")
@click.option("--profile", help="Only this profile.")
@click.option("--tier", help="Only this tier.")
@click.option(
    "--sort",
    type=click.Choice(list(SORTS)),
    default="score",
    show_default=True,
    help="score: highest first, disqualified last; since: newest in its tier first; next: who moves next.",
)
@click.option("--limit", type=click.IntRange(min=0), help=f"At most so many; 0 is all (default {SHOWN}; --json: all).")
@json_option("Print JSON lines, one for each account and profile.")
@broker_option
@exits("listed, also where nobody matches", "there is no log or no such profile, or it cannot be read")
def command(
    profile: str | None, tier: str | None, sort: str, limit: int | None, broker: str | None, *, as_json: bool
) -> None:
    """List accounts with tier, score and the strongest reasons, as last published.

    Works while a worker runs, and while none does.
    """
    settings = load_settings(broker=broker)
    limit = limit if limit is not None else (0 if as_json else SHOWN)
    seen = _Seen()
    with open_to_read(settings) as log:
        rows = seen.matching(scored(log, settings), profile, tier)
        key = SORTS[sort]
        found = heapq.nsmallest(limit, rows, key) if limit else sorted(rows, key=key)
        if profile is not None and seen.accounts and profile not in seen.profiles:
            there = clean(", ".join(sorted(seen.profiles)))
            raise Problem(f"no account is scored in a profile {profile!r}; there are: {there}.")
        if as_json:
            for row in found:
                print_json(row)
        elif found:
            _print(found, seen, single=profile is not None or len(seen.profiles) == 1)
        else:
            click.echo(_nobody(log, settings, seen, tier), err=True)


class _Seen:
    """Counts what goes by, for the last line."""

    def __init__(self) -> None:
        self.accounts = 0
        self.matched = 0
        self.profiles: set[str] = set()
        self.tiers: set[str] = set()

    def matching(self, documents: Iterator[dict[str, Any]], profile: str | None, tier: str | None) -> Iterator[Row]:
        for document in documents:
            self.accounts += 1
            self.profiles.update(document["profiles"])
            for name, standing in document["profiles"].items():
                if profile is not None and name != profile:
                    continue
                self.tiers.add(standing["tier"])
                if tier is None or standing["tier"] == tier:
                    self.matched += 1
                    facts = document["facts"]
                    head = {"account": document["account"], "name": facts.get("name"), "profile": name}
                    yield {**head, **standing, "as_of": document["as_of"]}


def _print(rows: list[Row], seen: _Seen, *, single: bool) -> None:
    """As much as there is room for: account, tier, score and what comes next always."""
    out = console()
    shown = ["account"]
    shown += ["name"] * (out.width >= ROOMY and any(row["name"] for row in rows))
    shown += ["profile"] * (not single) + ["tier", "score"]
    shown += ["since"] * (out.width >= USUAL)
    shown += ["top reasons"] * (out.width >= LEAST) + ["cools"] * any(row["next_transition_at"] for row in rows)
    made = table(*shown, right=("score",), fold=("top reasons",))
    made.columns[0].min_width = min(max(len(row["account"]) for row in rows), out.width // 3)
    for row in rows:
        made.add_row(*(_cell(column, row, out.width) for column in shown))
    out.print(made)
    rest = seen.matched - len(rows)
    if rest:
        click.echo(f"… and {rest:,} more: --limit 0 shows all.", err=True)


def _cell(column: str, row: Row, width: int) -> Text:
    match column:
        case "name":
            return cell(_cut(row["name"] or "", width // 5))
        case "tier":
            return cell(row["tier"], "red" if row["tier"] == DISQUALIFIED else "bold")
        case "score":
            return cell(points(row["score"]))
        case "since":
            return cell(day(row["since"]))
        case "top reasons":
            return cell(_reasons(row), "dim")
        case "cools":
            return cell(_next(row))
    return cell(row[column])


def _reasons(row: Row) -> str:
    if row["reasons"]:
        return ", ".join(map(str, row["reasons"]))
    strongest = heapq.nlargest(2, row["contributions"], key=lambda line: abs(line["points"]))
    lines = [f"{line['criterion']} {points(line['points'], signed=True)}" for line in strongest if line["points"]]
    return ", ".join(lines)


def _next(row: Row) -> str:
    if row["next_transition_at"] is None:
        return ""
    return f"{row['next_tier'] or 'other tier'}, {day(row['next_transition_at'])}"


def _nobody(log: Log, settings: Settings, seen: _Seen, tier: str | None) -> str:
    if seen.accounts and tier is not None:
        tiers = ", ".join(clean(name) for name in sorted(seen.tiers))
        return f"No account is in tier {tier}. Tiers with accounts: {tiers}."
    topic = settings.topic("signals")
    waiting = sum(log.end(topic, partition) for partition in range(log.partitions(topic)))
    if not waiting:
        return "No account yet: the log is empty. Send it signals: `tierline send FILE`."
    if not log.members(group_of(settings)):
        return f"No account is scored yet, but the log has {many(waiting, 'record')} to score: start `tierline run`."
    return f"No account is scored yet; the worker has {many(waiting, 'record')} to read. Ask again in a moment."


def _cut(text: object, most: int) -> str:
    shown = clean(text)
    return shown if len(shown) <= most else f"{shown[: most - 1]}…"


def _reversed(text: str) -> tuple[int, ...]:
    return tuple(-ord(letter) for letter in text)
