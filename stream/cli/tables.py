"""How the command line speaks to people: consoles, tables, times, and errors.

What comes out of the log was written by strangers. Every text of theirs goes through ``clean`` before it reaches a
terminal, and no console here reads markup, so neither `[red]` nor an escape sequence in a company's name does anything.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import IO, Any, NoReturn

import click
import orjson
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDE = 200
"""Columns of a table that nobody's terminal bounds, as in a pipe."""
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# control characters, those that turn the direction of writing, invisible ones, lone surrogates, line and paragraph ends
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]"
)


class Problem(click.ClickException):
    """Something a person can mend: one message, exit code 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it as every error of ours is printed."""
        click.echo(f"tierline: {self.format_message()}", file=file, err=file is None)


def clean(value: object) -> str:
    """Text of a stranger as one harmless line: what cannot be seen is shown as its code, such as ``<001B>``."""
    return _UNSEEN.sub(lambda found: f"<{ord(found[0]):04X}>", str(value))


def cell(value: object, style: str = "") -> Text:
    """A stranger's text for a table."""
    return Text(clean(value), style=style)


def console(*, err: bool = False) -> Console:
    """A console as wide as the terminal, or wide enough where there is none; it reads no markup."""
    file = sys.stderr if err else sys.stdout
    made = Console(file=file, markup=False, emoji=False, highlight=False)
    if not made.is_terminal and "COLUMNS" not in made._environ:  # noqa: SLF001  (rich's own view of the environment)
        made.width = WIDE
    return made


def table(*columns: str, right: Sequence[str] = (), fold: Sequence[str] = ()) -> Table:
    """An empty table with a line below its head. ``right``: columns of numbers; ``fold``: those that may be broken."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False, header_style="bold")
    for name in columns:
        made.add_column(
            name,
            justify="right" if name in right else "left",
            no_wrap=name not in fold,
            overflow="fold" if name in fold else "ellipsis",
        )
    return made


def print_json(document: object) -> None:
    """One JSON document on one line of standard output."""
    sys.stdout.write(orjson.dumps(document).decode() + "\n")


def print_json_pretty(document: object) -> None:
    """One JSON document, indented."""
    sys.stdout.write(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n")


def day(text: str | None, now: datetime | None = None) -> str:
    """A moment of ours (``2026-11-20T09:00:00Z``) as ``20 Nov``, with the year where it is another one."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return clean(text)
    now = now or datetime.now(UTC)
    year = "" if moment.year == now.year else f" {moment.year}"
    return f"{moment.day} {_MONTHS[moment.month - 1]}{year}"


def day_and_time(text: str | None) -> str:
    """A moment of ours as ``20 Nov 2026 09:00 UTC``."""
    if not text:
        return ""
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return clean(text)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year} {moment:%H:%M} UTC"


def points(value: float, *, signed: bool = False) -> str:
    """Points as a person writes them: ``30``, ``12.5``, ``+0.25``."""
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "+0"} else text


def many(count: int, noun: str, plural: str = "") -> str:
    """``1 signal``, ``2,000 signals``."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def fail(message: str) -> NoReturn:
    """End the command with one message and exit code 1."""
    raise Problem(message)
