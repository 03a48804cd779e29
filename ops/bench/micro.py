"""What becomes of one signal, piece by piece: microseconds, and multiples of reading its JSON.

    python -m ops.bench.micro [--write] [--json FILE] [--fast | --rigorous | …]

``orjson.loads`` of the same bytes is the measure: nobody can do without, and it is as slow as the machine is. pyperf
repeats every measurement in processes of their own (``--help`` has its options); ``python -m pyperf compare_to`` tells
how the files of two runs differ. Progress goes to stderr, tables in Markdown to stdout; ``--write`` puts them into
README.md.

What is measured is processor time: what else the machine does is not counted. Every round has an account made anew
outside of the measurement, and 200 different signals. The garbage collector is off meanwhile: states live long and have
no cycles, a worker calms it for that reason (``stream/worker.py``), and whose turn it is to pay for all is chance.
"""

from __future__ import annotations

import gc
import platform
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from time import process_time, process_time_ns

import orjson
import pyperf

from ops.bench.subjects import BATCH, KINDS, Case, Subject, prepared
from stream.compiled import behind, is_compiled
from stream.scoring.crossing import next_transition
from stream.scoring.values import Effects
from stream.wire import decode, encode_change

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- micro.py writes what follows -->", "<!-- micro.py wrote what came before -->"
BAR = 10
"""Decoding and a step may take so many times what ``orjson.loads`` takes."""
FLAT = 1.3
"""With 10,000 signals in the past they may take so many times what they take with 10."""
CLOCK = min(-process_time_ns() + process_time_ns() for _ in range(10_000)) / 1e9
"""Seconds that it takes to look at the clock: where it is looked at for every signal, that would be a part of it."""

FEW, MANY = "counted, 10 in the past", "counted, 10,000 in the past"
CASES = {
    FEW: Case(10, "read"),
    MANY: Case(10_000, "read"),
    "duplicate": Case(10, "read", again=True),
    "fact that moves no tier": Case(10, "fact"),
    "signal that no profile reads": Case(10, "unread"),
    "tier change, explained": Case(1, "swing"),
}
"""Signals that are stepped."""
BYTES = {kind: Case(10, kind) for kind in KINDS}
"""Signals that are read and decoded."""

Means = Mapping[str, tuple[float, float | None]]
"""Microseconds by name: mean and standard deviation (``None``: of one value there is none)."""


def read(loops: int, call: Callable[[bytes], object], case: Case) -> float:
    """Seconds to call it with the bytes of every signal."""
    events = prepared(case).events
    before = process_time()
    for _ in range(loops):
        for event in events:
            call(event)
    return process_time() - before


def step(loops: int, case: Case) -> float:
    """Seconds to apply every signal, decoded, to a fresh account."""
    spent, subjects = 0.0, prepared(case)
    for _ in range(loops):
        apply = subjects.fresh().partition.signal
        before = process_time()
        for signal, time in subjects.signals:
            apply(signal, time)
        spent += process_time() - before
    return spent


def after(loops: int, call: Callable[[Subject, Effects], object], case: Case) -> float:
    """Seconds of what is done after every step, without the steps: done a second time it would find less to do."""
    spent, subjects = 0.0, prepared(case)
    for _ in range(loops):
        subject = subjects.fresh()
        for signal, time in subjects.signals:
            effects = subject.partition.signal(signal, time)
            before = process_time()
            call(subject, effects)
            spent += process_time() - before - CLOCK
    return spent


def look_ahead(subject: Subject, _: Effects) -> None:
    """When time alone moves the account next."""
    next_transition(subject.place, subject.state.clock)


def encode_state(subject: Subject, _: Effects) -> None:
    """What is written of the account, were the signal alone in its batch: the header, and chunks that were sealed."""
    subject.writing.write(subject.state, {})


def encode_changes(_: Subject, effects: Effects) -> None:
    """The record of a tier change."""
    for change in effects.changes:
        encode_change(change, source="tierline", importing=False, detected_at=change.effective_at)


def load(loops: int, case: Case) -> float:
    """Seconds to read an account back from its stored form."""
    subjects = prepared(case)
    before = process_time()
    for _ in range(loops):
        subjects.fresh()
    return process_time() - before


AFTER: dict[str, tuple[Callable[[Subject, Effects], object], Case]] = {
    **{f"crossing, {name}": (look_ahead, CASES[name]) for name in (FEW, MANY, "tier change, explained")},
    **{f"encode state, {name}": (encode_state, CASES[name]) for name in (FEW, MANY, "fact that moves no tier")},
    "encode tier change": (encode_changes, CASES["tier change, explained"]),
}
"""What is done after a step: name → what, after which."""
LOADS = {"load state of 64 signals": Case(63, "read"), "load state of 4,096 signals": Case(10_000, "read")}
"""States that are read back; with the signal that told its facts."""


def run(runner: pyperf.Runner) -> list[pyperf.Benchmark]:
    """Measure everything. In a process of pyperf's that is one benchmark, reported to the process that started it."""

    def measure(name: str, time: Callable[..., float], *given: object, batch: int = BATCH) -> pyperf.Benchmark | None:
        def uncollected(loops: int) -> float:
            gc.collect()
            gc.disable()
            try:
                return time(loops, *given)
            finally:
                gc.enable()

        return runner.bench_time_func(name, uncollected, inner_loops=batch)

    done = [measure(f"loads, {kind}", read, orjson.loads, case) for kind, case in BYTES.items()]
    done += [measure(f"decode, {kind}", read, decode, case) for kind, case in BYTES.items()]
    done += [measure(f"step, {name}", step, case) for name, case in CASES.items()]
    done += [measure(name, after, call, case) for name, (call, case) in AFTER.items()]
    done += [measure(name, load, case, batch=1) for name, case in LOADS.items()]
    return [bench for bench in done if bench is not None]


def report(found: Means) -> str:
    """The tables, in Markdown."""
    steps = []
    for name, case in CASES.items():
        parts = [found[f"loads, {case.kind}"], found[f"decode, {case.kind}"], found[f"step, {name}"]]
        unit, decoded, stepped = (mean for mean, _ in parts)
        times = [f"{part / unit:.1f}" for part in (decoded, stepped, decoded + stepped)]
        steps.append([name, *map(_told, parts), *times, _met(times[-1], BAR)])
    others = [
        [name, _told(found[name]), f"{found[name][0] / found[f'loads, {case.kind}'][0]:,.1f}"]
        for name, case in {**{name: case for name, (_, case) in AFTER.items()}, **LOADS}.items()
    ]
    many, few = (found["decode, read"][0] + found[f"step, {name}"][0] for name in (MANY, FEW))
    heads = ["", "loads (µs)", "decode (µs)", "step (µs)", "decode ×", "step ×", "both ×", f"the bar: {BAR}"]
    flat = f"{many / few:.2f}"
    lines = [
        f"{_hot_path()} Python {platform.python_version()}. Processor time, mean ± standard deviation; ×: of `loads`.",
        "",
        *_table(heads, steps),
        "",
        f"10,000 signals in the past against 10: {flat} times (the bar: {FLAT}): {_met(flat, FLAT)}.",
        "",
        *_table(["", "µs", "×"], others),
        "",
        _size(),
    ]
    return "\n".join(lines)


def _hot_path() -> str:
    if not is_compiled():
        return "The hot path is interpreted (`make compiled`)."
    old = behind()
    return f"The hot path is compiled, BUT NOT OF WHAT {', '.join(old)} SAYS." if old else "The hot path is compiled."


def _size() -> str:
    stored = prepared(Case(4, "read"))
    return f"The state of five signals and their facts has {len(stored.header):,} bytes."


def _met(times: str, bar: float) -> str:
    return "met" if float(times) <= bar else "not met"


def _told(figure: tuple[float, float | None]) -> str:
    mean, deviation = figure
    digits = 2 if mean < 100 else 0
    return f"{mean:,.{digits}f}" + ("" if deviation is None else f" ± {deviation:,.{digits}f}")


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Aligned, to be read in a terminal, too."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    told = ((line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])) for line in (heads, rule, *rows))
    return [f"| {' | '.join(line)} |" for line in told]


def _means(benches: Iterable[pyperf.Benchmark]) -> Means:
    return {one.get_name(): (one.mean() * 1e6, one.stdev() * 1e6 if one.get_nvalue() > 1 else None) for one in benches}


def main() -> None:
    """Measure and print."""
    hot = {"hot_path": "compiled" if is_compiled() else "interpreted", "timer": "process_time()"}
    runner = pyperf.Runner(processes=6, min_time=0.01, metadata=hot, program_args=("-m", "ops.bench.micro"))
    runner.argparser.usage = "%(prog)s [--write] [--json FILE] [options of pyperf]"
    runner.argparser.add_argument("--write", action="store_true", help="put the table into ops/bench/README.md")
    runner.argparser.add_argument("--json", dest="output", metavar="FILE", help="the same as --output")
    asked = runner.parse_args()
    with redirect_stdout(sys.stderr):
        benches = run(runner)
    if asked.worker or asked.compare_to:
        return
    text = report(_means(benches))
    print(text)
    if asked.write:
        head, _, rest = README.read_text("utf-8").partition(BEGIN)
        README.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
