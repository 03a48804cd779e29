"""The progress of `send`: a bar on standard error where that is a terminal, nothing where it is not."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn

from stream.cli.intake import Input
from stream.cli.tables import clean

EVERY = 0.1
"""Seconds between two updates: more would cost, and nobody sees them."""


class Watch:
    """One line for the input being read."""

    def __init__(self, console: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            TextColumn("{task.fields[count]:,} signals", markup=False),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._tasks: dict[int, TaskID] = {}
        self._next = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def begin(self, one: Input) -> None:
        """The next input is being read."""
        if not self._bar.disable:
            self._tasks[id(one)] = self._bar.add_task(clean(one.path.name)[:30], total=one.size, count=0)

    def update(self, one: Input, count: int) -> None:
        """So many signals so far."""
        if self._bar.disable:
            return
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            self._bar.update(self._tasks[id(one)], completed=one.done if one.size else None, count=count)
