"""The routes file: read, checked as a whole, with its channels ready to be used. The impure shell of `routes.py`."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from schemas.channels import ChannelsInvalid
from schemas.conditions import conditions_in
from schemas.profiles import Fault, ProfileInvalid
from schemas.routes import validate_routes
from stream.delivery.channels import build_channels
from stream.delivery.message import Channel
from stream.delivery.routes import Routes, compile_routes
from stream.delivery.safety import Outbound, networks
from stream.profiles import LoadedProfile
from stream.profiles.document import MOST_BYTES, Document, read_document
from stream.profiles.errors import ProfileError, ProfileErrors
from stream.profiles.patterns import pattern_fault
from stream.settings import Settings


class RoutesErrors(ProfileErrors):
    """All the faults of a routes file. Nothing of it is used."""


@dataclass(frozen=True, slots=True)
class LoadedRoutes:
    """A valid routes file."""

    path: Path
    document: dict[str, Any]
    routes: Routes
    channels: Mapping[str, Channel]
    labels: Mapping[str, str] = field(default_factory=dict)
    """How people call profiles and criteria."""

    @property
    def told(self) -> str:
        """The file and how much is in it, such as ``alerts.yaml: 3 routes, 1 channel``."""
        counts = {"route": len(self.routes.routes), "channel": len(self.channels)}
        return f"{self.path}: " + ", ".join(f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items())


class RoutesFile:
    """A routes file that may change while it is in force."""

    def __init__(self, path: Path, settings: Settings, labels: Mapping[str, str] | None = None) -> None:
        """Load it. Raises RoutesErrors."""
        self._path, self._settings, self._labels = path, settings, labels or {}
        self._seen = _signature(path)
        self.broken = False
        """Whether the file as it is now cannot be used, and an earlier one is in force."""
        self.loaded = replace(load_routes(path, settings), labels=self._labels)

    def reload(self) -> str | None:
        """Take up the file where it has changed. What to tell of it, where there is something."""
        signature = _signature(self._path)
        if signature == self._seen:
            return None
        self._seen = signature
        try:
            self.loaded = replace(load_routes(self._path, self._settings), labels=self._labels)
        except RoutesErrors as error:
            self.broken = True
            return f"the routes are not taken up, those from before stay in force: {error}"
        self.broken = False
        return f"the routes of {self._path} are in force"


def _signature(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return found.st_mtime_ns, found.st_size, found.st_ino


def load_routes(
    path: Path, settings: Settings, environment: Mapping[str, str] | None = None, *, pretend: bool = False
) -> LoadedRoutes:
    """The file at `path`. Raises RoutesErrors with all its faults, each with its line; no secret is in them.

    `environment`: where the secrets are that the file names; by default, that of the process. Nothing is sent.
    `pretend`: look for no secret, and allow every way, since nothing will be.
    """
    file = str(path)
    source = _read(file, path)
    try:
        valid = validate_routes(source.value)
    except ProfileInvalid as error:
        raise _errors(file, source, error.faults) from None
    faults = list(_patterns(source.value))
    channels: dict[str, Channel] = {}
    try:
        channels = build_channels(
            _pretended(source.value["channels"]) if pretend else source.value["channels"],
            os.environ if environment is None else environment,
            Outbound(http=settings.alerts_in_clear or pretend, allow=networks(settings.alerts_allow)),
            folder=path.parent,
        )
    except ChannelsInvalid as error:
        faults += [Fault(("channels", *fault.path), fault.message, fault.mend) for fault in error.faults]
    if faults:
        raise _errors(file, source, faults)
    return LoadedRoutes(path, source.value, compile_routes(valid), channels)


def load_to_try(path: Path, settings: Settings) -> LoadedRoutes:
    """The file for a rehearsal: its channels render, but have no secrets and reach nobody. Raises RoutesErrors."""
    return load_routes(path, settings, _PRETENDED, pretend=True)


_PRETENDED = {"URL": "https://example.com/pretended", "KEY": "whsec_" + base64.b64encode(bytes(32)).decode()}


def _pretended(channels: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Channels with pretended secrets in place of theirs."""
    secret = {"webhook": "URL", "url": "URL", "token": "KEY", "password": "KEY"}
    found = {}
    for name, channel in channels.items():
        written = dict(channel)
        for member, kind in secret.items():
            if isinstance(written.get(member), dict):
                written[member] = {"env": kind}
        if "keys" in written:
            written["keys"] = [{"env": "KEY"}]
        found[name] = written
    return found


def _read(file: str, path: Path) -> Document:
    try:
        with path.open("rb") as opened:
            content = opened.read(MOST_BYTES + 1)
    except OSError as error:
        mend = "check path and rights (TIERLINE_ROUTES, --routes)"
        raise RoutesErrors([ProfileError(file, 0, 0, f"cannot be read: {error.strerror}", mend)]) from None
    try:
        return read_document(file, content)
    except ProfileErrors as error:
        raise RoutesErrors([_of_routes(one) for one in error.errors]) from None


def _of_routes(error: ProfileError) -> ProfileError:
    message = error.message.replace("is not a profile", "is not a routes file")
    mend = error.mend.replace("begin with profile: <name>", "begin with channels:")
    return ProfileError(error.file, error.line, error.column, message, mend.replace("a profile has", "it may have"))


def _patterns(document: dict[str, Any]) -> list[Fault]:
    faults = []
    for at, route in enumerate(document["routes"]):
        for path, _, operator, operand in conditions_in(route.get("when"), ("routes", at, "when")):
            fault = pattern_fault(path, operand) if operator == "matches" else None
            if fault is not None:
                faults.append(fault)
    return faults


def _errors(file: str, source: Document, faults: list[Fault]) -> RoutesErrors:
    errors = []
    for fault in faults:
        line, column = source.place(fault.path)
        where, called = ".".join(map(str, fault.path)), _called(source.value, fault.path)
        message = f"{where}: {fault.message}" if where else fault.message
        errors.append(ProfileError(file, line, column, message, f"{fault.mend}{called}" if fault.mend else called))
    return RoutesErrors(errors)


def _called(document: Any, path: tuple[int | str, ...]) -> str:
    """What the author calls the place: ` (route hot)`; empty where it has no name."""
    if path[:1] != ("routes",) or len(path) < 2:
        return ""
    try:
        name = document["routes"][path[1]]["route"]
    except (LookupError, TypeError):
        return ""
    return f" (route {name[:60]})" if isinstance(name, str) and name and path[2:] != ("route",) else ""


def labels_of(profiles: Iterable[LoadedProfile]) -> dict[str, str]:
    """How people call profiles and criteria: by ``profile`` and by ``profile/criterion``."""
    labels = {}
    for profile in profiles:
        if profile.mode != "live":
            continue
        if profile.document.get("name"):
            labels[profile.name] = str(profile.document["name"])
        for group in profile.document["groups"]:
            for criterion in group["criteria"]:
                if criterion.get("description"):
                    labels[f"{profile.name}/{criterion['id']}"] = str(criterion["description"])
    return labels
