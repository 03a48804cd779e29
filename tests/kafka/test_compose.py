"""docker-compose.yml runs what the tests run."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from ops.kafka.jars import version
from ops.kafka.ports import HOST, Port
from ops.kafka.settings import shared
from stream.settings import Settings, load_settings
from tests.cli.running import tierline
from tests.kafka.cluster import Broker, needed

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.yml"
OF_THE_PLACE = {  # where it listens and what it is called: no two installations agree
    "node.id",
    "controller.quorum.voters",
    "controller.listener.names",
    "inter.broker.listener.name",
    "listeners",
    "advertised.listeners",
    "listener.security.protocol.map",
    "log.dirs",
}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load(FILE)["services"]
    return found


@pytest.fixture(scope="module")
def broker(services: dict[str, Any]) -> dict[str, str]:
    """What the image makes of its variables: KAFKA_LOG_DIRS is log.dirs."""
    told = services["kafka"]["environment"]
    return {name[6:].lower().replace("_", "."): value for name, value in told.items() if name.startswith("KAFKA_")}


def test_it_is_the_version_that_the_tests_run(services: dict[str, Any]) -> None:
    """The tag of the image is the version that the pom pins."""
    assert services["kafka"]["image"] == f"apache/kafka:{version()}"


def test_its_broker_is_set_as_the_tests_set_theirs(broker: dict[str, str]) -> None:
    """Every setting that makes results what they are is there with the same value, and no other."""
    told = {name: value for name, value in broker.items() if name not in OF_THE_PLACE}
    assert told == {"process.roles": "broker,controller", **shared(brokers=1)}


def test_a_broker_starts_with_its_settings(services: dict[str, Any], broker: dict[str, str], tmp_path: Path) -> None:
    """The settings, all of them, are such that Kafka starts; only its addresses are this test's."""
    needed()
    ports = {number: Port() for number in set(re.findall(r":(\d+)", broker["listeners"]))}
    here = {
        name: re.sub(r"(//|@)?(?:kafka|127\.0\.0\.1|(?<=//)):(\d+)", lambda at: address(at, ports), value)
        for name, value in broker.items()
    }
    one = Broker(1, tmp_path)
    try:
        one.write(here)
        one.format(services["kafka"]["environment"]["CLUSTER_ID"])
        one.start()
        one.wait(time.monotonic() + 60)
    finally:
        one.kill()
        for port in ports.values():
            port.close()


def address(found: re.Match[str], ports: dict[str, Port]) -> str:
    return f"{found[1] or ''}{HOST}:{ports[found[2]].number}"


def test_clients_are_told_addresses_that_they_reach(services: dict[str, Any], broker: dict[str, str]) -> None:
    """The workers' broker is advertised inside; the published port is advertised outside, to this machine alone."""
    advertised = dict(item.split("://") for item in broker["advertised.listeners"].split(","))
    assert services["worker"]["environment"]["TIERLINE_BROKER"] == f"kafka://{advertised['INSIDE']}"
    assert services["kafka"]["ports"] == [f"{advertised['OUTSIDE']}:9092"]
    assert "OUTSIDE://:9092" in broker["listeners"].split(",")
    assert services["kafka"]["healthcheck"]["test"][3] == advertised["INSIDE"]


@pytest.mark.parametrize("name", ["worker", "topics"])
def test_its_settings_of_ours_are_valid(services: dict[str, Any], name: str) -> None:
    """What the containers are told in TIERLINE_ variables is what Tierline reads."""
    told = services[name]["environment"]
    assert {variable.removeprefix("TIERLINE_").lower() for variable in told} <= set(Settings.model_fields)
    settings = load_settings(told)
    assert settings.servers == ["kafka:19092"]
    assert services[name]["volumes"][0].split("}")[1] == f":{settings.profiles}:ro"
    assert (ROOT / services[name]["volumes"][0].split(":-")[1].split("}")[0]).is_dir()


def test_workers_start_when_the_broker_answers_and_the_topics_are_there(services: dict[str, Any]) -> None:
    """The order at the start: broker, topics, workers; a worker counts as healthy when it is ready."""
    assert services["topics"]["command"] == ["topics", "create"]
    for name in ("topics", "worker"):
        assert tierline(*services[name]["command"], "--help").code == 0
    assert services["topics"]["depends_on"] == {"kafka": {"condition": "service_healthy"}}
    assert services["worker"]["depends_on"]["topics"] == {"condition": "service_completed_successfully"}
    port = load_settings(services["worker"]["environment"]).web_port
    assert f"http://127.0.0.1:{port}/readyz" in services["worker"]["healthcheck"]["test"][-1]


def test_the_image_is_built_of_what_is_here_and_not_run_by_root() -> None:
    """Every file that the Dockerfile copies exists and is let in by .dockerignore; its user is a number, not 0."""
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [word for line in lines if re.match(r"COPY (?!--from)", line) for word in line.split()[1:-1]]
    admitted = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == admitted
    assert all((ROOT / name).exists() for name in copied)
    [user] = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert int(user) > 0


def test_a_client_accepts_it() -> None:
    """`docker compose config` finds nothing to object to, where there is such a client."""
    for client in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(client[0]) and run(*client, "version").returncode == 0:
            done = run(*client, "-f", str(FILE), "config", "--quiet")
            assert done.returncode == 0, done.stderr
            return
    pytest.skip("no client that validates docker-compose.yml: install the Docker Compose plugin")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, capture_output=True, text=True)
