"""One run of one participant: topics of its own, a warm-up, the load poured in at once, and the results checked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ops.bench.participants import ROOT, Participant
from ops.bench.peers.job import Job
from ops.kafka.cluster import Cluster
from schemas.topics import SIGNALS, TOPICS
from stream.agents.activation import activation
from stream.bench.load import END, Entry, last_records
from stream.bench.outputs import TooSlow, Watch, records_of, values_of, wait_until_committed
from stream.bench.place import new_prefix, own_topics
from stream.bench.pour import pour
from stream.bench.reference import Changes, Verdict, compared, expected
from stream.bench.usage import cpu_seconds
from stream.bench.workers import Ended, Process, environment_of, running
from stream.profiles import LoadedProfile
from stream.settings import Settings
from stream.topology import group_of, open_log
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append, Record

WARM = "warm"
REAL = "real"
START_SECONDS = 90
COMMIT_SECONDS = 30
"""The slowest commit interval is five seconds."""


@dataclass(slots=True)
class Run:
    """What was measured."""

    name: str
    signals: int
    seconds: float = 0.0
    """From the first append to the last result."""
    poured: float = 0.0
    """Of which the load was still being appended."""
    cpu: float = 0.0
    """Processor seconds of the workers together."""
    broker_cpu: float = 0.0
    peak: int = 0
    """Bytes of memory, of the largest worker."""
    right: bool = False
    told: str = ""
    """The verdict on the results, or why there are none."""

    @property
    def rate(self) -> float:
        """Signals a second."""
        return self.signals / self.seconds if self.seconds else 0.0

    def document(self) -> dict[str, Any]:
        """For ``--json``."""
        per_million = 1e6 / self.signals if self.signals else 0.0
        more = {"rate": self.rate, "cpu_per_million": self.cpu * per_million}
        return {**asdict(self), **more, "broker_cpu_per_million": self.broker_cpu * per_million}


@dataclass(slots=True)
class Bench:
    """What all runs share."""

    cluster: Cluster
    folder: Path
    profiles: Path
    loaded: Sequence[LoadedProfile]
    partitions: int
    base: int
    """Record time of the first record of the load, ahead of every clock: so no tick comes in between, and every run
    has the same record times."""
    warm: Sequence[Entry]
    load: Sequence[Entry]
    patience: float
    """Seconds that a run may take."""
    live: tuple[Sequence[Entry], Sequence[Entry]]
    """Warm-up and load of signals in the past, for where intake appends them at the time it is."""
    wanted: dict[int, Changes]
    """What has to come out of so many records of the load: filled when first asked for."""

    def run(self, one: Participant, signals: int) -> Run:
        """Measure one participant."""
        found = Run(one.name, signals)
        where = self.folder / one.name
        shutil.rmtree(where, ignore_errors=True)
        where.mkdir(parents=True)
        try:
            if one.way == "file":
                _on_file(self, one, where, found)
            else:
                _on_kafka(self, one, where, found)
        except (Ended, TooSlow) as error:
            found.told = f"no result: {error}"
        return found

    @property
    def documents(self) -> list[dict[str, Any]]:
        """The profiles."""
        return [profile.document for profile in self.loaded]

    def reference(self, signals: int) -> Changes:
        """The tier changes of warm-up and load, by the engine alone."""
        if signals not in self.wanted:
            parts: dict[int, list[Record]] = {}
            for entry in (*self.warm, *self.load[:signals]):
                place = parts.setdefault(entry.partition, [])
                at = entry.timestamp_ms
                place.append(Record("", entry.partition, len(place), at, entry.key, entry.value))
            self.wanted[signals] = expected(parts.values(), "tierline", self.documents, self.base - HOUR)
        return self.wanted[signals]


HOUR = 3_600_000


def _on_kafka(bench: Bench, one: Participant, where: Path, found: Run) -> None:
    settings = Settings(
        broker=bench.cluster.url,
        topic_prefix=new_prefix(),
        partitions=bench.partitions,
        profiles=bench.profiles,
        web_port=0,
    )
    connection = {"bootstrap_servers": bench.cluster.bootstrap}
    exact = one.way == "signals"
    first = (lambda log: _keeps_times(log, settings)) if exact else None
    with own_topics(settings, first) as log, _swept(log, settings):
        if one.ours and exact:
            marks, _ = activation(bench.loaded, {}, settings, bench.base - HOUR)
            log.append([mark._replace(timestamp_ms=bench.base - HOUR) for mark in marks])
        group = group_of(settings) if one.ours else f"{settings.topic_prefix}{one.name}"
        command, environment = _started(bench, one, settings, group, where)
        watch = Watch(log, settings.topic("rejected"))
        with running(command, environment, where, one.workers) as workers:
            alive = _alive(workers)
            for worker in workers if one.ours else ():
                worker.wait_until_running()
            if one.workers > 1:
                for worker in workers:
                    worker.wait_for_partitions(bench.partitions // one.workers)
            entries = (bench.warm, bench.load) if exact else bench.live
            warm, places = _appends(bench, one, settings, entries[0], WARM)
            pour(connection, warm)
            watch.wait(WARM, places, START_SECONDS, alive)
            time.sleep(1)  # whatever is left over from the start
            load, places = _appends(bench, one, settings, entries[1][: found.signals], REAL)
            before = [worker.cpu for worker in workers], _broker_cpu(bench)
            poured = pour(connection, load)
            ended = watch.wait(REAL, places, bench.patience, alive)
            _take(found, workers, before, bench, ended - poured.began)
            found.poured = poured.ended - poured.began
            ends = {place: log.end(*place) for place in {(append.topic, append.partition) for append in load}}
            wait_until_committed(log, group, ends, COMMIT_SECONDS, alive)
        if exact:
            wanted = bench.reference(found.signals)
        else:
            wanted = expected(records_of(log, settings.topic(SIGNALS)), "tierline")
        _judge(found, compared(wanted, values_of(log, settings.topic("tier-changes"))))


def _on_file(bench: Bench, one: Participant, where: Path, found: Run) -> None:
    file = where / "tierline.db"
    settings = Settings(
        broker=f"sqlite:///{file}", partitions=bench.partitions, profiles=bench.profiles, web_port=0
    )
    with open_log(settings) as log:
        marks, _ = activation(bench.loaded, {}, settings, bench.base - HOUR)
        log.append([mark._replace(timestamp_ms=bench.base - HOUR) for mark in marks])
        warm, places = _appends(bench, one, settings, bench.warm, WARM)
        load, _ = _appends(bench, one, settings, bench.load[: found.signals], REAL)
        watch = Watch(log, settings.topic("rejected"))
        with running(one.command, environment_of(settings), where) as workers:
            alive = _alive(workers)
            log.append(warm)
            watch.wait(WARM, places, START_SECONDS, alive)
            time.sleep(1)
            before = [worker.cpu for worker in workers], _broker_cpu(bench)
            began = time.time()
            for at in range(0, len(load), 10_000):  # one writer at a time: the worker and we take turns
                log.append(load[at : at + 10_000])
            found.poured = time.time() - began
            ended = watch.wait(REAL, places, bench.patience, alive)
            _take(found, workers, before, bench, ended - began)
            ends = {place: log.end(*place) for place in {(append.topic, append.partition) for append in load}}
            wait_until_committed(log, group_of(settings), ends, COMMIT_SECONDS, alive)
        _judge(found, compared(bench.reference(found.signals), values_of(log, settings.topic("tier-changes"))))


def _started(
    bench: Bench, one: Participant, settings: Settings, group: str, where: Path
) -> tuple[list[str], dict[str, str]]:
    environment = environment_of(settings)
    environment["PYTHONPATH"] = str(ROOT)
    if one.ours:
        return list(one.command), environment
    options = dict(one.options)
    if options.pop("keep", False):
        options["keep"] = settings.topic("account-state")
    topics = [settings.topic(name) for name in ("signals", "tier-changes", "rejected")]
    kept = where / "state"
    kept.mkdir()
    servers = bench.cluster.bootstrap
    job = Job(servers, group, *topics, bench.partitions, str(kept), bench.documents, options)
    path = where / "job.json"
    job.write(path)
    environment = {name: value for name, value in environment.items() if not name.startswith("TIERLINE_")}
    return [*one.command, str(path)], environment


def _appends(
    bench: Bench, one: Participant, settings: Settings, entries: Sequence[Entry], name: str
) -> tuple[list[Append], int]:
    """A part of the load with its last records, and how many of those there are."""
    exact = one.way != "families"
    last_time = entries[-1].timestamp_ms + 1
    ends = last_records(name, bench.partitions, last_time)
    signals = settings.topic(SIGNALS)
    if exact:
        return [
            Append(signals, entry.partition, entry.key, entry.value, timestamp_ms=entry.timestamp_ms)
            for entry in (*entries, *ends)
        ], len(ends)
    found = [Append(*_place(settings, entry, entry.topic), entry.key, entry.value) for entry in entries]
    count = 0
    for topic in sorted({entry.topic for entry in entries}):
        for entry in ends:
            place = _place(settings, entry, topic)
            begins = f'"id":"{END}{name}/'.encode()
            value = entry.value.replace(begins, b"%b%d-" % (begins, count), 1)
            found.append(Append(*place, entry.key, value))
            count += 1
    return found, count


def _place(settings: Settings, entry: Entry, topic: str) -> tuple[str, int]:
    return settings.topic(topic), 0 if TOPICS[topic].partitions == "one" else entry.partition


def _take(
    found: Run, workers: Sequence[Process], before: tuple[list[float], float], bench: Bench, seconds: float
) -> None:
    found.seconds = seconds
    found.cpu = sum(worker.cpu - was for worker, was in zip(workers, before[0], strict=True))
    found.broker_cpu = _broker_cpu(bench) - before[1]
    found.peak = max(worker.peak for worker in workers)


def _judge(found: Run, verdict: Verdict) -> None:
    found.right, found.told = verdict.right, str(verdict)


def _broker_cpu(bench: Bench) -> float:
    return sum(cpu_seconds(broker.pid) or 0.0 for broker in bench.cluster.brokers if broker.pid)


def _alive(workers: Sequence[Process]) -> Callable[[], None]:
    def check() -> None:
        for worker in workers:
            worker.check()

    return check


def _keeps_times(log: KafkaLog, settings: Settings) -> None:
    """Make ``signals`` so that records keep the times that we give them: they are the same in every run."""
    config = TOPICS[SIGNALS].config | {"message.timestamp.type": "CreateTime"}
    wanted = {"num_partitions": settings.partitions, "replication_factor": -1, "configs": config}
    admin = log.clients.admin()
    admin.create_topics({settings.topic(SIGNALS): wanted})
    admin.wait_for_topics([settings.topic(SIGNALS)])


@contextmanager
def _swept(log: KafkaLog, settings: Settings) -> Iterator[None]:
    """The topics that a peer makes for itself go, too."""
    try:
        yield
    finally:
        ours = {settings.topic(name) for name in TOPICS}
        left = [name for name in log.topics() if settings.topic_prefix in name and name not in ours]
        if left:
            log.clients.ask(lambda admin: admin.delete_topics(left))


