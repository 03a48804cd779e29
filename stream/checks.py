"""What `tierline doctor` looks at. Each check says what it found, whether that is well, and how to mend it if not.

A check never raises for what it finds: the worse an installation is, the more this has to go on working.
"""

from __future__ import annotations

import difflib
import json
import platform
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from schemas.times import format_time
from schemas.topics import SIGNALS, TOPICS
from stream.agents.activation import in_force
from stream.compiled import is_compiled
from stream.importing import IMPORT
from stream.profiles import ProfileErrors, difference, lint_all, load_profiles
from stream.reading import open_imports, waiting
from stream.settings import PREFIX, SECRETS, Settings, SettingsError, load_settings, origins, unknown_variables
from stream.topology import partitions_of
from stream.transports.errors import LogError
from stream.transports.seam import Log

_TOGETHER = "settings: "
"""What a fault of several settings together begins with."""
Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``mend`` is empty where all is well."""

    area: str
    name: str
    status: Status
    message: str
    mend: str = ""


def settings_of(broker: str | None, profiles: Path | None) -> tuple[Settings | None, list[Finding]]:
    """The settings, ``None`` where they cannot be used, and what there is to say about them."""
    found: list[Finding] = []
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    for variable in unknown_variables():
        near = difflib.get_close_matches(variable, known, 1)
        mend = f"did you mean {near[0]}?" if near else "unset it, or look for the name among those above"
        found.append(Finding("settings", variable, "warn", "is not a setting, so it does nothing", mend))
    try:
        settings = load_settings(broker=broker, profiles=profiles)
    except SettingsError as error:
        bad = [Finding("settings", *_split(line)) for line in str(error).splitlines()]
        return None, bad + found
    given = origins()
    shown = []
    for name in Settings.model_fields:
        option = {"broker": broker, "profiles": profiles}.get(name) is not None
        origin = f"--{name}" if option else given[name] or "default"
        shown.append(Finding("settings", name, "ok", f"{_value(name, getattr(settings, name))}  ({origin})"))
    return settings, shown + found


def _split(line: str) -> tuple[str, Status, str, str]:
    if line.startswith(_TOGETHER):
        return "together", "fail", line.removeprefix(_TOGETHER), "correct or unset them"
    name, _, rest = line.partition("=")
    return name, "fail", rest, "correct or unset it"


def _value(name: str, value: object) -> str:
    if name in SECRETS and value is not None:
        return "(not shown)"
    if name in {"horizon", "scores_every", "kafka_session"} and isinstance(value, int):
        return f"{value // 86_400_000}d" if value % 86_400_000 == 0 else f"{value / 1000:g}s"
    return str(value) if value not in {"", None} else "(empty)" if value == "" else "(none)"


def machine() -> Iterator[Finding]:
    """The interpreter, SQLite, and whether the scoring is compiled."""
    yield Finding("machine", "python", "ok", f"{platform.python_version()} at {sys.executable}")
    yield Finding("machine", "sqlite", "ok", sqlite3.sqlite_version)
    if is_compiled():
        yield Finding("machine", "scoring", "ok", "compiled")
    else:
        mend = "install a C compiler, then install Tierline again; in a checkout: make compiled"
        yield Finding("machine", "scoring", "warn", "not compiled: half the signals a second, or fewer", mend)


def halves(text: str) -> tuple[str, str]:
    """An error of ours: what happened, and what to do."""
    what, _, mend = text.partition(". ")
    return what, mend


def worker(settings: Settings, running: list[str]) -> Iterator[Finding]:
    """Who runs on the log, and whether the pages answer on this machine."""
    base = f"http://{'127.0.0.1' if settings.web_host in {'0.0.0.0', '::', ''} else settings.web_host}"  # noqa: S104  (asked, not bound)
    base += f":{settings.web_port}"
    alive, ready = _page(f"{base}/healthz"), _page(f"{base}/readyz")
    if not running:
        if alive is not None:
            mend = "set TIERLINE_WEB_PORT before you start one here, or set TIERLINE_BROKER to that one's log"
            yield Finding("worker", "running", "warn", f"none on this log, but something answers at {base}", mend)
        else:
            yield Finding("worker", "running", "warn", "no worker runs on this log", "start one: tierline run")
        return
    for one in running:
        yield Finding("worker", "running", "ok", one)
    if alive is None and not settings.embedded:
        return  # on another machine
    if alive is None:
        mend = "if it was started with another TIERLINE_WEB_PORT, set that here, too; else look at its output"
        yield Finding("worker", "pages", "warn", f"nothing answers at {base}/healthz", mend)
    elif ready is not None and ready.get("ready") is False:
        reasons = "; ".join(map(str, ready.get("reasons", [])))
        yield Finding("worker", "pages", "warn", f"{base} answers, not ready: {reasons}", "wait, then ask again")
    else:
        yield Finding("worker", "pages", "ok", f"{base} answers, ready")


def _page(url: str) -> dict[str, Any] | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=1) as answer:
            body = answer.read(65_536)
    except urllib.error.HTTPError as error:
        body = error.read(65_536)
    except (OSError, ValueError):
        return None
    try:
        found = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def contents(settings: Settings, log: Log, running: list[str]) -> Iterator[Finding]:
    """What is in the log: its shape, what waits to be read, open imports, profiles, its clock."""
    try:
        if settings.embedded:
            yield from _shape(log, settings)
        yield from _lag(log, settings, running)
        yield from _imports(log, settings)
        yield from _profiles(settings, log)
        yield from _clock(log, settings)
    except LogError as error:
        yield Finding("log", "content", "fail", *halves(str(error)))


def _shape(log: Log, settings: Settings) -> Iterator[Finding]:
    topic = settings.topic(SIGNALS)
    topics = list(log.topics())
    if topic not in topics:
        there = f" It has {', '.join(sorted(topics)[:3])}…" if topics else ""
        mend = "set TIERLINE_TOPIC_PREFIX to the prefix it was made with" if topics else "`tierline run` makes them"
        yield Finding("log", "topics", "warn", f"there is no topic {topic!r}.{there}", mend)
        raise LogError(f"topic {topic!r} is missing, so nothing more can be looked at. See above.")
    found, wanted = log.partitions(topic), partitions_of(settings, SIGNALS)
    if found != wanted:
        mend = f"set TIERLINE_PARTITIONS={found}; the number is fixed once the log exists"
        yield Finding("log", "partitions", "fail", f"the log has {found}, the setting is {wanted}", mend)


def _lag(log: Log, settings: Settings, running: list[str]) -> Iterator[Finding]:
    behind = waiting(log, settings)
    if not behind:
        yield Finding("log", "lag", "ok", "everything in the log has been read")
        return
    told = ", ".join(f"{lag:,} on {topic}" for topic, lag in behind.items())
    mend = "a worker is reading: ask again; if the number does not fall, look at its output"
    yield Finding("log", "lag", "warn", f"records not read yet: {told}", mend if running else "start one: tierline run")


def _imports(log: Log, settings: Settings) -> Iterator[Finding]:
    who = log.holder(IMPORT)
    if settings.embedded:
        since = open_imports(log, settings)
        begun = format_time(min(since.values())) if since else None
    else:  # to look for marks all of the log would have to be read
        begun = None if who is None else who.since
    if begun is None:
        yield Finding("log", "imports", "ok", "none is open")
        return
    if who is not None and who.alive:
        yield Finding("log", "imports", "ok", f"one is running since {begun}: {who}")
        return
    mend = "run that `tierline send --import` again; or, to give it up: `tierline send --import /dev/null`"
    yield Finding(
        "log", "imports", "fail", f"one is open since {begun}, and its sender is gone: no ticks, no alerts", mend
    )


def _clock(log: Log, settings: Settings) -> Iterator[Finding]:
    now, newest = log.clock(), 0
    for topic in map(settings.topic, TOPICS):
        for partition in range(log.partitions(topic)):
            last = log.last(topic, partition)
            if last is not None:
                newest = max(newest, *(record.timestamp_ms for record in log.read(topic, partition, last, 1)), 0)
    ahead = newest - now
    told = f"{format_time(now - now % 1000)}, UTC"
    if ahead <= 1_000:
        yield Finding("clock", "time", "ok", told)
        return
    status: Status = "fail" if ahead > 600_000 else "warn"
    mend = "set this machine's clock (NTP); records get the later time until it has caught up"
    yield Finding("clock", "time", status, f"{told}; the log's last record is {ahead / 1000:,.0f} s ahead of it", mend)


def profiles(settings: Settings) -> Iterator[Finding]:
    """The directory of profiles, where there is no log to compare it with."""
    yield from _profiles(settings, None)


def _profiles(settings: Settings, log: Log | None) -> Iterator[Finding]:
    path = settings.profiles
    if not path.exists():
        mend = "create it with a profile in it, or set TIERLINE_PROFILES"
        yield Finding("profiles", "directory", "warn", f"{path} is not there", mend)
        return
    try:
        loaded = load_profiles(path)
    except ProfileErrors as error:
        for one in error.errors:
            yield Finding("profiles", f"{one.file}:{one.line}" if one.line else one.file, "fail", one.message, one.mend)
        return
    for (_, remarks), profile in zip(
        lint_all([one.document for one in loaded], datetime.now(UTC).date()), loaded, strict=True
    ):
        told = f"{profile.name} version {profile.version}"
        if remarks:
            mend = f"tierline profile lint {profile.path}"
            count = "1 warning" if len(remarks) == 1 else f"{len(remarks)} warnings"
            yield Finding("profiles", profile.path.name, "warn", f"{told}: {count}", mend)
        else:
            yield Finding("profiles", profile.path.name, "ok", told)
    if log is not None:
        rows = [(one.key or b"", one.value or b"") for one in log.scan_latest(settings.topic("profiles"))]
        force = {key: value for key, value in in_force(rows).items() if key[1] == "live"}
        change = difference([one for one in loaded if one.mode == "live"], force)
        for fault in change.errors:
            yield Finding("profiles", f"{Path(fault.file).name}:{fault.line}", "fail", fault.message, fault.mend)
        for new in change.activate:
            mend = "`tierline run` brings it into force at its start"
            yield Finding("profiles", new.name, "warn", f"version {new.version} is not in force", mend)
        for name, _ in change.retire:
            mend = "`tierline run` retires it at its start; put its file back if that is not meant"
            yield Finding("profiles", name, "warn", "is in force, but not in the directory", mend)
