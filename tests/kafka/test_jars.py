"""How the tests come by Kafka, and what they say where they cannot."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ops.kafka import jars as module
from ops.kafka.jars import Missing, jars
from tests.kafka.cluster import REQUIRED, needed


@pytest.fixture
def no_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)


@pytest.fixture
def developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in REQUIRED:
        monkeypatch.delenv(name, raising=False)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("mvn") is None, reason="Kafka's jars are there, but no Maven to fetch them anew")
def test_two_who_fetch_at_once_get_the_same_whole_folder(tmp_path: Path) -> None:
    """Two xdist workers on a fresh clone: one fetches, the other waits; nothing half-made is left."""
    needed()
    with ThreadPoolExecutor(2) as pool:
        one, other = pool.map(jars, [tmp_path, tmp_path])
    assert one == other
    assert len(one) == len(module.SUMS.read_text().splitlines())
    assert {path.name for path in tmp_path.iterdir()} == {"jars.lock", one[0].parent.name}


def test_a_jar_that_is_not_the_pinned_one_is_not_run(tmp_path: Path) -> None:
    """Another content, one too many or one missing is named, with what to do."""
    needed()
    for path in jars():
        (tmp_path / path.name).symlink_to(path)
    module._check(tmp_path)
    names = sorted(path.name for path in tmp_path.iterdir())
    (tmp_path / names[0]).unlink()
    (tmp_path / names[1]).unlink()
    (tmp_path / names[1]).write_bytes(b"something else")
    shutil.copy(tmp_path / names[2], tmp_path / "zz.jar")
    with pytest.raises(Missing, match=f"{names[0]}, {names[1]}, zz.jar. After a change of pom.xml"):
        module._check(tmp_path)


@pytest.mark.usefixtures("no_programs", "developer")
def test_without_java_tests_are_skipped_with_one_line() -> None:
    """A developer without Java is told how to get it."""
    with pytest.raises(pytest.skip.Exception) as skipped:
        needed()
    assert str(skipped.value) == (
        "no Kafka: Kafka needs Java 17 or newer, and there is no java in PATH: apt-get install default-jre-headless "
        "maven (or Java 17+ and Maven 3.8+ from elsewhere, on PATH)"
    )


@pytest.mark.parametrize("variable", REQUIRED)
@pytest.mark.usefixtures("no_programs", "developer")
def test_in_ci_no_kafka_is_a_failure(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """What CI cannot run has not been tested."""
    monkeypatch.setenv(variable, "true")
    with pytest.raises(pytest.fail.Exception, match="no Kafka: Kafka needs Java"):
        needed()


@pytest.mark.usefixtures("no_programs")
def test_without_maven_jars_that_are_there_suffice(tmp_path: Path) -> None:
    """Maven is needed once; its absence is told when it would be needed."""
    with pytest.raises(Missing, match=r"is fetched by Maven, and there is no mvn on PATH: apt-get install"):
        jars(tmp_path / "fresh")
