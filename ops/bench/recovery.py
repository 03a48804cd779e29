"""How long a worker takes to read its accounts back from Kafka, and the memory it needs.

    python ops/bench/recovery.py 100000 1000000 [--rows] [--data DIR]

For each number of accounts: a broker of its own, the topics with twelve partitions, a changelog filled with states that
the real engine made (five signals and 300 bytes of facts each; some hundred accounts, then under other names), and
`tierline run` until /readyz says yes. With --rows it keeps them on a disk: the first start reads all, the next no more
than what is new.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ops.bench.typical import FACTS, PROFILE
from ops.kafka.cluster import Cluster
from schemas.times import format_time
from stream.agents.shard import Shard
from stream.agents.start import bring_into_force
from stream.agents.table import is_account
from stream.metrics import Metrics
from stream.profiles import load_profiles
from stream.settings import Settings, load_settings
from stream.topology import connect_kafka
from stream.transports.kafka_admin import create_topics
from stream.transports.records import Record, partition_for
from stream.transports.rows import MemoryRows

PARTITIONS = 12
MODELS = 300
"""Accounts that the engine makes for each partition; the others are these under other names."""
DAY = 86_400_000


def _told(dice: random.Random) -> list[tuple[str, dict[str, Any]]]:
    """What an account has told, one a day: of the same kinds as the others, in words of its own."""

    def word() -> str:
        return "".join(dice.choices(string.ascii_lowercase, k=dice.randrange(4, 12)))

    facts = {
        **FACTS,
        "name": f"{word()} {word()} incorporated",
        "sub_industry": f"{word()} {word()}",
        "employees": dice.randrange(50, 5_000),
        "annual_revenue_usd": dice.randrange(10**6, 10**9),
        "country": "".join(dice.choices(string.ascii_uppercase, k=2)),
        "technologies": ["salesforce", *(word() for _ in range(3))],
        "owner": f"{word()}.{word()}@example.com",
    }
    return [
        ("account_update", {"facts": facts}),
        ("executive_hire", {"title": "Chief Revenue Officer", "person": f"{word()} {word()}"}),
        ("funding_round", {"series": "b", "amount_usd": dice.randrange(10**6, 10**8)}),
        ("content_consumption", {"topic": "crm"}),
        ("intent_surge", {"topic": "crm", "score": dice.randrange(60, 99)}),
    ]


def main() -> None:
    """Measure, and print a line for each start."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("accounts", type=int, nargs="+")
    parser.add_argument("--rows", action="store_true", help="keep the accounts on a disk (RocksDB)")
    parser.add_argument("--data", type=Path, help="where broker and rows are for so long; some 2 GB a million accounts")
    told = parser.parse_args()
    for accounts in told.accounts:
        with tempfile.TemporaryDirectory(prefix="tierline-recovery-", dir=told.data) as folder:
            _measure(accounts, Path(folder), rows=told.rows)


def _measure(accounts: int, folder: Path, *, rows: bool) -> None:
    profiles = folder / "profiles"
    profiles.mkdir()
    (profiles / "typical.yaml").write_text(json.dumps(PROFILE))  # JSON is YAML, too
    with Cluster(folder / "kafka") as cluster:
        given: dict[str, Any] = {"partitions": PARTITIONS, "profiles": profiles, "web_port": _free_port()}
        if rows:
            given["rows"] = folder / "rows"
        settings = load_settings(cluster.environment(), **given)
        with connect_kafka(settings) as log:
            create_topics(log, settings)
        began = time.monotonic()
        size = asyncio.run(_fill(settings, accounts, cluster.bootstrap))
        filled = time.monotonic() - began
        print(f"{accounts} accounts, {size / accounts:.0f} bytes each; written in {filled:.0f} s", flush=True)
        for what in ("first start", "next start, after a clean stop") if rows else ("start",):
            seconds, computing, memory = _start(settings, cluster)
            print(
                f"  {what}: ready after {seconds:.1f} s ({computing:.1f} s of them computing), at most"
                f" {memory / 2**20:.0f} MiB",
                flush=True,
            )


async def _fill(settings: Settings, accounts: int, servers: str) -> int:
    """Write the changelog; the bytes of all keys and values."""
    shards = {}
    for number, records in enumerate(_activated(settings)):
        shards[number] = _model(settings, number, records, records[-1].offset + 1)
    topic = settings.topic("account-state")
    producer = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, max_batch_size=900_000)
    await producer.start()
    size = 0
    try:
        batches = {number: producer.create_batch() for number in shards}
        for partition, key, value in _rows(shards, accounts):
            batch = batches[partition]
            if batch.append(key=key, value=value, timestamp=None) is None:
                await producer.send_batch(batch, topic, partition=partition)
                batches[partition] = batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
            size += len(key) + len(value)
        for partition, batch in batches.items():
            await producer.send_batch(batch, topic, partition=partition)
        await producer.flush()
    finally:
        await producer.stop()
    return size


def _activated(settings: Settings) -> Iterator[list[Record]]:
    """What each partition of signals has to begin with: the profile."""
    bring_into_force(settings, load_profiles(settings.profiles), time.time_ns() // 1_000_000)
    with connect_kafka(settings) as log:
        for number in range(PARTITIONS):
            yield log.read(settings.topic("signals"), number, 0, 100)


def _model(settings: Settings, number: int, records: list[Record], offset: int) -> MemoryRows:
    """The rows of a partition after some hundred accounts have told everything."""
    with connect_kafka(settings) as log:
        incarnation = log.incarnation(settings.topic("signals"))
    rows = MemoryRows()
    shard = Shard(number, rows, settings, Metrics(), incarnation=incarnation)
    now = records[-1].timestamp_ms
    names = (name for at in range(10**9) if _place(name := f"model-{at}.com") == number)
    signals = []
    dice = random.Random(number)  # noqa: S311  (figures of a load, no secret)
    for name in [next(names) for _ in range(MODELS)]:
        told = _told(dice)
        for at, (type_, data) in enumerate(told):
            event = {
                "specversion": "1.0", "id": f"{name}/{at}", "source": "bench", "type": f"tierline.signal.{type_}",
                "subject": name, "time": format_time(now - (len(told) - at) * DAY), "data": data,
            }  # fmt: skip
            # All at one offset: the log does not have them, and what comes next is to be taken for new.
            key, value = name.encode(), orjson.dumps(event)
            signals.append(Record(settings.topic("signals"), number, offset - 1, now, key, value, ()))
    work = shard.process([*records, *signals], now)
    assert not work.refused
    shard.committed(work, now)
    while (more := shard.rescore(10_000, now)) is not None:
        shard.committed(more, now)
    return rows


def _rows(shards: dict[int, MemoryRows], accounts: int) -> Iterator[tuple[int, bytes, bytes]]:
    models: dict[int, list[tuple[bytes, bytes]]] = {}
    for number, rows in shards.items():
        models[number] = [(key, value) for key, value in rows.items() if is_account(key)]
        yield from ((number, key, value) for key, value in rows.items() if not is_account(key))
    for at in range(accounts):
        key = b"account-%d.com" % at
        partition = _place(key)
        model, value = models[partition][at % MODELS]
        yield partition, key, value.replace(b'"%b"' % model, b'"%b"' % key)


def _place(name: str | bytes) -> int:
    return partition_for(name.encode() if isinstance(name, str) else name, PARTITIONS)


def _start(settings: Settings, cluster: Cluster) -> tuple[float, float, int]:
    """Seconds until a worker is ready, those it computed, and the most memory it had (bytes). It is stopped again."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
    said = settings.model_dump(exclude_defaults=True)
    environment = clean | {f"TIERLINE_{name.upper()}": str(value) for name, value in said.items()}
    environment |= cluster.environment()
    began = time.monotonic()
    run = [sys.executable, "-c", "from stream.cli.main import main; main()", "run"]
    with subprocess.Popen(run, env=environment) as worker:  # noqa: S603  our own arguments
        while not _ready(settings):
            if worker.poll() is not None:
                sys.exit("the worker has ended by itself")
            time.sleep(0.1)
        took = time.monotonic() - began
        used = Path(f"/proc/{worker.pid}/stat").read_text().rpartition(")")[2].split()
        computing = (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
        status = Path(f"/proc/{worker.pid}/status").read_text()
        [peak] = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")]
        worker.send_signal(signal.SIGTERM)
    return took, computing, int(peak) * 1024


def _ready(settings: Settings) -> bool:
    address = f"http://{settings.web_host}:{settings.web_port}/readyz"
    try:
        with urllib.request.urlopen(address, timeout=30) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    main()
