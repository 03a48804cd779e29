"""The comparison with the peers and `tierline bench`, on a few signals: that they run, and would see a wrong result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from stream.bench.load import END, last_records, make_load
from stream.bench.place import new_prefix, own_topics
from stream.bench.reference import compared, expected
from stream.profiles import load_profile
from stream.settings import load_settings
from stream.transports.errors import LogError
from stream.transports.records import Record, partition_for
from stream.wire import Incoming, decode
from tests.kafka.cluster import Cluster, needed
from tests.kafka.places import kafka_log, make_topic
from tests.worker.processes import RUN

ROOT = Path(__file__).resolve().parents[2]
BASE = 1_790_000_000_000


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_comparison_runs_whoever_is_there_and_checks_them(tmp_path: Path) -> None:
    """`make bench-kafka` on a few hundred signals: every participant's results are right, and each has figures."""
    needed()
    names = ["tierline", "loop", "faust"]
    quix = ROOT / ".bench" / "quix" / "bin" / "python"
    if quix.exists():
        names.append("quix")
    report = tmp_path / "report.json"
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "ops.bench.compare", "--signals", "500", "--rounds", "1", "--latency", "0"),
            *("--growth", "--past", "--no-install", "--patience", "60", "--json", str(report), "--only", *names),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    found = json.loads(report.read_text())
    assert set(names) <= set(found["medians"])
    assert all(run["right"] for runs in found["runs"].values() for run in runs)
    assert all(told["rate"] > 0 and told["peak"] > 0 for told in found["medians"].values())
    assert set(found["ratios"]) == set(names) - {"tierline"}


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_an_installation_is_measured_and_leaves_nothing_behind(kafka_cluster: Cluster, tmp_path: Path) -> None:
    """`tierline bench --json` tells rate and latency, checks every change, and deletes just what it has made."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TIERLINE_")}
    environment |= {**kafka_cluster.environment(), "TIERLINE_PARTITIONS": "2", "PYTHONPATH": str(ROOT)}
    with kafka_log(load_settings(kafka_cluster.environment())) as log:
        if "somebody.elses" not in log.topics():
            make_topic(log, "somebody.elses")
        ran = subprocess.run(
            [*RUN, "bench", "--signals", "1000", "--latency", "1", "--json"],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=170,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        after = log.topics()
    found = json.loads(ran.stdout)
    assert found["right"]
    assert found["tier_changes"] > 0
    assert found["signals_per_second"] > 0
    assert found["latency_idle"]["probes"] > 10
    assert found["latency_idle"]["lost"] == 0
    assert not [name for name in after if name.startswith("tierline-bench-")]
    assert "somebody.elses" in after


def test_a_file_is_not_measured(tmp_path: Path) -> None:
    """On an embedded log `tierline bench` says what it needs."""
    ran = subprocess.run(
        [*RUN, "bench", "--broker", "sqlite:///x.db"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 1
    assert "TIERLINE_BROKER=kafka://" in ran.stderr
    assert not list(tmp_path.iterdir())


def test_topics_of_others_are_not_touched(kafka_cluster: Cluster) -> None:
    """A measurement neither takes a prefix that is not its own kind, nor one under which there is something."""
    settings = load_settings(kafka_cluster.environment(), topic_prefix="production.")
    with pytest.raises(ValueError, match="not the prefix of a measurement"), own_topics(settings):
        raise AssertionError
    settings = load_settings(kafka_cluster.environment(), topic_prefix=new_prefix())
    with kafka_log(settings) as log:
        make_topic(log, settings.topic("signals"))
        with pytest.raises(LogError, match="there already"), own_topics(settings):
            raise AssertionError
        assert settings.topic("signals") in log.topics()
        log.clients.ask(lambda admin: admin.delete_topics([settings.topic("signals")]))


def test_a_load_is_the_same_every_time() -> None:
    """The same seed gives the same bytes, and a shorter load is the beginning of a longer one."""
    long, short = make_load(3_000, 12, BASE), make_load(500, 12, BASE)
    assert long[:500] == short
    assert {entry.partition for entry in long} == set(range(12))
    assert all(entry.partition == partition_for(entry.key, 12) for entry in long)
    values = [entry.value for entry in long]
    assert 20 < len(values) - len(set(values)) < 100
    assert 10 < sum(not isinstance(decode(value), Incoming) for value in values) < 60


def test_the_last_records_have_a_partition_each() -> None:
    """Their refusal tells which partition has been worked through."""
    found = last_records("real", 12, BASE)
    assert [entry.partition for entry in found] == list(range(12))
    assert [orjson.loads(entry.value)["id"] for entry in found] == [f"{END}real/{number}" for number in range(12)]


def test_a_wrong_result_is_no_result() -> None:
    """Changes that are missing, different, made up or told twice are counted, whatever moment they were detected at."""
    profiles = ROOT / "examples" / "profiles"
    documents = [load_profile(profiles / name).document for name in ("points.yaml", "matrix.yaml")]
    load = make_load(1_000, 1, BASE)
    records = [Record("signals", 0, at, e.timestamp_ms, e.key, e.value) for at, e in enumerate(load)]
    wanted = expected([records], "tierline", documents)
    assert len(wanted) > 20
    values = _published(records, documents)
    assert compared(wanted, values).right
    assert not compared({}, []).right, "nothing was compared"
    assert compared(wanted, values[1:]).missing == 1
    assert compared(wanted, [*values, values[0]]).twice == 1
    assert compared(wanted, [values[0].replace(b'"sequence":', b'"sequence":9'), *values[1:]]).different == 1
    assert compared(wanted, [*values, values[0].replace(b'"id":"acct', b'"id":"noct')]).unexpected == 1


def _published(records: list[Record], documents: list[dict[str, object]]) -> list[bytes]:
    sys.path.insert(0, str(ROOT / "ops" / "bench" / "peers"))
    try:
        from scorer import Scorer
    finally:
        sys.path.pop(0)
    scorer, states, found = Scorer(documents), {}, []
    for record in records:
        incoming = scorer.decode(record.value)
        if isinstance(incoming, Incoming):
            scored = scorer.score(states.get(record.key), incoming, record.timestamp_ms)
            states[record.key] = scored.state
            found += scored.changes
    return found
