"""The figures of a comparison as tables: for a terminal, for `--json`, for README.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from rich.table import Table

from ops.bench.participants import Participant
from ops.bench.runs import Run

README = Path(__file__).parent / "README.md"
BEGIN, END = "<!-- compare.py writes what follows -->", "<!-- compare.py wrote what came before -->"
BASE = "tierline"
BARS = {
    "quix": (3.0, "Quix Streams"),
    "quix-once": (3.0, "Quix Streams with exactly-once"),
    "faust": (15.0, "stock Faust"),
    "loop": (0.6, "the loop by hand"),
}
"""At least so many times as fast as each (issue 4)."""


@dataclass(slots=True)
class Row:
    """A participant's runs, summed up."""

    one: Participant
    runs: Sequence[Run]

    @property
    def right(self) -> list[Run]:
        """Those with right results; of others no figure is told."""
        return [run for run in self.runs if run.right]

    def median(self, member: str) -> float:
        """Of the right runs; NaN where there are none."""
        found = [run.document()[member] for run in self.right]
        return median(found) if found else float("nan")

    @property
    def spread(self) -> tuple[float, float]:
        """The slowest and the fastest run."""
        rates = [run.rate for run in self.right] or [float("nan")]
        return min(rates), max(rates)

    @property
    def trouble(self) -> str:
        """What went wrong, of the last run that did."""
        return next((run.told for run in reversed(self.runs) if not run.right), "")


@dataclass(slots=True)
class Report:
    """Everything that one invocation has measured."""

    about: dict[str, Any]
    rows: list[Row] = field(default_factory=list)
    latency: dict[str, Mapping[str, float]] = field(default_factory=dict)
    growth: dict[str, float] = field(default_factory=dict)

    def of(self, name: str) -> Row | None:
        """The row of a participant that has figures."""
        return next((row for row in self.rows if row.one.name == name and row.right), None)

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        rows = {row.one.name: [run.document() for run in row.runs] for row in self.rows}
        return {
            "about": self.about,
            "medians": {row.one.name: _medians(row) for row in self.rows if row.right},
            "ratios": self.ratios(),
            "latency": self.latency,
            "growth_us": self.growth,
            "runs": rows,
        }

    def ratios(self) -> dict[str, float]:
        """Tierline's signals a second over each other's: of each round, then the median of those."""
        base = self.of(BASE)
        if base is None:
            return {}
        found = {}
        for row in self.rows:
            pairs = [
                ours.rate / theirs.rate
                for ours, theirs in zip(base.runs, row.runs, strict=False)
                if ours.right and theirs.right
            ]
            if row is not base and pairs:
                found[row.one.name] = median(pairs)
        return found

    def lines(self) -> list[str]:
        """What the bars of issue 4 come to, a sentence each."""
        ratios = self.ratios()
        found = []
        for name, (bar, who) in BARS.items():
            if name in ratios:
                verdict = "met" if ratios[name] >= bar else "not met"
                found.append(f"{ratios[name]:.2f} times {who} (the bar: {bar:g}): {verdict}")
        asked = (
            ("tierline-families", 0.5, "from the families (two hops), of that from `signals`"),
            ("tierline-two", 1.7, "with two workers, of that with one"),
            ("tierline-file", 0.5, "on the embedded log, of that on Kafka"),
        )
        for name, bar, what in asked:
            if name in ratios:
                share = 1 / ratios[name]
                found.append(f"{share:.2f} {what} (the bar: {bar:g}): {'met' if share >= bar else 'not met'}")
        return found


def about(signals: int, slow: int, rounds: int, versions: Mapping[str, str]) -> dict[str, Any]:
    """The machine and the load."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "signals": signals,
        "signals_of_the_slow": slow,
        "rounds": rounds,
        "versions": dict(versions),
    }


def table(report: Report) -> Table:
    """For a terminal."""
    found = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    heads = ("", "signals/s", "slowest-fastest", "CPU s/M", "broker s/M", "peak MB", "Tierline is", "results")
    for head in heads:
        found.add_column(head, justify="left" if head in {"", "results"} else "right", no_wrap=head != "results")
    for row, cells in _cells(report):
        found.add_row(row.one.title, *cells)
    return found


def markdown(report: Report) -> str:
    """For README.md."""
    said = report.about
    load = (
        f"Load: {said['signals']:,} signals (stock Faust: {said['signals_of_the_slow']:,}), {said['rounds']} rounds in"
        " turn. Median, slowest and fastest; CPU seconds per million signals."
    )
    lines = [
        f"Machine: {said['cpu']}, {said['cores']} cores, broker and load on the same; Python {said['python']}. "
        + ", ".join(f"{name} {version}" for name, version in said["versions"].items())
        + ".",
        "",
        load,
        "",
        "| | signals/s | slowest to fastest | CPU, worker | CPU, broker | peak memory (MB) | Tierline is | results |",
        "|---|---:|---:|---:|---:|---:|---:|---|",
    ]
    lines += [f"| {row.one.title} | {' | '.join(cells)} |" for row, cells in _cells(report)]
    if report.lines():
        lines += ["", *(f"- {line}" for line in report.lines())]
    if report.latency:
        head = "| append to tier change readable | signals/s beside | p50 (ms) | p99 (ms) |"
        lines += ["", head, "|---|---:|---:|---:|"]
        lines += [
            f"| {name} | {told['signals_per_second']:,.0f} | {told['p50_ms']:.1f} | {told['p99_ms']:.1f} |"
            for name, told in report.latency.items()
        ]
    if report.growth:
        lines += ["", "| cost of a signal, process time | µs |", "|---|---:|"]
        lines += [f"| {name} | {value:.1f} |" for name, value in report.growth.items()]
    return "\n".join(lines) + "\n"


def write_readme(report: Report) -> None:
    """Put the tables between their marks."""
    text = README.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n\n{markdown(report)}\n{END}{tail}", "utf-8")


def _cells(report: Report) -> list[tuple[Row, list[str]]]:
    ratios = report.ratios()
    found = []
    for row in report.rows:
        if not row.right:
            found.append((row, ["", "", "", "", "", "", row.trouble.splitlines()[0] if row.trouble else "not run"]))
            continue
        slowest, fastest = row.spread
        results = "right" if not row.trouble else f"{len(row.right)} of {len(row.runs)} right"
        times = f"{ratios[row.one.name]:.2f}×" if row.one.name in ratios else ""
        cells = [
            f"{row.median('rate'):,.0f}",
            f"{slowest:,.0f} to {fastest:,.0f}",
            f"{row.median('cpu_per_million'):,.0f}",
            f"{row.median('broker_cpu_per_million'):,.0f}",
            f"{row.median('peak') / 1e6:,.0f}",
            times,
            results,
        ]
        found.append((row, cells))
    return found


def _medians(row: Row) -> dict[str, float]:
    return {name: row.median(name) for name in ("rate", "cpu_per_million", "broker_cpu_per_million", "peak")}


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
