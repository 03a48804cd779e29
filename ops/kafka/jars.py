"""The jars of the pinned Kafka: fetched once by Maven, checked against `jars.sha256`, kept in `.kafka/`.

`python -m ops.kafka.jars` fetches them ahead of time.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

HERE = Path(__file__).resolve().parent
HOME = HERE.parent.parent / ".kafka"
POM = HERE / "pom.xml"
SUMS = HERE / "jars.sha256"
HOW = "apt-get install default-jre-headless maven (or Java 17+ and Maven 3.8+ from elsewhere, on PATH)"
FETCH_SECONDS = 600
JAVA_AT_LEAST = 17


class Missing(RuntimeError):
    """What Kafka needs is not on this machine; the message says what, and how to get it."""


def version() -> str:
    """The version of Kafka that the pom pins."""
    found = ET.parse(POM).getroot().find(".//{*}properties/{*}kafka.version")  # noqa: S314  a file of this repository
    assert found is not None
    assert found.text
    return found.text


def java() -> str:
    """The path of `java`, 17 or newer. Raises `Missing`."""
    home = os.environ.get("JAVA_HOME")
    path = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if path is None:
        where = f"{home}/bin (JAVA_HOME)" if home else "PATH"
        raise Missing(f"Kafka needs Java {JAVA_AT_LEAST} or newer, and there is no java in {where}: {HOW}")
    return path


def jars(home: Path = HOME) -> list[Path]:
    """The jars, in the order of their names; fetched if this is the first time. Raises `Missing`.

    Safe when several processes ask at once: one fetches, the others wait for it.
    """
    sums = SUMS.read_bytes()
    folder = home / f"jars-{version()}-{hashlib.sha256(POM.read_bytes() + sums).hexdigest()[:12]}"
    if not folder.is_dir():
        home.mkdir(parents=True, exist_ok=True)
        with _alone(home / "jars.lock"):
            if not folder.is_dir():
                _fetch(folder)
    return sorted(folder.glob("*.jar"))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """One process at a time; the lock goes with its holder, however it ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(folder: Path) -> None:
    """Everything into a folder beside it, checked, then renamed: a half-filled one is never seen."""
    maven = shutil.which("mvn")
    if maven is None:
        raise Missing(f"Kafka {version()} is fetched by Maven, and there is no mvn on PATH: {HOW}")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as name:
        fetched = Path(name) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fetched}"]
        try:
            done = subprocess.run(  # noqa: S603  our own arguments
                [maven, "-q", "-B", "-ntp", "-f", str(POM), *goal],
                capture_output=True,
                text=True,
                timeout=FETCH_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Missing(f"Maven did not fetch Kafka {version()} within {FETCH_SECONDS} s: is it reachable?") from None
        if done.returncode:
            raise Missing(f"Maven could not fetch Kafka {version()}:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        _check(fetched)
        fetched.rename(folder)


def _check(folder: Path) -> None:
    expected = {name: sum_ for sum_, name in (line.split() for line in SUMS.read_text().splitlines())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    wrong = sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name))
    if wrong:
        raise Missing(
            f"what Maven fetched is not what {SUMS.name} names: {', '.join(wrong)}. After a change of pom.xml: "
            f"look at what changed, then `sha256sum *.jar` in the folder of the jars writes {SUMS.name} anew"
        )


if __name__ == "__main__":
    try:
        print(f"Kafka {version()}: {len(jars())} jars; {java()}")
    except Missing as missing:
        sys.exit(str(missing))
