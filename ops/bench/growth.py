"""What a signal costs as accounts and their pasts grow: the worker's own code in this process, by process time.

    python -m ops.bench.growth [--accounts 10000 1000000] [--past 10 10000]

Only Kafka is left out: decoding, step, publishing of scores, encoding of changed states and rows are all in.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, count, islice

from stream.agents.refusals import RefusalWatch
from stream.agents.shard import Shard
from stream.bench.load import SKEW, event
from stream.demo.feed import example_profiles
from stream.metrics import Metrics
from stream.profiles import load_profile
from stream.settings import Settings
from stream.transports.records import Record, partition_for
from stream.transports.rows import MemoryRows
from stream.wire import encode_mark
from stream.worker import calm_the_collector

PARTITIONS = 12
BATCH = 1_000
START = 1_767_225_600_000
SECOND = 1_000
ALIKE = 240
"""Accounts with the same past."""
MEASURED = 24_000
"""Signals that are timed."""
FACTS = {
    "name": "Acme Incorporated",
    "industry": "manufacturing",
    "employees": 240,
    "annual_revenue_usd": 310_000_000,
    "country": "US",
    "technologies": ["salesforce", "snowflake"],
}


class Shards:
    """Some partitions of a worker, without Kafka."""

    def __init__(self, numbers: Iterable[int] = range(PARTITIONS), rows: MemoryRows | None = None) -> None:
        self._settings, self._metrics = Settings(partitions=PARTITIONS), Metrics()
        self._watch = RefusalWatch(self._metrics)
        self.rows = {number: rows or MemoryRows() for number in numbers}
        self._shards = {number: self._shard(number) for number in numbers}
        self._offset = 0
        self._now = START
        if rows is None:
            folder = example_profiles("demo").parent
            for profile in (load_profile(folder / "points.yaml"), load_profile(folder / "matrix.yaml")):
                mark = encode_mark("profile_activated", {"profile": profile.document}, source="b", time=START, id_="p")
                for number in numbers:
                    self._process(number, [self._record(number, None, mark)])

    def taken_up(self, number: int, rows: MemoryRows) -> Shards:
        """One of the partitions as another worker would go on with it from these rows."""
        found = Shards([number], rows)
        found._offset, found._now = self._offset, self._now
        return found

    def tell(self, names: Iterable[str], kind: str, data: dict[str, object]) -> float:
        """A signal for each of these accounts, in batches by partition; the process seconds that the worker took."""
        records: dict[int, list[Record]] = {}
        for name in names:
            self._now += SECOND // 100
            partition = partition_for(name.encode(), PARTITIONS)
            value = event(f"s-{self._offset}", kind, name, self._now - 60 * SECOND, data)
            records.setdefault(partition, []).append(self._record(partition, name.encode(), value))
        began = time.process_time()
        for partition, found in records.items():
            for at in range(0, len(found), BATCH):
                self._process(partition, found[at : at + BATCH])
        return time.process_time() - began

    def _shard(self, number: int) -> Shard:
        return Shard(number, self.rows[number], self._settings, self._metrics, self._watch, "bench")

    def _record(self, partition: int, key: bytes | None, value: bytes) -> Record:
        self._offset += 1
        return Record("signals", partition, self._offset, self._now, key, value)

    def _process(self, partition: int, records: Sequence[Record]) -> None:
        shard = self._shards[partition]
        work = shard.process(records, self._now)
        shard.committed(work, self._now, records[-1].offset)


READ = ("content_consumption", {"topic": "crm", "kind": "page_view", "url": "https://example.com/p/1"})


def by_accounts(accounts: int, told: Callable[[str], None], measured: int) -> dict[str, float]:
    """Microseconds of a signal with so many accounts: heard of as often as in the load, and all alike."""
    shards, dice = Shards(), random.Random(1)  # noqa: S311  (a load, no secret)
    for at in range(0, accounts, 50_000):
        names = map(_name, range(at, min(at + 50_000, accounts)))
        shards.tell(names, "account_update", {"facts": FACTS})
        told(f"{min(at + 50_000, accounts):,} of {accounts:,} accounts")
    weights = list(accumulate(1 / (rank + SKEW) for rank in range(1, accounts + 1)))
    skewed = [_name(number) for number in dice.choices(range(accounts), cum_weights=weights, k=2 * measured)]
    shards.tell(skewed[:measured], *READ)  # those that are heard of often are at hand, as they are in a running worker
    found = {f"{accounts:,} accounts, skewed as in the load": shards.tell(skewed[measured:], *READ)}
    alike = [_name(dice.randrange(accounts)) for _ in range(measured)]
    found[f"{accounts:,} accounts, all alike"] = shards.tell(alike, *READ)
    return {name: seconds / measured * 1e6 for name, seconds in found.items()}


def by_past(past: int, told: Callable[[str], None], measured: int) -> dict[str, float]:
    """Microseconds of a signal of accounts that have so many signals in their past."""
    names = list(islice((n for n in map(_name, count()) if partition_for(n.encode(), PARTITIONS) == 0), ALIKE))
    first = Shards([0])
    first.tell(names[:1], "account_update", {"facts": FACTS})
    for done in range(1, past, 500):
        first.tell(names[:1] * min(500, past - done), *READ)
    told(f"{past:,} signals in the past of one account, and of {ALIKE - 1} that are made like it")
    rows, copies = MemoryRows(), dict[bytes, bytes | None]()
    for key, value in first.rows[0].items():
        for name in names if key.startswith(names[0].encode()) else names[:1]:
            told_name = names[0].encode(), name.encode()
            copies[key.replace(*told_name)] = value.replace(*told_name)
    rows.write(copies, 1)
    shards = first.taken_up(0, rows)
    shards.tell(names, *READ)  # read back from their rows
    rounds = max(1, measured // 5 // ALIKE)
    taken = sum(shards.tell(names, *READ) for _ in range(rounds))
    return {f"{past:,} signals in the account's past": taken / rounds / ALIKE * 1e6}


def _name(number: int) -> str:
    return f"acct{number:07d}.com"


def measure(
    accounts: Sequence[int], pasts: Sequence[int], told: Callable[[str], None], measured: int = MEASURED
) -> dict[str, float]:
    """Every figure by name, microseconds."""
    calm_the_collector()  # as a worker does
    found: dict[str, float] = {}
    for number in accounts:
        found |= by_accounts(number, told, measured)
    for past in pasts:
        found |= by_past(past, told, measured)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--accounts", type=int, nargs="*", default=[10_000, 1_000_000])
    parser.add_argument("--past", type=int, nargs="*", default=[10, 10_000])
    parser.add_argument("--measured", type=int, default=MEASURED, help="signals that are timed (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of lines")
    asked = parser.parse_args()
    figures = measure(asked.accounts, asked.past, lambda line: print(line, file=sys.stderr), asked.measured)
    if asked.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:<45} {value:8.1f} µs")


if __name__ == "__main__":
    main()
