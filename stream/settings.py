"""Every setting of an installation. The only module that reads the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from schemas.durations import parse_duration
from schemas.topics import topic_name

PREFIX = "TIERLINE_"


def _duration(value: Any) -> Any:
    return parse_duration(value) if isinstance(value, str) else value


def _topics(value: str) -> str:
    topic_name(value, "signals")
    return value


def _broker(value: str) -> str:
    scheme, _, rest = value.partition("://")
    if scheme != "sqlite" or not rest.removeprefix("/"):
        raise ValueError("write sqlite:///path/to/tierline.db (a fourth slash makes the path absolute)")
    return value


Milliseconds = Annotated[int, BeforeValidator(_duration), Field(gt=0)]


class SettingsError(ValueError):
    """A setting that cannot be used; the message names it and says what to write."""


class Settings(BaseModel):
    """Read from variables named ``TIERLINE_`` and the member in capitals, such as ``TIERLINE_BROKER``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    broker: Annotated[str, AfterValidator(_broker)] = Field(
        "sqlite:///tierline.db", description="where the log is: sqlite:///file"
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
    scores_drift: float = Field(5.0, gt=0, description="points that time alone may move a score before it is published")
    web_host: str = Field("127.0.0.1", description="where /metrics, /healthz and /readyz listen")
    web_port: int = Field(6066, ge=0, le=65_535, description="their port; 0: no pages")
    batch: int = Field(4_096, ge=1, le=100_000, description="records an agent is handed at once at most")

    @property
    def embedded(self) -> bool:
        """Whether the log is a file of this machine."""
        return self.broker.startswith("sqlite://")

    @property
    def path(self) -> Path:
        """The file of an embedded log."""
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
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        return Settings(**values)
    except ValidationError as error:
        lines = []
        for fault in error.errors(include_url=False, include_context=False):
            name = str(fault["loc"][0]) if fault["loc"] else "settings"
            where = (
                f"{PREFIX}{name.upper()}" if name not in given or given[name] is None else f"--{name.replace('_', '-')}"
            )
            lines.append(f"{where}={fault['input']!r}: {fault['msg'].removeprefix('Value error, ')}")
        raise SettingsError("\n".join(lines)) from None


def origins(environment: Mapping[str, str] | None = None) -> dict[str, str | None]:
    """Each setting, with the variable that it comes from; ``None`` where it is the default."""
    environment = os.environ if environment is None else environment
    names = {name: PREFIX + name.upper() for name in Settings.model_fields}
    return {name: variable if variable in environment else None for name, variable in names.items()}


def unknown_variables(environment: Mapping[str, str] | None = None) -> list[str]:
    """Variables that look like settings and are none."""
    environment = os.environ if environment is None else environment
    known = {PREFIX + name.upper() for name in Settings.model_fields}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
