"""``tierline bench``: what this version does on the user's own Kafka, under a prefix of its own."""

from __future__ import annotations

import logging
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from aiokafka.errors import KafkaError

from stream.bench.latency import measure
from stream.bench.load import Entry, last_records, make_load
from stream.bench.outputs import TooSlow, Watch, records_of, values_of, wait_until_committed
from stream.bench.place import new_prefix, own_topics
from stream.bench.pour import pour
from stream.bench.reference import compared, expected
from stream.bench.workers import RUN, Ended, Process, environment_of, running
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, clean, print_json
from stream.demo.feed import example_profiles
from stream.settings import Settings, load_settings
from stream.topology import group_of
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append

WARM_UP = 6_000
HOUR_MS = 3_600_000
START_SECONDS = 120
COMMIT_SECONDS = 30
PROFILES = ("points.yaml", "matrix.yaml")


@click.command("bench")
@click.option("--signals", type=click.IntRange(1_000), default=100_000, show_default=True, help="How many to score.")
@click.option(
    "--latency",
    type=click.FloatRange(0, 600),
    default=10,
    show_default=True,
    metavar="SECONDS",
    help="How long to measure latency, idle and again at half the rate; 0: not at all.",
)
@click.option(
    "--patience", type=click.FloatRange(1), default=600, show_default=True, metavar="SECONDS", help="To wait at most."
)
@json_option("Print one JSON document.")
@broker_option
@exits("measured, and every result was right", "a result was wrong, or nothing could be measured")
def command(broker: str | None, signals: int, latency: float, patience: float, *, as_json: bool) -> None:
    """Measure a worker on your own Kafka: signals a second, and the time from a signal to its tier change.

    Makes topics of its own (TIERLINE_PARTITIONS, copies as TIERLINE_KAFKA_REPLICATION says) under a prefix that
    nobody has, starts a worker, scores a made-up load under two example profiles, checks every tier change, and deletes
    the topics. Topics of others are not touched; the brokers feel the load, though.
    """
    settings = load_settings(broker=broker, topic_prefix=new_prefix(), web_port=0)
    if settings.embedded:
        raise Problem(f"{settings.broker} is a file. Set TIERLINE_BROKER=kafka://host:9092, or give --broker.")
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # topics just made have no leader at first

    def told(line: str) -> None:
        if not as_json:
            click.echo(line, err=True)

    try:
        with TemporaryDirectory(prefix="tierline-bench-") as name:
            found = _measured(settings, Path(name), signals, latency, patience, told)
    except (TooSlow, Ended) as error:
        raise Problem(f"{error}. Nothing was measured; the topics of the measurement are deleted.") from None
    except KafkaError as error:
        raise Problem(f"{settings.broker}: {type(error).__name__}: {error}") from None
    if as_json:
        print_json(found)
    else:
        _print(found)
    sys.exit(0 if found["right"] else 1)


def _measured(
    settings: Settings, folder: Path, signals: int, latency: float, patience: float, told: Callable[[str], None]
) -> dict[str, Any]:
    profiles = folder / "profiles"
    profiles.mkdir()
    for name in PROFILES:
        shutil.copy(example_profiles("demo").parent / name, profiles)
    settings = settings.model_copy(update={"profiles": profiles, "rows": None, "routes": None, "kafka_instance": None})
    now = time.time_ns() // 1_000_000
    told(f"making {signals:,} signals, and topics {settings.topic_prefix}* with {settings.partitions} partitions")
    warm = make_load(min(WARM_UP, signals), settings.partitions, now - HOUR_MS, seed=2)
    load = make_load(signals, settings.partitions, now - HOUR_MS)
    with own_topics(settings) as log, running(RUN, environment_of(settings), folder) as [worker]:
        found = _throughput(settings, log, worker, warm, load, patience, told)
        rate = found["signals_per_second"]
        for name, beside in (("idle", 0.0), ("half", rate / 2)) if latency else ():
            told(f"latency for {latency:g} s, {f'{beside:,.0f} signals/s beside' if beside else 'idle'}")
            found[f"latency_{name}"] = measure(settings, load, beside, latency, 50 if beside else 20).document()
    return found


def _throughput(
    settings: Settings,
    log: KafkaLog,
    worker: Process,
    warm: list[Entry],
    load: list[Entry],
    patience: float,
    told: Callable[[str], None],
) -> dict[str, Any]:
    connection, topic = Connection.of(settings).aiokafka(), settings.topic("signals")
    watch = Watch(log, settings.topic("rejected"), timestamps=False)  # whose clock the brokers have, who knows
    told("starting a worker")
    worker.wait_until_running()
    pour(connection, _appends(settings, warm, "warm"))
    watch.wait("warm", settings.partitions, START_SECONDS, worker.check)
    told(f"scoring {len(load):,} signals")
    cpu = worker.cpu
    poured = pour(connection, _appends(settings, load, "real"))
    seconds = watch.wait("real", settings.partitions, patience, worker.check) - poured.began
    cpu = worker.cpu - cpu
    ends = {(topic, partition): log.end(topic, partition) for partition in range(settings.partitions)}
    wait_until_committed(log, group_of(settings), ends, COMMIT_SECONDS, worker.check)
    told(f"checking the tier changes, {len(load) / seconds:,.0f} signals/s")
    wanted = expected(records_of(log, topic), settings.source)
    verdict = compared(wanted, values_of(log, settings.topic("tier-changes")))
    return {
        "broker": settings.broker,
        "signals": len(load),
        "seconds": round(seconds, 3),
        "signals_per_second": round(len(load) / seconds),
        "cpu_seconds_per_million": round(cpu / len(load) * 1e6, 1),
        "peak_bytes": worker.peak,
        "tier_changes": verdict.expected,
        "right": verdict.right,
        "results": str(verdict),
    }


def _appends(settings: Settings, entries: list[Entry], name: str) -> list[Append]:
    topic = settings.topic("signals")
    ends = last_records(name, settings.partitions, entries[-1].timestamp_ms)
    return [Append(topic, entry.partition, entry.key, entry.value) for entry in (*entries, *ends)]


def _print(found: dict[str, Any]) -> None:
    click.echo(f"{found['signals_per_second']:,} signals a second, one worker, on {clean(found['broker'])}")
    cpu, peak = found["cpu_seconds_per_million"], found["peak_bytes"] / 1e6
    click.echo(f"  {cpu:,.0f} s of processor time a million signals, {peak:,.0f} MB of memory at most")
    click.echo(f"  {found['results']}")
    for name, words in (("idle", "idle"), ("half", "at half that rate")):
        told = found.get(f"latency_{name}")
        if told is not None:
            lost = f", {told['lost']} did not come in time" if told["lost"] else ""
            figures = f"p50 {told['p50_ms']:g} ms, p99 {told['p99_ms']:g} ms"
            click.echo(f"  from a signal to its tier change, {words}: {figures} ({told['probes']} of them{lost})")
