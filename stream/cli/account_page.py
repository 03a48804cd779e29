"""The page that `explain` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream.cli.plot import plot
from stream.cli.tables import cell, clean, day, day_and_time, points, table
from stream.curve import Point
from stream.scoring.values import DISQUALIFIED

if TYPE_CHECKING:
    from stream.cli.explain import Account

LAST = 8
"""Tier changes shown."""
ROOMY = 80
"""Columns from which on groups are shown."""
RIGHT = ("points", "of", "change")


def print_account(out: Console, found: Account, days: int) -> None:
    """Everything about one account, for a person."""
    facts = found.score["facts"]
    head = Text(found.account, style="bold")
    if facts.get("name"):
        head.append(f"  {clean(facts['name'])}", style="not bold")
    out.print(head)
    told = _facts(facts)
    if told:
        out.print(Text(told, style="dim"))
    if found.names:
        out.print(Text(f"also known as {', '.join(found.names)}", style="dim"))
    for name, standing in found.score["profiles"].items():
        out.print()
        _standing(out, name, standing)
        _as_of(out, found.score["as_of"], standing["score"], found.curves.get(name))
        _lines(out, standing)
        _gaps(out, standing)
        _changes(out, found.changes.get(name, []))
        if name in found.curves:
            _heading(out, f"Score over {days} days, as the profile in force counts")
            for line in plot(found.curves[name], found.documents[name], min(out.width - 2, 100)):
                out.print(Text("  " + line), no_wrap=True, overflow="crop")


def _facts(facts: dict[str, Any]) -> str:
    parts = [str(facts[name]) for name in ("industry", "sub_industry", "stage", "country", "region") if facts.get(name)]
    if isinstance(facts.get("employees"), int | float):
        parts.append(f"{facts['employees']:,} employees")
    if isinstance(facts.get("technologies"), list) and facts["technologies"]:
        parts.append("uses " + ", ".join(map(str, facts["technologies"][:6])))
    return clean(" · ".join(parts))


def _standing(out: Console, name: str, standing: dict[str, Any]) -> None:
    tier, grade = str(standing["tier"]), standing.get("grade")
    line = Text.assemble(
        (clean(name), "bold"),
        f" (version {standing['profile_version']}): ",
        (clean(tier), "bold red" if tier == DISQUALIFIED else "bold green"),
        f" with {points(standing['score'])} points",
        f", grade {clean(grade)}" if grade else "",
        f", since {day_and_time(standing['since'])}",
    )
    out.print(line)
    for reason in standing["reasons"]:
        out.print(Text(f"Disqualified: {clean(reason)}.", style="red"))
    if standing["next_transition_at"]:
        into = f"Moves to {clean(standing['next_tier'])}" if standing["next_tier"] else "Moves"
        if tier != DISQUALIFIED:
            into = into.replace("Moves", "Cools", 1)
        out.print(f"{into} on {day_and_time(standing['next_transition_at'])} if nothing else happens.")
    else:
        out.print("Stays there if nothing else happens.")
    if standing["coverage"] < 1:
        out.print(f"{standing['coverage']:.0%} of the criteria could be decided; for the others a fact is not known.")


def _as_of(out: Console, as_of: str, score: float, curve: list[Point] | None) -> None:
    """A score is published when it has moved by some points; what time has made of it since is told as well."""
    told = f"As of {day_and_time(as_of)}"
    now = curve[-1][1] if curve else None
    if now is not None and abs(now - score) >= 0.05:
        told += f"; by now time has made it {points(now)}"
    out.print(Text(f"{told}.", style="dim"))


def _lines(out: Console, standing: dict[str, Any]) -> None:
    if not standing["contributions"]:
        return
    _heading(out, "What gives points")
    group = ["group"] * (out.width >= ROOMY)
    change = ["change"] * any(map(_change, standing["contributions"]))
    made = table("points", "of", *change, "criterion", *group, "evidence", right=RIGHT, fold=("evidence",))
    for line in sorted(standing["contributions"], key=lambda one: -abs(one["points"])):
        made.add_row(
            points(line["points"]),
            "" if line["of"] is None else points(line["of"]),
            *(_change(line) for _ in change),
            cell(line["criterion"]),
            *(cell(line[name], "dim") for name in group),
            cell(", ".join(line["evidence"]), "dim"),
        )
    _indented(out, made)


def _change(line: dict[str, Any]) -> str:
    """Empty where there is none to be seen."""
    told = points(line["change"], signed=True)
    return "" if told == "0" else told


def _gaps(out: Console, standing: dict[str, Any]) -> None:
    if not standing["gaps"]:
        return
    _heading(out, "What is missing")
    group = ["group"] * (out.width >= ROOMY)
    made = table("points", "of", "criterion", *group, "because", right=RIGHT, fold=("because",))
    for gap in sorted(standing["gaps"], key=lambda one: -one["points"]):
        made.add_row(
            points(gap["points"]),
            points(gap["of"]),
            cell(gap["criterion"]),
            *(cell(gap[name], "dim") for name in group),
            cell(WHY.get(gap["why"], gap["why"]), "dim"),
        )
    _indented(out, made)


WHY = {
    "unknown": "the fact is not known",
    "not met": "the condition does not hold",
    "no signal": "no such signal yet",
    "faded": "it has faded",
    "below the cap": "more of them would count",
}


def _changes(out: Console, changes: list[dict[str, Any]]) -> None:
    if not changes:
        return
    _heading(out, "What happened")
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(no_wrap=True)
    made.add_column(overflow="fold")
    for change in reversed(changes[-LAST:]):
        made.add_row(cell(day(change["effective_at"]), "dim"), cell(change["summary"]))
    _indented(out, made)
    if len(changes) > LAST:
        out.print(Text(f"  … and {len(changes) - LAST} earlier tier changes (--json has them all)", style="dim"))


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))


def _indented(out: Console, made: Table) -> None:
    out.print(Padding(made, (0, 0, 0, 2), expand=False))
