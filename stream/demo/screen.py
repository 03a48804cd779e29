"""What the demo shows while it runs: a progress bar and the newest tier changes with their sentence."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

SHOWN = 12
STYLES = {"up": "green", "enter": "green", "requalified": "green", "down": "yellow", "disqualified": "red"}


class Screen:
    """A live view on a terminal; on anything else, a line now and then."""

    def __init__(self, console: Console, total: int | None) -> None:
        self._console = console
        self._recent: deque[dict[str, Any]] = deque(maxlen=SHOWN)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("signals"),
            TimeElapsedColumn(),
        )
        self._task = self._progress.add_task("Scoring", total=total)
        self._live = Live(self._view(), console=console, refresh_per_second=8, transient=True)
        self._told = 0
        self.changes = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()
        table = _table(sorted(self._recent, key=lambda change: str(change["effective_at"])), "The last tier changes")
        if self._recent:
            self._console.print(table)

    def show(self, processed: int, changes: Sequence[dict[str, Any]]) -> None:
        """Bring the view up to date."""
        self.changes += len(changes)
        self._recent.extend(changes)
        self._progress.update(self._task, completed=processed)
        if self._console.is_terminal:
            self._live.update(self._view())
        elif processed - self._told >= 20_000:
            self._told = processed
            self._console.print(f"{processed:,} signals, {self.changes:,} tier changes so far")
            for change in list(self._recent)[-2:]:
                self._console.print(_line(change))

    def _view(self) -> Group:
        return Group(self._progress, _table(list(self._recent), "Tier changes as they happen"))


def _table(changes: Sequence[dict[str, Any]], title: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True, box=None, padding=(0, 1))
    table.add_column("day", no_wrap=True)
    table.add_column("account", no_wrap=True, max_width=26)
    table.add_column("tier", no_wrap=True)
    table.add_column("why", ratio=1, overflow="ellipsis", no_wrap=True)
    for change in changes:
        style = STYLES.get(change["direction"], "")
        table.add_row(
            change["effective_at"][:10],
            plain(change["account"]),
            Text(f"{change['from_tier'] or '–'} → {change['to_tier'] or 'merged'}", style=style),
            plain(change["summary"]),
        )
    return table


def _line(change: dict[str, Any]) -> Text:
    return plain(f"  {change['effective_at'][:10]}  {change['account']}  {change['summary']}")


def plain(text: str) -> Text:
    """Text from outside: no markup, no control characters."""
    return Text("".join(letter if letter.isprintable() else " " for letter in text))
