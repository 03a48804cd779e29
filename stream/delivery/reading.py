"""Questions to the log about alerts: what waits, what was given up, what was said of an account, and history to try."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from schemas.topics import ACCOUNT_SCORES, ALERT_STATE, ALERTS, TIER_CHANGES
from stream.delivery.change import Change, read_change
from stream.delivery.state import State, StateTooNew
from stream.settings import Settings
from stream.sources.readers import open_binary
from stream.transports.errors import LogTooNew
from stream.transports.records import Record
from stream.transports.seam import Log

_CHUNK = 2_000


def state_in(log: Log, settings: Settings) -> State:
    """The state of alerting as stored now. Raises LogError."""
    rows = {record.key: record.value for record in log.scan_latest(settings.topic(ALERT_STATE))}
    try:
        return State({key: value for key, value in rows.items() if key is not None and value is not None}, 0)
    except StateTooNew as error:
        raise LogTooNew(f"{log.name}: {error}.") from error


def said_of(log: Log, settings: Settings, what: str) -> list[dict[str, Any]]:
    """Events on `alerts` about an account, a tier change (by its id) or a message (by its key), oldest first."""
    topic = settings.topic(ALERTS)
    records: Iterable[Record]
    if what.startswith(("digest/", "overflow/")):
        records = (one for partition in range(log.partitions(topic)) for one in _all(log, topic, partition, 0))
    else:
        records = log.read_key(topic, what.partition("/")[0].encode())
    events = [orjson.loads(record.value) for record in records if record.value]
    found = [event for event in events if what in _names(event)]
    return sorted(found, key=lambda event: str(event["time"]))


def _names(event: Mapping[str, Any]) -> set[str]:
    data = event["data"]
    names = {event["subject"], data.get("change"), data.get("alert"), *data.get("changes", ())}
    return names | {one.get("alert") for one in data.get("recipients", ())}


def history(log: Log, settings: Settings, since: int) -> list[tuple[int, Change]]:
    """(append time, tier change) of everything since then (ms), in order of time."""
    topic = settings.topic(TIER_CHANGES)
    found = []
    for partition in range(log.partitions(topic)):
        for record in _all(log, topic, partition, since):
            change = _change(orjson.loads(record.value or b"null"))
            if change is not None:
                found.append((record.timestamp_ms, change))
    return sorted(found, key=lambda pair: pair[0])


def facts_of(log: Log, settings: Settings, accounts: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The facts of accounts as known now."""
    wanted = {account.encode(): account for account in accounts}
    found: dict[str, dict[str, Any]] = {}
    for record in log.scan_latest(settings.topic(ACCOUNT_SCORES)):
        if record.key in wanted and record.value:
            found[wanted[record.key]] = orjson.loads(record.value)["data"]["facts"]
    return found


def history_of_file(path: Path) -> tuple[list[tuple[int, Change]], dict[str, dict[str, Any]], int]:
    """(moment, change) of tier changes in JSON lines, as `tierline replay` prints them; facts; how many other lines.

    The changes count as live, at their own time. With `replay --scores` the facts of the accounts are there, too, as
    of the end. Raises OSError.
    """
    found, facts, others = [], dict[str, dict[str, Any]](), 0
    with open_binary(path) as file:
        for line in file:
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                others += bool(line.strip())
                continue
            change = _change(event)
            if change is not None:
                found.append((change.effective_at, replace(change, importing=False)))
            elif isinstance(event, dict) and isinstance((event.get("data") or {}).get("facts"), dict):
                facts[str(event["subject"])] = event["data"]["facts"]
            else:
                others += 1
    return sorted(found, key=lambda pair: (pair[0], pair[1].sequence)), facts, others


def _change(event: Any) -> Change | None:
    try:
        return read_change(event)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _all(log: Log, topic: str, partition: int, since: int) -> Iterator[Record]:
    """Records of a partition appended since then; found by halving, since a log has no index by time."""
    low, high = log.begin(topic, partition), log.end(topic, partition)
    while since and high - low > _CHUNK:
        middle = (low + high) // 2
        found = log.read(topic, partition, middle, 1)
        if found and found[0].timestamp_ms < since:
            low = middle
        else:
            high = middle
    offset = low
    while records := log.read(topic, partition, offset, _CHUNK):
        offset = records[-1].offset + 1
        yield from (record for record in records if record.timestamp_ms >= since)
