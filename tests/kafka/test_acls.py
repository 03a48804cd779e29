"""Rights (ACLs): what docs/kafka.md says that each command needs is enough, and none of it is too much."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourceType,
)

from ops.kafka.security import MODULE, PASSWORD, USER
from stream.agents.start import bring_into_force
from stream.profiles import load_profiles
from stream.settings import Settings, load_settings
from tests.cli.running import Ran, lines, signal_line, start, tierline
from tests.kafka.cluster import Cluster, needed
from tests.kafka.moving import NOW, a_file
from tests.kafka.places import made, until
from tests.worker.load import PROFILE
from tests.worker.processes import Installation

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

TABLE = Path(__file__).parents[2] / "docs" / "kafka.md"
KINDS = ("topic", "group", "transactional id")
RESOURCES = (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID)
MAKERS = ("topics create", "migrate")
"""Those that find no topics."""
ROUTES = "channels: {sales: {kind: inbox, folder: inbox}}\nroutes: [{route: hot, tiers: [hot], to: [sales]}]\n"
DESCRIBE = "Describe"
Rights = tuple[tuple[str, str], ...]


class Case(NamedTuple):
    """A user who calls a command, with the rights of its row in the table, or without one of them."""

    user: str
    command: str
    rights: Rights
    without: tuple[str, str] | None

    @property
    def prefix(self) -> str:
        """Of an installation of its own."""
        return f"{self.user}."

    def __str__(self) -> str:
        less = f" without {' on '.join(self.without)}" if self.without else ""
        return f"{self.command}{less}{', but Describe' if DESCRIBE in (right for right, _ in self.rights) else ''}"


def documented() -> Iterator[tuple[str, Rights]]:
    """Each command of the table, and its rights."""
    for line in TABLE.read_text("utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `tierline ") and len(cells) == 1 + len(KINDS):
            command = re.sub(r"`,.*|`", "", cells[0].removeprefix("`tierline "))
            rights = zip(KINDS, cells[1:], strict=True)
            yield command, tuple((right, kind) for kind, cell in rights for right in re.findall(r"`(\w+)`", cell))


def cases() -> Iterator[Case]:
    """Each command with what the table says, and with one right less."""
    count = itertools.count()
    for command, rights in documented():
        for without in (None, *rights):
            kept = tuple(right for right in rights if right != without)
            yield Case(f"user{next(count)}", command, kept, without)
            if without is not None and without[0] == "Read" and command == "run":  # it gets further
                yield Case(f"user{next(count)}", command, (*kept, (DESCRIBE, without[1])), without)


CASES = list(cases())
ENOUGH = [case for case in CASES if case.without is None]
LESS = [case for case in CASES if case.without is not None]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A broker that allows each user what its case says, and us, who give no name, everything."""
    needed()
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in (USER, *(case.user for case in CASES)))
    settings = {
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
        "listener.name.plain.plain.sasl.jaas.config": f"{MODULE}.plain.PlainLoginModule required {users};",
    }
    cluster = Cluster(tmp_path_factory.mktemp("kafka-guarded"), security="plain", settings=settings)
    try:
        cluster.start()
        admin = KafkaAdminClient(**cluster.client("open"))
        told = admin.create_acls([acl for case in CASES for acl in acls(case)])
        admin.close()
        assert told["failed"] == []
        yield cluster
    finally:
        cluster.discard()


def acls(case: Case) -> Iterator[Any]:
    """What Kafka is told."""
    if case.command == "migrate":  # somebody's whose position is to come along
        group = ResourcePattern(ResourceType.GROUP, "other", ACLResourcePatternType.LITERAL)
        yield ACL(f"User:{case.user}", "*", ACLOperation.READ, ACLPermissionType.ALLOW, group)
    for right, kind in case.rights:
        name = case.prefix if kind == "topic" else f"{case.prefix}tierline"
        pattern = ResourcePattern(RESOURCES[KINDS.index(kind)], name, ACLResourcePatternType.PREFIXED)
        operation = ACLOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", right).upper()]
        yield ACL(f"User:{case.user}", "*", operation, ACLPermissionType.ALLOW, pattern)


@pytest.fixture
def there(guarded: Cluster, case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """The installation of the case, its topics made, and its user's login in the environment."""
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "quick.yaml").write_text(PROFILE)
    where = {**guarded.environment("plain"), "TIERLINE_KAFKA_USER": case.user}
    found = Installation(
        tmp_path, tmp_path / "profiles", where=where, topic_prefix=case.prefix, partitions=2, kafka_session="3s"
    )
    if case.command not in MAKERS:
        made(ours(guarded, case))
    if case.command not in (*MAKERS, "run"):  # there is something to read
        bring_into_force(ours(guarded, case), load_profiles(found.settings.profiles), NOW)
    for name, value in found.environment.items():
        if name.startswith("TIERLINE_"):
            monkeypatch.setenv(name, value)
    return found


def ours(guarded: Cluster, case: Case) -> Settings:
    """The settings of the case's installation for who may do everything."""
    return load_settings(guarded.environment("open"), topic_prefix=case.prefix, partitions=2)


def called(case: Case, there: Installation) -> Ran:
    """What the command says; a worker that goes on is stopped."""
    signals = lines(signal_line(1), signal_line(2, type_="layoff", data={}))
    match case.command:
        case "send" | "send --import":
            return tierline(*case.command.split(), "-", stdin=signals)
        case "accounts" | "doctor" | "topics check" | "topics create":
            return tierline(*case.command.split())
        case "migrate":
            file = a_file(there.folder, 60)
            target = there.where["TIERLINE_BROKER"]
            with patch.dict(os.environ, {"TIERLINE_TOPIC_PREFIX": ""}):
                return tierline("migrate", "--broker", file.broker, "--to", target, "--to-prefix", case.prefix)
        case "run":
            return ran()
        case _:
            raise AssertionError(f"the table has a command that is not tested: {case.command}")


def ran() -> Ran:
    """A worker that may not do what it must ends by itself."""
    with start("run") as process:
        try:
            out, err = process.communicate(timeout=30)
        finally:
            process.kill()  # else what hangs is waited for
    return Ran(process.returncode, out.decode(), err.decode())


@pytest.mark.parametrize("case", LESS, ids=str)
def test_none_is_too_much(case: Case, there: Installation) -> None:
    """With one right less the command ends, exit 1, and says which one it lacks, on what; nothing hangs."""
    told = called(case, there)
    assert case.without is not None
    right, kind = case.without
    said = told.out + told.err
    assert told.code == 1, said
    assert "Traceback" not in said
    sentence = " ".join(said.split())
    assert kind in sentence, said
    assert right in sentence, said


@pytest.mark.parametrize("case", [case for case in ENOUGH if case.command != "run"], ids=str)
def test_they_are_enough(case: Case, there: Installation) -> None:
    """With the rights of the table, and no other, each command does what it is for."""
    told = called(case, there)
    assert told.code == 0, told.out + told.err


@pytest.mark.parametrize("case", [case for case in ENOUGH if case.command == "run"], ids=str)
def test_a_worker_needs_no_more(case: Case, there: Installation, guarded: Cluster) -> None:
    """Signals in, a tier change out, the state read back after a kill; and alerting with the same rights."""
    everything = guarded.environment("open")
    admin = Installation(
        there.folder, there.settings.profiles, where=everything, topic_prefix=case.prefix, partitions=2
    )
    (there.folder / "routes.yaml").write_text(ROUTES)
    alerting = there.beside()
    alerting.app = ("alerts", "run", "--routes", str(there.folder / "routes.yaml"))
    facts = signal_line(1, type_="account_update", data={"facts": {"employees": 1_000}}).decode()
    try:
        there.start()
        alerting.start()
        assert admin.command("send", "-", input=facts).returncode == 0
        admin.drain()
        there.kill()
        there.start()
        assert "restored in" in there.output.read_text()
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        assert admin.command("send", "-", input=signal_line(2, data={"series": "a"}, time=now).decode()).returncode == 0
        admin.drain()
        until(lambda: bool(admin.documents("alerts")), 20)
        assert there.stop() == 0
        assert alerting.stop() == 0
    finally:
        there.close()
        alerting.close()
    changes = [change["data"] for change in admin.documents("tier-changes")]
    assert {change["account"] for change in changes} == {"acme.com"}
    assert changes[0]["trigger"]["type"] == "funding_round"


def test_every_row_is_tested() -> None:
    """The table was found, and names the commands that these tests call."""
    commands = [command for command, _ in documented()]
    assert len(commands) == len(set(commands)) == 8
    assert {"run", "migrate", "topics create"} <= set(commands)
