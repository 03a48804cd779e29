"""The page that `profile show` prints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from schemas.bounds import group_most, score_most
from stream.cli import words
from stream.cli.tables import cell, clean

ROOMY = 96
"""Columns from which on a criterion is a row; below, it is a paragraph."""


def print_profile(out: Console, document: Mapping[str, Any], origin: str) -> None:
    """A profile for somebody who did not write it."""
    mode = document.get("mode", "live")
    head = Text(clean(document["profile"]), style="bold")
    shadow = ", in shadow" if mode == "shadow" else ""
    head.append(f"  version {document['version']}{shadow}  ({clean(origin)})", "dim")
    out.print(head)
    for member in ("name", "description"):
        if document.get(member):
            out.print(Text(clean(document[member])))
    _tiers(out, document)
    for group in document["groups"]:
        _group(out, group)
    _gates(out, "Excluded", document.get("exclude") or [])
    _gates(out, "Required", document.get("require") or [])


def _tiers(out: Console, document: Mapping[str, Any]) -> None:
    most = score_most(dict(document))
    _heading(out, "Tiers", f"score up to {words.value(most)}" if most is not None else "")
    made = _grid()
    for tier in document["tiers"]:
        made.add_row(cell(tier["name"], "bold"), cell(words.tier(tier)))
    _indented(out, made)


def _group(out: Console, group: Mapping[str, Any]) -> None:
    notes = []
    most = group_most(dict(group))
    if group.get("weight") is not None:
        notes.append(f"weighs {words.value(group['weight'])}, reached at {words.value(group['out_of'])} points")
    elif group.get("cap") is not None:
        notes.append(f"at most {words.value(group['cap'])} points")
    elif most is not None:
        notes.append(f"up to {words.value(most)} points")
    _heading(out, str(group["name"]), ", ".join(notes))
    roomy = out.width >= ROOMY
    made = _grid(3) if roomy else Table(box=None, show_header=False, pad_edge=False)
    for line in group["criteria"]:
        about = [cell(words.when(line))]
        if line.get("description"):
            about.append(cell(line["description"], "dim"))
        if roomy:
            made.add_row(cell(line["id"], "bold"), cell(words.worth(line)), about[0])
            for text in about[1:]:
                made.add_row("", "", text)
        else:
            made.add_row(Text.assemble((clean(line["id"]), "bold"), "  ", clean(words.worth(line))))
            for text in about:
                made.add_row(Padding(text, (0, 0, 0, 2)))
    _indented(out, made)


def _gates(out: Console, title: str, lines: list[Mapping[str, Any]]) -> None:
    if not lines:
        return
    _heading(out, title, "whatever the score")
    made = _grid()
    for line in lines:
        made.add_row(cell(line["id"], "bold"), cell(words.gate(line)))
        if line.get("description"):
            made.add_row("", cell(line["description"], "dim"))
    _indented(out, made)


def _grid(columns: int = 2) -> Table:
    made = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    made.add_column(overflow="fold", ratio=None)
    if columns == 3:
        made.add_column(overflow="fold", max_width=28)
    made.add_column(overflow="fold")
    return made


def _heading(out: Console, title: str, note: str) -> None:
    out.print()
    out.print(Text.assemble((clean(title), "bold"), (f"  {clean(note)}" if note else "", "dim")))


def _indented(out: Console, made: Table) -> None:
    out.print(Padding(made, (0, 0, 0, 2), expand=False))
