"""What becomes of one signal, from its bytes to the bytes of its state, in multiples of reading its JSON.

    python ops/bench/multiples.py [--json] [--rounds 15]

``orjson.loads`` of the same bytes is the measure: nobody can do without, and it is as slow as the machine is.
Processor time, the best of several rounds; all columns of a line are measured in turn within each round.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time_ns
from typing import Any

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ops.bench.step import ACCOUNT, FACTS, MINUTE_MS, PROFILE, START_MS
from schemas.envelope import TYPE_PREFIX
from schemas.times import format_time
from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.values import Effects
from stream.wire import Incoming, decode, encode_change

BATCH = 200
CLOCK = min(-process_time_ns() + process_time_ns() for _ in range(10_000))
"""Nanoseconds that it takes to look at the clock: a step is little more."""
READ = ("content_consumption", {"topic": "crm", "kind": "page_view", "url": "https://example.com/blog/crm-migration"})

Telling = tuple[str, dict[str, Any]]
Kind = Callable[[int], Telling]


def fact(number: int) -> Telling:
    """A fact that changes and moves no tier."""
    return "account_update", {"facts": {"employees": 1_000 + number % 7}}


def swing(number: int) -> Telling:
    """A fact that moves the account out of its tier, or back: a change, explained, every time."""
    return "account_update", {"facts": {"employees": 1_200 if number % 2 else 3}}


class Desk:
    """One account that was told so many signals, and the bytes of those that come next."""

    def __init__(self, past: int, kind: Kind, *, again: bool = False) -> None:
        self.partition = Partition(Engine(), Memory())
        self.partition.activate(compile_profile(PROFILE), START_MS)
        self.count = 0
        facts = {name.removeprefix("custom."): value for name, value in FACTS.items() if name != "custom.plan"}
        self.step(decode(self.event("account_update", {"facts": facts})))
        for _ in range(past):
            self.step(decode(self.event(*READ)))
        self.events = [self.event(*kind(number)) for number in range(BATCH)]
        if again:
            for event in self.events:
                self.step(decode(event))

    def event(self, type_: str, data: dict[str, Any]) -> bytes:
        """The next signal, ten minutes after the last."""
        self.count += 1
        return orjson.dumps(
            {
                "specversion": "1.0",
                "id": f"s-{self.count:06d}",
                "source": "crm",
                "type": TYPE_PREFIX + type_,
                "subject": ACCOUNT,
                "time": format_time(START_MS + self.count * 10 * MINUTE_MS),
                "data": data,
            }
        )

    def step(self, incoming: object) -> Effects:
        """Apply one decoded signal."""
        assert isinstance(incoming, Incoming), incoming
        return self.partition.signal(incoming.signal, incoming.signal.time)

    def encode(self, effects: Effects) -> None:
        """What is written because of it, were it alone in its batch: the account's header, chunks, and changes."""
        for change in effects.changes:
            encode_change(change, source="tierline", importing=False, detected_at=change.effective_at)
        state = self.partition.accounts.get(ACCOUNT)
        if state is not None and effects.outcome != "duplicate":
            header, chunks = state.to_stored()
            orjson.dumps(header)
            for rows in chunks.values():
                orjson.dumps(rows)


CASES: dict[str, Callable[[], Desk]] = {
    "counted, 10 in the past": lambda: Desk(10, lambda _: READ),
    "counted, 10,000 in the past": lambda: Desk(10_000, lambda _: READ),
    "duplicate": lambda: Desk(10, lambda _: READ, again=True),
    "a fact that moves no tier": lambda: Desk(10, fact),
    "a tier change, explained": lambda: Desk(1, swing),
}


def measure(make: Callable[[], Desk], rounds: int) -> dict[str, float]:
    """Microseconds of one signal: ``loads``, ``decode``, ``step``, ``encode``."""
    found: dict[str, float] = {}

    def timed(name: str, read: Callable[[bytes], Any], events: list[bytes]) -> list[Any]:
        before = process_time_ns()
        done = [read(event) for event in events]
        spent = (process_time_ns() - before) / BATCH / 1_000
        found[name] = min(found.get(name, spent), spent)
        return done

    for _ in range(rounds):
        desk = make()
        gc.collect()
        gc.disable()  # whose turn it is to pay for all is chance
        timed("loads", orjson.loads, desk.events)
        incoming = timed("decode", decode, desk.events)
        # a step and what is written of it in turn: to write is to keep rows for the next
        steps, writes = 0, 0
        for each in incoming:
            before = process_time_ns()
            effects = desk.step(each)
            between = process_time_ns()
            desk.encode(effects)
            steps, writes = steps + between - before - CLOCK, writes + process_time_ns() - between - CLOCK
        for name, spent in (("step", steps), ("encode", writes)):
            found[name] = min(found.get(name, float("inf")), spent / BATCH / 1_000)
        gc.enable()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object, in microseconds, instead of a table")
    parser.add_argument("--rounds", type=int, default=15, help="rounds of which the best is told (default: 15)")
    asked = parser.parse_args()
    figures = {name: measure(make, asked.rounds) for name, make in CASES.items()}
    if asked.json:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    out = sys.stdout.write
    out(f"{'in multiples of orjson.loads':<30}{'loads':>9}{'decode':>9}{'step':>9}{'both':>9}{'encode':>9}\n")
    for name, spent in figures.items():
        unit = spent["loads"]
        columns = (spent["decode"], spent["step"], spent["decode"] + spent["step"], spent["encode"])
        out(f"{name:<30}{unit:>6.2f} us" + "".join(f"{column / unit:>9.1f}" for column in columns) + "\n")
    few, many = (figures[f"counted, {past} in the past"] for past in ("10", "10,000"))
    flat = (many["decode"] + many["step"]) / (few["decode"] + few["step"])
    out(f"10,000 signals in the past against 10: {flat:.2f} times\n")


if __name__ == "__main__":
    main()
