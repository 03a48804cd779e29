"""`tierline migrate` killed, held up and called again: it goes on where it stopped, and says so where it has ended."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.topics import SIGNALS
from stream.migrating.procedure import migrate
from stream.settings import Settings, load_settings
from stream.topology import group_of, open_log
from stream.transports.errors import LogError
from stream.transports.records import Append
from tests.kafka.cluster import Cluster
from tests.kafka.moving import Nobody, a_file, contents, next_of
from tests.kafka.places import settings_on
from tests.worker.load import PROFILE
from tests.worker.processes import RUN, Installation

DYING = (sys.executable, "-m", "tests.kafka.dying_migration")


@pytest.fixture
def kafka(kafka_cluster: Cluster, topic_prefix: str) -> Settings:
    """Where there is nothing yet."""
    return settings_on(kafka_cluster, topic_prefix)


class Dies(Nobody):
    """Ends it once all is copied."""

    def begin(self, what: str, _: int) -> None:
        if what == "verifying":
            raise KeyboardInterrupt


def between(way: str, kafka: Settings, folder: Path, count: int) -> tuple[Settings, Settings]:
    """A source with so many records in each topic, and a target with nothing."""
    source, there = a_file(folder, count), load_settings({}, broker=f"sqlite:///{folder}/there.db", partitions=2)
    if way == "to Kafka":
        return source, kafka
    if way == "to a file":
        migrate(source, kafka, Nobody())
        return kafka, there
    return source, there


def migrating(source: Settings, target: Settings, dies: str = "") -> subprocess.Popen[bytes]:
    """The command in a process of its own; ``dies``: where it kills itself."""
    words = ["migrate", "--broker", source.broker, "--to", target.broker, "--to-prefix", target.topic_prefix]
    environment = os.environ | {"TIERLINE_TOPIC_PREFIX": source.topic_prefix, "DIES": dies}
    command = [*(DYING if dies else RUN), *words, "--json"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("way", ["to Kafka", "to a file"])
def test_killed_at_any_moment(way: str, kafka: Settings, tmp_path: Path) -> None:
    """After each SIGKILL the next one goes on; at the end everything is there once, and no worker started before."""
    source, target = between(way, kafka, tmp_path, 2_000)
    with open_log(source) as log:
        before, stands = contents(log, source), next_of(log, source, group_of(source))
    rng, kills, found = random.Random(4), 0, []
    whole = 6.0
    for attempt in range(40):
        process = migrating(source, target)
        try:
            # later and later, so that each step is come to
            process.wait(rng.uniform(0.4, 1.0 + whole * attempt / 10))
        except subprocess.TimeoutExpired:
            process.kill()
            kills += 1
            process.communicate()
            continue
        out, err = process.communicate()
        assert process.returncode == 0, err.decode()
        found.append(json.loads(out))
        break
    assert kills >= 3
    assert found, "it never came to its end"
    with open_log(target) as log:
        assert contents(log, target) == before
        assert next_of(log, target, group_of(target)) == stands
    print(f"\n{kills} kills {way}; at the end {found[0]['found']} of {found[0]['records']} records were there")


@pytest.mark.slow
@pytest.mark.parametrize("way", ["to Kafka", "to a file", "from file to file"])
@pytest.mark.parametrize("dies", ["BEGUN", "ALL_THERE", "ENDED", "released"])
def test_killed_after_each_step(way: str, dies: str, kafka: Settings, tmp_path: Path) -> None:
    """The next one ends it, or says that it had ended; so does every later one. All of it is there."""
    source, target = between(way, kafka, tmp_path, 100)
    with open_log(source) as log:
        before, stands = contents(log, source), next_of(log, source, group_of(source))
    dying = migrating(source, target, dies)
    _, err = dying.communicate(timeout=60)
    assert dying.returncode == -signal.SIGKILL, err.decode()
    for attempt in range(2):
        process = migrating(source, target)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err.decode()
        assert json.loads(out)["moved_before"] == (attempt > 0 or dies != "BEGUN")
        with open_log(target) as log:
            assert log.holder("migrate") is None, "a worker may start there"
            assert contents(log, target) == before
            assert next_of(log, target, group_of(target)) == stands


def test_another_one_is_not_taken_for_it(tmp_path: Path) -> None:
    """Where something was moved, whole, another source is refused; so is the same one, once more has come in."""
    source, target = between("from file to file", load_settings({}), tmp_path, 100)
    (tmp_path / "other").mkdir()
    other = a_file(tmp_path / "other", 99)
    migrate(source, target, Nobody())
    with open_log(target) as log:
        before = log.ends()
    assert migrate(source, target, Nobody()).before
    with pytest.raises(LogError, match=r"not what .*other/here\.db has now"):
        migrate(other, target, Nobody())
    with open_log(source) as log:
        log.append([Append(SIGNALS, 0, b"k", b"late")])
    with pytest.raises(LogError, match="more has come in since"):
        migrate(source, target, Nobody())
    with open_log(target) as log:
        assert log.ends() == before
        assert log.holder("migrate") is None, "a worker may start there"


@pytest.mark.parametrize("interrupted", ["before all was compared", "after"])
def test_another_one_does_not_open_a_half_copy(interrupted: str, tmp_path: Path) -> None:
    """Whatever else is tried there, no worker starts until the one that began has ended."""
    source, target = between("from file to file", load_settings({}), tmp_path, 100)
    (tmp_path / "other").mkdir()
    other = a_file(tmp_path / "other", 99)
    if interrupted == "after":
        assert migrating(source, target, "ALL_THERE").wait(60) == -signal.SIGKILL
    else:
        with pytest.raises(KeyboardInterrupt):
            migrate(source, target, Dies())
    with pytest.raises(LogError, match="do not come from"):
        migrate(other, target, Nobody())
    with open_log(target) as log:
        assert log.holder("migrate") is not None


def test_a_mark_is_not_moved(kafka: Settings, tmp_path: Path) -> None:
    """What says that a file was moved there, whole, says nothing of the next log that it is moved to."""
    source, there = between("from file to file", kafka, tmp_path, 100)
    migrate(source, there, Nobody())
    onward = load_settings({}, broker=f"sqlite:///{tmp_path}/onward.db", partitions=2)
    assert not any(group.endswith(".moved") for group in migrate(there, onward, Nobody()).positions)


def test_a_half_copy_is_no_log(kafka: Settings, tmp_path: Path) -> None:
    """Where a migration died no worker starts, and says to run it again; after that one does."""
    file = a_file(tmp_path)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.yaml").write_text(PROFILE)

    with pytest.raises(KeyboardInterrupt):
        migrate(file, kafka, Dies())
    where = {"TIERLINE_BROKER": kafka.broker}
    worker = Installation(tmp_path, tmp_path / "profiles", where=where, topic_prefix=kafka.topic_prefix, partitions=2)
    done = worker.command("run")
    assert done.returncode == 1
    assert "not whole" in done.stderr
    assert "tierline migrate" in done.stderr
    assert migrate(file, kafka, Nobody()).found > 4_000, "it goes on where it stopped"
