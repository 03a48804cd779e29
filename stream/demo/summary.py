"""What the demo says at its end: counts, tiers, causes, and how good "hot" was where the truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from schemas.times import parse_time
from stream.sources.simulated import Market, assess


@dataclass(slots=True)
class Ledger:
    """The tier changes of a demo, counted as they come."""

    until: int = 1 << 62
    """The end of the data (ms): what time alone does after it is left out of what is counted."""
    causes: Counter[tuple[str, str]] = field(default_factory=Counter)
    tiers: dict[str, str] = field(default_factory=dict)
    hot: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    _since: dict[str, int] = field(default_factory=dict)
    first: str = ""
    """The name of the highest tier, where accounts are hot."""

    def take(self, change: Mapping[str, Any]) -> None:
        """Count one tier change."""
        moment, account = parse_time(change["effective_at"]), change["account"]
        if moment > self.until:
            return
        self.causes[change["cause"], change["direction"]] += 1
        self.tiers[account] = change["to_tier"]
        since = self._since.pop(account, None)
        if since is not None:
            self.hot.setdefault(account, []).append((since, moment))
        if change["to_tier"] == self.first:
            self._since[account] = moment

    def count(self, tier: str) -> int:
        """How many accounts were in a tier when the data ended; of the lowest only those that had been higher."""
        return sum(1 for now in self.tiers.values() if now == tier)

    def hot_until(self, end: int) -> dict[str, list[tuple[int, int]]]:
        """When each account was hot, those that still are until ``end``."""
        intervals = {account: list(spans) for account, spans in self.hot.items()}
        for account, since in self._since.items():
            intervals.setdefault(account, []).append((since, end))
        return intervals


def tell(
    console: Console,
    ledger: Ledger,
    *,
    signals: int,
    rejected: Mapping[str, int],
    tiers: Sequence[tuple[str, int]],
    seconds: float,
) -> None:
    """Print the summary. ``tiers``: how many accounts are in each today, as published."""
    accounts = sum(count for _, count in tiers)
    console.print()
    console.print(
        f"[bold]{signals:,}[/] signals in {seconds:.1f} s: [bold]{signals / seconds:,.0f}[/] a second, end to end. "
        f"{accounts:,} accounts, {sum(ledger.causes.values()):,} tier changes."
    )
    causes = sorted(ledger.causes.items(), key=lambda pair: -pair[1])[:8]
    columns = {
        "Accounts by tier today": tiers,
        "Changes by cause": [(f"{cause}, {direction}", count) for (cause, direction), count in causes],
        "Rejected records": sorted(rejected.items(), key=lambda pair: -pair[1]),
    }
    grid = Table.grid(padding=(0, 3))
    tables = []
    for title, rows in columns.items():
        table = Table(box=None, padding=(0, 1))
        table.add_column(title, no_wrap=True)
        table.add_column("", justify="right")
        for name, count in rows:
            table.add_row(name, f"{count:,}")
        tables.append(table)
    grid.add_row(*tables)
    console.print(grid)


def judge(console: Console, ledger: Ledger, market: Market) -> None:
    """Say how much more often, and how much earlier, hot accounts were really buying: the simulated truth is known."""
    hot = ledger.hot_until(market.end_ms)
    assessment = assess(market.truth, hot, list(market.truth), market.start_ms, market.end_ms)
    console.print()
    console.print("[bold]Was hot really hot?[/] The market is simulated, so the truth is known:")
    for sentence in assessment.sentences():
        console.print(f"  {sentence}")
