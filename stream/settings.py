"""Every setting of an installation. The only module that reads the environment."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from schemas.durations import parse_duration
from schemas.topics import topic_name

PREFIX = "TIERLINE_"
SECRETS = ("kafka_tls_key_password", "kafka_password")
"""Settings that are never shown. Each may come from a file, which TIERLINE_…_FILE names."""
KAFKA_PORT = 9092
_SERVER = re.compile(r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _topics(value: str) -> str:
    topic_name(value, "signals")
    return value


def _broker(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme == "kafka":
        return f"kafka://{','.join(_server(server) for server in rest.split(','))}"
    if scheme != "sqlite" or not rest.removeprefix("/"):
        raise ValueError(
            "write sqlite:///path/to/tierline.db (a fourth slash makes the path absolute), or kafka://host:9092"
        )
    return value


def _networks(value: str) -> str:
    for part in filter(None, (piece.strip() for piece in value.split(","))):
        try:
            ipaddress.ip_network(part)
        except ValueError:
            raise ValueError(f"{part!r} is no network; write addresses such as 10.0.0.0/8, ::1") from None
    return value


def _server(text: str) -> str:
    """``host:port`` of one Kafka broker."""
    if "@" in text:
        raise ValueError("write the user in TIERLINE_KAFKA_USER and the password in TIERLINE_KAFKA_PASSWORD, not here")
    found = _SERVER.fullmatch(text.strip().removesuffix("/"))
    port = int(found["port"] or KAFKA_PORT) if found else 0
    if found is None or not 0 < port < 65_536:
        raise ValueError("write kafka://host:9092, or several as kafka://host1:9092,host2:9092")
    return f"{found['host']}:{port}"


Milliseconds = Annotated[int, BeforeValidator(_duration), Field(gt=0)]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what to write."""


class Settings(BaseModel):
    """Read from variables named ``TIERLINE_`` and the member in capitals, such as ``TIERLINE_BROKER``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Annotated[str, AfterValidator(_broker)] = Field(
        "sqlite:///tierline.db", description="where the log is: sqlite:///file or kafka://host:9092"
    )
    profiles: Path = Field(Path("profiles"), description="directory of the profiles to run")
    topic_prefix: Annotated[str, AfterValidator(_topics)] = Field("", description="before every topic's name")
    source: str = Field("tierline", min_length=1, max_length=512, description="CloudEvents source of what is published")
    partitions: int = Field(4, ge=1, le=1024, description="of every scaled topic; fixed once the log exists")
    horizon: Milliseconds = Field(180 * 86_400_000, description="how far back an account is remembered, such as 180d")
    remembered: int = Field(4_096, ge=64, description="signals remembered of one account at most")
    remember: Literal["read", "all"] = Field(
        "read", description="members of a signal to remember: those that profiles read, or all of them"
    )
    scores_every: Milliseconds = Field(
        5_000, description="an account's score is published at most so often, such as 5s"
    )
    scores_drift: float = Field(
        5.0, ge=0.01, description="points that time alone may move a score before it is published, 0.01 or more"
    )
    web_host: str = Field("127.0.0.1", description="where /metrics, /healthz and /readyz listen")
    web_port: int = Field(6066, ge=0, le=65_535, description="their port; 0: no pages")
    routes: Path | None = Field(None, description="file of alert routes; else nobody is alerted")
    alerts_allow: Annotated[str, AfterValidator(_networks)] = Field(
        "", description="private networks that alerts may go to, such as 10.1.0.0/16, 127.0.0.1"
    )
    alerts_in_clear: bool = Field(False, description="whether alerts may go over http and SMTP without TLS")
    batch: int = Field(4_096, ge=1, le=100_000, description="records an agent is handed at once at most")
    rows: Path | None = Field(None, description="directory to keep the accounts' state in (RocksDB); else in memory")
    standbys: int = Field(0, ge=0, le=16, description="workers that keep a copy of each partition's state (Kafka)")
    kafka_tls: bool = Field(False, description="whether the connection to Kafka is encrypted")
    kafka_tls_ca: Path | None = Field(None, description="certificates to trust, PEM; else those of the system")
    kafka_tls_cert: Path | None = Field(None, description="our own certificate, PEM, for brokers that ask for one")
    kafka_tls_key: Path | None = Field(None, description="its key, PEM, where that is not in the same file")
    kafka_tls_key_password: SecretStr | None = Field(None, description="the key's password")
    kafka_sasl: Literal["none", "plain", "scram-sha-256", "scram-sha-512"] = Field(
        "none", description="how to log in to Kafka"
    )
    kafka_user: str | None = Field(None, min_length=1, description="the user to log in as")
    kafka_password: SecretStr | None = Field(None, min_length=1, description="that user's password")
    kafka_session: Milliseconds = Field(
        10_000, ge=1_000, description="after so long without a sign of life a worker's partitions go to others"
    )
    kafka_instance: str | None = Field(
        None, min_length=1, max_length=249, description="a name for this worker that outlives its restarts"
    )
    kafka_replication: int | None = Field(
        None, ge=1, le=32_767, description="copies of each topic that is created; else the brokers' default"
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.kafka_sasl != "none" and (self.kafka_user is None or self.kafka_password is None):
            raise ValueError("TIERLINE_KAFKA_SASL is set: set TIERLINE_KAFKA_USER and TIERLINE_KAFKA_PASSWORD, too")
        if self.kafka_sasl == "none" and (self.kafka_user is not None or self.kafka_password is not None):
            raise ValueError("a Kafka user or password is set, but not how to log in: set TIERLINE_KAFKA_SASL")
        if self.kafka_tls_cert is None and (self.kafka_tls_key or self.kafka_tls_key_password):
            raise ValueError("TIERLINE_KAFKA_TLS_KEY has no certificate: set TIERLINE_KAFKA_TLS_CERT, too")
        if not self.kafka_tls and (self.kafka_tls_ca or self.kafka_tls_cert):
            raise ValueError("TIERLINE_KAFKA_TLS_* is set, but TLS is off: set TIERLINE_KAFKA_TLS=true")
        return self

    @property
    def embedded(self) -> bool:
        """Whether the log is a file of this machine."""
        return self.broker.startswith("sqlite://")

    @property
    def servers(self) -> list[str]:
        """``host:port`` of the Kafka brokers to ask first."""
        return self.broker.removeprefix("kafka://").split(",")

    @property
    def where(self) -> str:
        """Where the log is, for people."""
        return str(self.path) if self.embedded else self.broker

    @property
    def path(self) -> Path:
        """The file of an embedded log."""
        if not self.embedded:
            raise ValueError(f"{self.broker} is no file")
        return Path(self.broker.removeprefix("sqlite://")[1:])

    def topic(self, name: str) -> str:
        """A topic's name in this installation."""
        return topic_name(self.topic_prefix, name)


def load_settings(environment: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """Settings from the environment; what is ``given`` (and not ``None``) wins.

    Raises SettingsError, which names the variable and says what to write.
    """
    environment = os.environ if environment is None else environment
    values: dict[str, Any] = {
        name: environment[variable]
        for name in Settings.model_fields
        if (variable := PREFIX + name.upper()) in environment
    }
    values |= _from_files(environment)
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        raise SettingsError("\n".join(_told(fault, given) for fault in error.errors(include_url=False))) from None


def _from_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Secrets that are kept in files."""
    found = {}
    for name in SECRETS:
        variable = f"{PREFIX}{name.upper()}_FILE"
        if variable not in environment:
            continue
        if PREFIX + name.upper() in environment:
            raise SettingsError(f"{variable}={environment[variable]!r}: {PREFIX}{name.upper()} is set, too; unset one")
        try:
            found[name] = Path(environment[variable]).read_text("utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not text"
            raise SettingsError(f"{variable}={environment[variable]!r}: the file cannot be read: {why}") from None
    return found


def _told(fault: Any, given: Mapping[str, Any]) -> str:
    """One fault in a line, without what is secret: a broker with an ``@`` may hold a password."""
    message = fault["msg"].removeprefix("Value error, ")
    if not fault["loc"]:
        return f"settings: {message}"
    name = str(fault["loc"][0])
    where = f"{PREFIX}{name.upper()}" if given.get(name) is None else f"--{name.replace('_', '-')}"
    hidden = name in SECRETS or "@" in str(fault["input"])
    return f"{where}={'(hidden)' if hidden else repr(fault['input'])}: {message}"


def origins(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Each setting, with the variable that it comes from; ``None`` where it is the default."""
    environment = os.environ if environment is None else environment
    found: dict[str, str | None] = {}
    for name in Settings.model_fields:
        variables = [PREFIX + name.upper(), f"{PREFIX}{name.upper()}_FILE"][: 2 if name in SECRETS else 1]
        found[name] = next((variable for variable in variables if variable in environment), None)
    return found


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    known |= {f"{PREFIX}{name.upper()}_FILE" for name in SECRETS}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
