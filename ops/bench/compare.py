"""Tierline beside its peers on real Kafka: the same bytes, the same scoring, in turn, and the results checked.

    make bench-kafka                              everything, some forty minutes
    python -m ops.bench.compare --signals 20000 --rounds 1 --only tierline loop

It starts a broker of its own, installs Quix Streams under `.bench/` once, runs each participant in each round, then
measures latency and what growth costs, and prints a table; `--write` puts it into `ops/bench/README.md`.
"""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from ops.bench import growth
from ops.bench.participants import ROOT, participants
from ops.bench.quix_env import NoQuix, quix_python, quix_version
from ops.bench.report import Report, Row, about, table, write_readme
from ops.bench.runs import Bench
from ops.kafka.cluster import Cluster
from ops.kafka.jars import Missing
from stream.bench.latency import Latencies, measure
from stream.bench.load import Entry, make_load
from stream.bench.place import new_prefix, own_topics
from stream.bench.workers import RUN, environment_of, running
from stream.profiles import LoadedProfile, load_profiles
from stream.settings import Settings

PARTITIONS = 12
WARM_UP = 6_000
HOUR_MS = 3_600_000
AHEAD = 12 * HOUR_MS
BROKER = {"log.message.timestamp.after.max.ms": str((1 << 63) - 1)}
"""The load's record times are ahead of the clock: see ``Bench.base``."""
LATENCY_SIGNALS = 40_000


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m ops.bench.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--signals", type=int, default=200_000, help="in each run (default: %(default)s)")
    parser.add_argument("--slow-signals", type=int, default=20_000, help="for stock Faust (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of all participants in turn (default: %(default)s)")
    parser.add_argument("--accounts", type=int, default=100_000, help="in the load (default: %(default)s)")
    parser.add_argument("--only", nargs="*", metavar="NAME", help="participants, by name; nothing after it: none")
    parser.add_argument("--latency", type=float, default=30, metavar="SECONDS", help="of each; 0: none")
    parser.add_argument("--rate", type=float, help="signals/s beside the latency (default: half of Tierline's)")
    parser.add_argument("--growth", type=int, nargs="*", default=[10_000, 1_000_000], metavar="ACCOUNTS")
    parser.add_argument("--past", type=int, nargs="*", default=[10, 10_000], metavar="SIGNALS")
    parser.add_argument("--patience", type=float, default=600, help="seconds a run may take (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="for files (default: .bench)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="everything measured; - is standard output")
    parser.add_argument("--no-install", action="store_true", help="leave Quix Streams out where it is not installed")
    parser.add_argument("--write", action="store_true", help="put the tables into ops/bench/README.md")
    return parser.parse_args()


def main() -> int:
    """Measure everything; 1 where a result was wrong or missing."""
    asked = arguments()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics just made have no leader at first
    told = Console(stderr=True, highlight=False)
    try:
        report = compare(asked, told)
    except (Missing, NoQuix) as error:
        told.print(f"{error}", markup=False)
        return 1
    if asked.json:
        text = json.dumps(report.document(), indent=2)
        print(text) if str(asked.json) == "-" else asked.json.write_text(text)
    if str(asked.json) != "-":
        Console(highlight=False).print(table(report))
        _print_rest(report)
    if asked.write:
        write_readme(report)
    return int(any(not run.right for row in report.rows for run in row.runs))


def compare(asked: argparse.Namespace, told: Console) -> Report:
    """Run everything that was asked for. Raises Missing where there is no Kafka, NoQuix where Quix cannot be had."""
    quix = _quix(asked, told)
    everybody = participants(quix)
    chosen = [one for one in everybody if asked.only is None or one.name in asked.only]
    if unknown := set(asked.only or ()) - {one.name for one in everybody} - {"quix", "quix-once"}:
        sys.exit(f"no participant {', '.join(sorted(unknown))}; there are {', '.join(one.name for one in everybody)}")
    versions = {"Faust": version("faust-streaming"), "aiokafka": version("aiokafka")}
    if quix is not None:
        versions["Quix Streams"] = quix_version(quix)
    report = Report(about(asked.signals, asked.slow_signals, asked.rounds, versions))
    report.rows = [Row(one, []) for one in chosen]
    if chosen or asked.latency:
        with _bench(asked, told) as bench:
            _rounds(bench, asked, report, told)
            if asked.latency:
                _latency(bench, asked, report, told)
    if asked.growth or asked.past:
        report.growth = growth.measure(asked.growth, asked.past, lambda line: told.print(f"  growth: {line}"))
    return report


@contextmanager
def _bench(asked: argparse.Namespace, told: Console) -> Iterator[Bench]:
    """A broker, the load, and the profiles."""
    asked.folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="run-", dir=asked.folder) as name:
        folder = Path(name)
        profiles = _profiles(folder)
        now = time.time_ns() // 1_000_000
        base = now + AHEAD
        began = time.monotonic()
        warm = make_load(min(WARM_UP, asked.signals), PARTITIONS, base, accounts=asked.accounts, seed=2)
        load = make_load(asked.signals, PARTITIONS, base + WARM_UP + 1, accounts=asked.accounts)
        at = now - HOUR_MS
        live = (
            make_load(len(warm), PARTITIONS, at, accounts=asked.accounts, seed=2),
            make_load(asked.signals, PARTITIONS, at, accounts=asked.accounts),
        )
        told.print(f"load of {len(load):,} signals made in {time.monotonic() - began:.0f} s")
        loaded: Sequence[LoadedProfile] = load_profiles(profiles)
        cluster = Cluster(folder / "kafka", settings=BROKER)
        try:
            cluster.start()
            patience = asked.patience
            yield Bench(cluster, folder, profiles, loaded, PARTITIONS, base, warm, load, patience, live, {})
        finally:
            cluster.discard()


def _rounds(bench: Bench, asked: argparse.Namespace, report: Report, told: Console) -> None:
    for number in range(1, asked.rounds + 1):
        for row in report.rows:
            signals = min(asked.slow_signals, asked.signals) if row.one.slow else asked.signals
            began = time.monotonic()
            run = bench.run(row.one, signals)
            row.runs = [*row.runs, run]
            said = f"{run.rate:9,.0f} signals/s, {run.told}" if run.seconds else run.told
            took = time.monotonic() - began
            told.print(f"round {number}/{asked.rounds}  {row.one.title:<38} {said} ({took:.0f} s)", markup=False)


def _latency(bench: Bench, asked: argparse.Namespace, report: Report, told: Console) -> None:
    base = report.of("tierline")
    half = asked.rate or (base.median("rate") / 2 if base else 0.0)
    now = time.time_ns() // 1_000_000
    entries = make_load(min(LATENCY_SIGNALS, asked.signals), PARTITIONS, now - HOUR_MS, accounts=asked.accounts, seed=3)
    for name, rate, probes in (("idle", 0.0, 20.0), ("half the maximum", half, 50.0)):
        if name != "idle" and not rate:
            continue
        found = _latency_at(bench, entries, rate, asked.latency, probes)
        report.latency[name] = found.document()
        told.print(f"latency {name}: {report.latency[name]}", markup=False)


def _latency_at(bench: Bench, entries: Sequence[Entry], rate: float, seconds: float, probes: float) -> Latencies:
    settings = Settings(
        broker=bench.cluster.url,
        topic_prefix=new_prefix(),
        partitions=PARTITIONS,
        profiles=bench.profiles,
        web_port=0,
    )
    where = bench.folder / "latency"
    where.mkdir(exist_ok=True)
    with own_topics(settings), running(RUN, environment_of(settings), where) as [worker]:
        worker.wait_until_running()
        measure(settings, entries, 0.0, 3.0, 20)  # everything is up, and has run once
        return measure(settings, entries, rate, seconds, probes)


def _profiles(folder: Path) -> Path:
    """The two profiles, together."""
    found = folder / "profiles"
    found.mkdir()
    for name in ("points.yaml", "matrix.yaml"):
        shutil.copy(ROOT / "examples" / "profiles" / name, found)
    return found


def _quix(asked: argparse.Namespace, told: Console) -> Path | None:
    if asked.only is not None and not {"quix", "quix-once"} & set(asked.only):
        return None
    if not asked.no_install:
        told.print("Quix Streams is looked for in .bench/quix, and installed there if need be")
    try:
        return quix_python(asked.folder, install=not asked.no_install)
    except NoQuix:
        if asked.no_install:
            return None
        raise


def _print_rest(report: Report) -> None:
    for line in report.lines():
        print(line)
    for name, found in report.latency.items():
        print(f"append to tier change readable, {name}: {_figures(found)}")
    for name, value in report.growth.items():
        print(f"{name}: {value:.1f} µs a signal")


def _figures(found: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in found.items())


if __name__ == "__main__":
    sys.exit(main())
