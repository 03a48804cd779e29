"""What the demo says at its end: counts, tiers, causes, and how good "hot" was where the truth is known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from schemas.times import parse_time
from stream.scoring.explain import day
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
    accounts: int,
    tiers: Iterable[str],
    lowest: str,
    seconds: float,
    end: int,
) -> None:
    """Print the summary."""
    console.print()
    console.print(
        f"[bold]{signals:,}[/] signals in {seconds:.1f} s: [bold]{signals / seconds:,.0f}[/] a second, end to end. "
        f"{accounts:,} accounts, {sum(ledger.causes.values()):,} tier changes."
    )
    counts = Counter(ledger.tiers.values())
    counts[lowest] += max(0, accounts - sum(counts.values()))
    titles = (f"Accounts by tier, {day(end)}", "Changes by cause", "Rejected records")
    left, right, middle = tables = [Table(box=None, padding=(0, 1)) for _ in titles]
    for table, title in zip(tables, titles, strict=True):
        table.add_column(title, no_wrap=True)
        table.add_column("", justify="right")
    for tier in (*tiers, "disqualified"):
        left.add_row(tier, f"{counts[tier]:,}")
    for (cause, direction), count in sorted(ledger.causes.items(), key=lambda pair: -pair[1])[:8]:
        right.add_row(f"{cause}, {direction}", f"{count:,}")
    for reason, count in sorted(rejected.items(), key=lambda pair: -pair[1]):
        middle.add_row(reason, f"{count:,}")
    grid = Table.grid(padding=(0, 3))
    grid.add_row(left, right, middle)
    console.print(grid)


def judge(console: Console, ledger: Ledger, market: Market) -> None:
    """Say how much more often, and how much earlier, hot accounts were really buying: the simulated truth is known."""
    hot = ledger.hot_until(market.end_ms)
    assessment = assess(market.truth, hot, list(market.truth), market.start_ms, market.end_ms)
    console.print()
    console.print("[bold]Was hot really hot?[/] The market is simulated, so the truth is known:")
    for sentence in assessment.sentences():
        console.print(f"  {sentence}")
