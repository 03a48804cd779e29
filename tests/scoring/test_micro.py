"""The micro-benchmarks of `make bench`: that they run and give every figure, and measure what their rows say."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyperf
import pytest

from ops.bench.micro import AFTER, BYTES, CASES, LOADS, MANY, report
from ops.bench.subjects import BATCH, Case, prepared
from stream.compiled import is_compiled

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_every_row_is_measured_and_told(tmp_path: Path) -> None:
    """One value of each benchmark: the tables have a figure in every row, and pyperf reads the file of the run."""
    kept = tmp_path / "run.json"
    ran = subprocess.run(
        [sys.executable, "-m", "ops.bench.micro", "--debug-single-value", "--json", str(kept)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    rows = {cells[0].strip(): cells[1:] for line in ran.stdout.splitlines() if (cells := line.strip("| ").split("|"))}
    for name in CASES:
        assert all(float(cell) > 0 for cell in rows[name][:6]), rows[name]
    for name in (*AFTER, *LOADS):
        assert all(float(cell.replace(",", "")) > 0 for cell in rows[name]), rows[name]
    assert ("is compiled" in ran.stdout) == is_compiled()
    suite = pyperf.BenchmarkSuite.load(str(kept))
    assert len(suite.get_benchmarks()) == 2 * len(BYTES) + len(CASES) + len(AFTER) + len(LOADS)
    assert {one.get_metadata()["hot_path"] for one in suite} == {"compiled" if is_compiled() else "interpreted"}


def test_the_bars_are_held_against_what_was_measured() -> None:
    """Decoding and a step of together ten times `loads` meet the bar, and of a little more do not."""
    figures = dict.fromkeys([*AFTER, *LOADS, *(f"loads, {kind}" for kind in BYTES)], (1.0, 0.1))
    figures |= dict.fromkeys((f"decode, {kind}" for kind in BYTES), (6.0, 0.1))
    figures |= {f"step, {name}": (6.2 if name == MANY else 4.0, 0.1) for name in CASES}
    rows = {line.split("|")[1].strip(): line for line in report(figures).splitlines() if line.startswith("| ")}
    assert {name for name in CASES if "not met" in rows[name]} == {MANY}
    assert "10,000 signals in the past against 10: 1.22 times (the bar: 1.3): met." in report(figures)


@pytest.mark.parametrize(("name", "outcome", "changes"), [
    ("counted, 10 in the past", "counted", 1),
    ("counted, 10,000 in the past", "counted", 0),
    ("duplicate", "duplicate", 0),
    ("fact that moves no tier", "fact", 0),
    ("signal that no profile reads", "kept", 0),
    ("tier change, explained", "fact", BATCH),
])  # fmt: skip
def test_a_row_measures_what_it_says(name: str, outcome: str, changes: int) -> None:
    """Every one of the two hundred signals comes out as the row says, each time on an account as it was before."""
    subjects = prepared(CASES[name])
    for _ in range(2):
        partition = subjects.fresh().partition
        effects = [partition.signal(signal, time) for signal, time in subjects.signals]
        assert Counter(one.outcome for one in effects) == {outcome: BATCH}
        assert sum(len(one.changes) for one in effects) == changes


def test_a_fresh_account_is_that_which_was_told() -> None:
    """Read back it has the signals that it was told, no more than are remembered, and its facts' own."""
    assert [len(prepared(Case(past, "read")).fresh().state.ledger) for past in (10, 63, 10_000)] == [11, 64, 4_096]
