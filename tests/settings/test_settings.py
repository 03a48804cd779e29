"""Settings: read from the environment in one place, and clear about what cannot be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.settings import SettingsError, load_settings, origins, unknown_variables
from stream.transports.kafka_connection import Connection

DAY = 86_400_000


def test_defaults_just_work() -> None:
    """Without any variable there is a log in the folder one is in."""
    settings = load_settings({})
    assert (settings.path, settings.partitions, settings.horizon) == (Path("tierline.db"), 4, 180 * DAY)
    assert settings.topic("signals") == "signals"


def test_variables_are_read_and_arguments_win() -> None:
    """A variable beats the default, an option of the command line beats the variable, and one not given does not."""
    environment = {"TIERLINE_HORIZON": "90d", "TIERLINE_TOPIC_PREFIX": "eu.", "TIERLINE_PARTITIONS": "8", "HOME": "/"}
    settings = load_settings(environment, partitions=2, source=None)
    assert (settings.horizon, settings.topic("rejected"), settings.partitions) == (90 * DAY, "eu.rejected", 2)
    assert settings.source == "tierline"


@pytest.mark.parametrize(
    ("broker", "path"),
    [
        ("sqlite:///tierline.db", "tierline.db"),
        ("sqlite:////var/lib/t.db", "/var/lib/t.db"),
        ("sqlite:///a b/c.db", "a b/c.db"),
    ],
)
def test_the_broker_names_a_file(broker: str, path: str) -> None:
    """Three slashes are relative, four absolute; spaces are no trouble."""
    assert load_settings({"TIERLINE_BROKER": broker}).path == Path(path)


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("TIERLINE_BROKER", "postgres://x", "write sqlite:///"),
        ("TIERLINE_BROKER", "sqlite://", "write sqlite:///"),
        ("TIERLINE_HORIZON", "soon", "30d"),
        ("TIERLINE_PARTITIONS", "0", "greater than or equal to 1"),
        ("TIERLINE_PARTITIONS", "many", "integer"),
        ("TIERLINE_TOPIC_PREFIX", "a b", "not allowed"),
        ("TIERLINE_REMEMBER", "some", "'read' or 'all'"),
        ("TIERLINE_SCORES_DRIFT", "0.001", "greater than or equal to 0.01"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_mend(variable: str, value: str, says: str) -> None:
    """The error names the variable and what to write."""
    with pytest.raises(SettingsError) as error:
        load_settings({variable: value})
    assert variable in str(error.value)
    assert value in str(error.value)
    assert says in str(error.value)


@pytest.mark.parametrize(
    ("broker", "servers"),
    [
        ("kafka://kafka-1", ["kafka-1:9092"]),
        ("kafka://a.example.com:9093,b.example.com", ["a.example.com:9093", "b.example.com:9092"]),
        ("kafka://127.0.0.1:19092/", ["127.0.0.1:19092"]),
        ("kafka://[::1]:9092", ["[::1]:9092"]),
    ],
)
def test_the_broker_names_a_cluster(broker: str, servers: list[str]) -> None:
    """One address or several, 9092 where no port is given."""
    settings = load_settings({"TIERLINE_BROKER": broker})
    assert (settings.servers, settings.embedded) == (servers, False)
    assert settings.where.startswith("kafka://")


@pytest.mark.parametrize(
    "broker", ["kafka://", "kafka://a,,b", "kafka://a:0", "kafka://a:99999", "kafka://a b", "kafka://a:9092/topic"]
)
def test_addresses_that_are_none(broker: str) -> None:
    """What cannot be an address is refused, with how one is written."""
    with pytest.raises(SettingsError, match=r"TIERLINE_BROKER=.*write kafka://host:9092"):
        load_settings({"TIERLINE_BROKER": broker})


SECRET = "do not show this 4711"
LOGIN = {
    "TIERLINE_BROKER": "kafka://a",
    "TIERLINE_KAFKA_SASL": "scram-sha-512",
    "TIERLINE_KAFKA_USER": "tierline",
    "TIERLINE_KAFKA_PASSWORD": SECRET,
}


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """Neither in the settings' text, nor in what a connection says of itself, nor in errors."""
    settings = load_settings({
        **LOGIN,
        "TIERLINE_KAFKA_TLS": "true",
        "TIERLINE_KAFKA_TLS_CERT": str(tmp_path / "c.pem"),
        "TIERLINE_KAFKA_TLS_KEY_PASSWORD": SECRET,
    })  # fmt: skip
    connection = Connection.of(settings)
    assert (connection.password, connection.key_password) == (SECRET, SECRET)
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()} {connection!r}"
    for wrong in (
        {**LOGIN, "TIERLINE_PARTITIONS": "many"},
        {**LOGIN, "TIERLINE_KAFKA_SASL": "none"},
        {**LOGIN, "TIERLINE_KAFKA_PASSWORD": ""},
        {**LOGIN, "TIERLINE_KAFKA_SASL": "x"},
        {"TIERLINE_BROKER": f"kafka://me:{SECRET}@host:9092"},
        {**LOGIN, "TIERLINE_KAFKA_PASSWORD_FILE": "x"},
    ):
        with pytest.raises(SettingsError) as error:
            load_settings(wrong)
        assert SECRET not in str(error.value)


def test_secrets_come_from_files_too(tmp_path: Path) -> None:
    """A file's content without its line end; a file that cannot be read, and both at once, are told."""
    (tmp_path / "password").write_text(f"{SECRET}\n")
    environment = {name: value for name, value in LOGIN.items() if name != "TIERLINE_KAFKA_PASSWORD"}
    from_file = {**environment, "TIERLINE_KAFKA_PASSWORD_FILE": str(tmp_path / "password")}
    assert Connection.of(load_settings(from_file)).password == SECRET
    assert origins(from_file)["kafka_password"] == "TIERLINE_KAFKA_PASSWORD_FILE"
    assert unknown_variables(from_file) == []
    with pytest.raises(SettingsError, match=r"TIERLINE_KAFKA_PASSWORD_FILE=.*cannot be read: No such file"):
        load_settings({**environment, "TIERLINE_KAFKA_PASSWORD_FILE": str(tmp_path / "none")})
    with pytest.raises(SettingsError, match="unset one"):
        load_settings({**from_file, "TIERLINE_KAFKA_PASSWORD": "x"})


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"SASL": "plain"}, "set TIERLINE_KAFKA_USER and TIERLINE_KAFKA_PASSWORD"),
        ({"USER": "me"}, "set TIERLINE_KAFKA_SASL"),
        ({"TLS_CA": "x.pem"}, "set TIERLINE_KAFKA_TLS=true"),
        ({"TLS": "true", "TLS_KEY": "x.pem"}, "set TIERLINE_KAFKA_TLS_CERT"),
    ],
)
def test_settings_that_only_work_together(variables: dict[str, str], says: str) -> None:
    """One without the other is told, with the one that is missing."""
    with pytest.raises(SettingsError, match=says):
        load_settings({f"TIERLINE_KAFKA_{name}": value for name, value in variables.items()})


def test_both_clients_are_told_the_same() -> None:
    """What the two clients get: addresses, protocol, mechanism, user, password."""
    connection = Connection.of(load_settings(LOGIN))
    expected = {
        "bootstrap_servers": ["a:9092"],
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "tierline",
        "sasl_plain_password": SECRET,
    }
    assert connection.kafka_python() == connection.aiokafka() == expected
    assert connection.context() is None
