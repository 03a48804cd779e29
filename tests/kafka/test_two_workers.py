"""Two workers share the partitions of a market and come to what one comes to, and ``tierline replay`` of the file."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.times import format_time
from stream.demo.feed import example_profiles
from stream.sources.simulated import simulate
from stream.wire import Incoming, decode, read_mark
from tests.kafka.cluster import Cluster
from tests.kafka.fleet import CHAOS, Fleet
from tests.worker.processes import RUN, Installation, records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

COMPANIES, DAYS = (1_500, 120) if CHAOS else (80, 60)
DEMAND = (example_profiles("demo") / "demo.yaml").read_text("utf-8")


@pytest.fixture(params=[1, 2], ids=["one worker", "two workers"])
def workers(
    request: pytest.FixtureRequest, kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path
) -> Iterator[list[Installation]]:
    """Started, of an installation of their own."""
    fleet = Fleet(kafka_cluster, topic_prefix, tmp_path, DEMAND)
    found = [fleet.worker(scores_every="5s") for _ in range(request.param)]
    for worker in found:
        worker.start()
    for worker in found:
        worker.wait_ready(60)
    yield found
    fleet.close()


def test_a_market_is_what_replay_makes_of_it(workers: list[Installation], tmp_path: Path) -> None:
    """However many share it: every change is byte for byte that of a replay of the file, and each worker had a part."""
    first = workers[0]
    market = simulate(COMPANIES, DAYS)
    file = tmp_path / "market.jsonl"
    with file.open("wb") as lines:
        good = [value for _, _, value in market.records if isinstance(decode(value), Incoming)]
        lines.writelines(value + b"\n" for value in good)
    began = time.monotonic()
    sent = first.command("send", "--import", str(file), timeout=600)
    assert sent.returncode == 0, sent.stderr
    first.drain(600)
    took = time.monotonic() - began
    shares = [_scored(worker) for worker in workers]
    for worker in workers:
        assert worker.stop() == 0
    found = _canonical(first.documents("tier-changes"))
    wanted = _canonical(_replayed(first, file))
    assert len(found) > 20
    assert found == wanted
    assert all(shares), "a worker had nothing to do"
    print(f"\n{len(workers)} workers: {len(good)} records, {len(found)} changes in {took:.1f} s, shares {shares}")


def _replayed(worker: Installation, file: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [*RUN, "replay", "--profiles", str(worker.settings.profiles), "--signals", str(file), "--until",
         _closed_at(worker)],
        env=worker.environment, capture_output=True, text=True, timeout=600, check=True,
    )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def _closed_at(worker: Installation) -> str:
    with worker.log() as log:
        marks = [(record, read_mark(record.value)) for record in records(log, worker.settings.topic("signals"))]
    return format_time(max(record.timestamp_ms for record, mark in marks if mark and mark.kind == "import_closed"))


def _canonical(documents: list[dict[str, Any]]) -> list[str]:
    """As text without ``detected_at``, in order of their ids."""
    for one in documents:
        assert one["data"].pop("detected_at")
    return sorted(json.dumps(one) for one in documents)


def _scored(worker: Installation) -> int:
    """How many signals a worker has taken."""
    counted = re.findall(r"^tierline_signals_total\{.*\} (\S+)$", worker.page("/metrics")[1], re.MULTILINE)
    return int(sum(map(float, counted)))
