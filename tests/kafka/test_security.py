"""TLS and logins, against a broker that demands them, with both clients; and what is said where they fail."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from stream.settings import Settings, load_settings
from stream.topology import connect_kafka
from stream.transports.errors import LogError, LogInsecure, LogRefused, LogUnreachable
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_log import KafkaLog
from stream.transports.records import Append
from tests.cli.filling import write_profile
from tests.cli.running import start, tierline
from tests.kafka.cluster import EVERY, Cluster
from tests.kafka.places import make_topic

WRONG = "not-the-password-4711"
PATIENT = 3


def settings_for(cluster: Cluster, name: str, **other: str) -> Settings:
    """What lets one in, but for what is said otherwise; an empty text leaves a variable out."""
    said = {**cluster.environment(name), **{f"TIERLINE_KAFKA_{key.upper()}": value for key, value in other.items()}}
    return load_settings({key: value for key, value in said.items() if value})


def refusal(settings: Settings) -> tuple[LogError, float]:
    """The error that a question meets, and after how many seconds."""
    began = time.monotonic()
    with pytest.raises(LogError) as caught, KafkaLog(Connection.of(settings), patience=PATIENT) as log:
        log.topics()
    return caught.value, time.monotonic() - began


@pytest.mark.parametrize("name", EVERY)
async def test_both_clients_get_in(secure_cluster: Cluster, topic_prefix: str, name: str) -> None:
    """With the settings that the broker demands, kafka-python reads what aiokafka has sent."""
    settings = settings_for(secure_cluster, name)
    with connect_kafka(settings) as log:
        topic = make_topic(log, f"{topic_prefix}topic")
        log.append([Append(topic, 0, b"k", b"by kafka-python")])
        async with AIOKafkaProducer(**Connection.of(settings).aiokafka()) as producer:
            await producer.send_and_wait(topic, b"by aiokafka", key=b"k", partition=0)
        assert [one.value for one in log.read(topic, 0, 0, 10)] == [b"by kafka-python", b"by aiokafka"]


@pytest.mark.parametrize("name", [name for name, security in EVERY.items() if security.sasl])
def test_a_wrong_password(secure_cluster: Cluster, name: str, caplog: pytest.LogCaptureFixture) -> None:
    """It is said that the login was refused, and which settings to look at; the password is nowhere."""
    caplog.set_level(logging.DEBUG)
    settings = settings_for(secure_cluster, name, password=WRONG)
    error, seconds = refusal(settings)
    assert isinstance(error, LogRefused)
    assert "the login was refused. Look at TIERLINE_KAFKA_USER, TIERLINE_KAFKA_PASSWORD" in str(error)
    assert seconds < PATIENT + 2
    told = f"{error!r} {error.__cause__!r} {settings!r} {Connection.of(settings)!r} {caplog.text}"
    assert WRONG not in told


def test_another_way_of_logging_in(secure_cluster: Cluster) -> None:
    """A mechanism that the broker has not enabled is told, and an unknown user like a wrong password."""
    error, _ = refusal(settings_for(secure_cluster, "plain", sasl="scram-sha-256"))
    assert isinstance(error, LogRefused)
    assert "TIERLINE_KAFKA_SASL" in str(error)
    error, _ = refusal(settings_for(secure_cluster, "scram-sha-512", user="nobody"))
    assert isinstance(error, LogRefused)


def test_a_broker_that_is_not_to_be_trusted(secure_cluster: Cluster) -> None:
    """Signed by an authority that we do not know: refused before anything is sent, with the setting to change."""
    stranger = str(secure_cluster.certificates.stranger)
    for other in ({"tls_ca": stranger}, {"tls_ca": ""}):
        error, seconds = refusal(settings_for(secure_cluster, "tls-plain", **other))
        assert isinstance(error, LogInsecure)
        assert "signed by nobody we trust. Set TIERLINE_KAFKA_TLS_CA" in str(error)
        assert seconds < PATIENT


def test_a_certificate_for_another_name(secure_cluster: Cluster) -> None:
    """The name in TIERLINE_BROKER has to be in the broker's certificate."""
    environment = secure_cluster.environment("tls")
    port = environment["TIERLINE_BROKER"].rpartition(":")[2]
    error, _ = refusal(load_settings({**environment, "TIERLINE_BROKER": f"kafka://127.1:{port}"}))
    assert "the broker's certificate is for another name. Put a name into TIERLINE_BROKER" in str(error)


def test_our_own_certificate(secure_cluster: Cluster) -> None:
    """None, or one that the broker does not know, where one is demanded: told, with what to set."""
    stranger = {
        "tls_cert": str(secure_cluster.certificates.stranger),
        "tls_key": str(secure_cluster.certificates.stranger_key),
        "tls_key_password": "",
    }
    for other in (stranger, {"tls_cert": "", "tls_key": "", "tls_key_password": ""}):
        error, _ = refusal(settings_for(secure_cluster, "mutual-tls", **other))
        assert isinstance(error, LogInsecure), error
        assert "TIERLINE_KAFKA_TLS_CERT" in str(error)


def test_files_that_cannot_be_used(secure_cluster: Cluster, tmp_path: Path) -> None:
    """A key's wrong password, files that are not there or are no certificates: named, the password is not."""
    (tmp_path / "text.pem").write_text("this is no certificate")
    for other, says in (
        ({"tls_key_password": WRONG}, "TIERLINE_KAFKA_TLS_KEY_PASSWORD"),
        ({"tls_key_password": ""}, "TIERLINE_KAFKA_TLS_KEY_PASSWORD"),
        ({"tls_cert": str(tmp_path / "none.pem")}, "No such file"),
        ({"tls_ca": str(tmp_path / "none.pem")}, "TIERLINE_KAFKA_TLS_CA"),
        ({"tls_ca": str(tmp_path / "text.pem")}, "TIERLINE_KAFKA_TLS_CA"),
    ):
        with pytest.raises(LogInsecure) as error:
            connect_kafka(settings_for(secure_cluster, "mutual-tls", **other))
        assert says in str(error.value)
        assert WRONG not in str(error.value)


@pytest.mark.parametrize(
    ("listener", "spoken"), [("open", "tls"), ("tls", "open"), ("plain", "open"), ("open", "plain")]
)
def test_the_wrong_port(secure_cluster: Cluster, listener: str, spoken: str) -> None:
    """TLS to a port that speaks none, none to one that does, no login where one is asked for: settings are named."""
    address = secure_cluster.environment(listener)["TIERLINE_BROKER"]
    error, seconds = refusal(load_settings({**secure_cluster.environment(spoken), "TIERLINE_BROKER": address}))
    assert isinstance(error, (LogInsecure, LogUnreachable, LogRefused))
    assert "TIERLINE_KAFKA_TLS" in str(error) or "TIERLINE_KAFKA_SASL" in str(error)
    assert seconds < PATIENT + 3


def test_commands_take_secrets_from_files_and_show_none(
    secure_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The password in a file works as well; `doctor` says where it comes from, and no output has it."""
    environment = secure_cluster.environment("tls-scram-sha-512")
    password = environment.pop("TIERLINE_KAFKA_PASSWORD")
    (tmp_path / "password").write_text(f"{password}\n")
    environment["TIERLINE_KAFKA_PASSWORD_FILE"] = str(tmp_path / "password")
    told = _commands(environment, monkeypatch)
    assert "not shown" in told
    assert "(TIERLINE_KAFKA_PASSWORD_FILE)" in told
    assert "as tester (scram-sha-512), TLS" in told
    assert password not in told
    (tmp_path / "password").write_text(WRONG)
    told = _commands(environment, monkeypatch, ["doctor"])
    assert "the login was refused" in told
    assert WRONG not in told
    assert "Traceback" not in told


def _commands(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch, *calls: list[str]) -> str:
    """All that these commands print, or else some."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    calls = calls or (["doctor"], ["doctor", "--json"], ["topics", "check"], ["accounts"], ["send", "/dev/null"])
    return "".join(ran.out + ran.err for ran in (tierline(*call) for call in calls))


def test_a_worker_that_is_refused(secure_cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`tierline run` with a wrong password ends at its start with one message, exit 1; the password is not in it."""
    write_profile(tmp_path / "profiles")
    environment = {**secure_cluster.environment("tls-plain"), "TIERLINE_KAFKA_PASSWORD": WRONG}
    for name, value in {**environment, "TIERLINE_PROFILES": str(tmp_path / "profiles")}.items():
        monkeypatch.setenv(name, value)
    with start("run", "--verbose", "--web-port", 0) as process:
        out, err = process.communicate(timeout=60)
    told = (out + err).decode()
    assert process.returncode == 1, told
    assert "the login was refused" in told
    assert WRONG not in told
    assert "Traceback" not in told


def test_a_login_in_the_clear_is_warned_of(secure_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """PLAIN without TLS sends the password as it is: `doctor` says so."""
    told = _commands(secure_cluster.environment("plain"), monkeypatch, ["doctor"])
    assert "the password goes over the network in clear" in told
    assert "scram-sha-512" in told
