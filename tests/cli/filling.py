"""A log as a worker would leave it, made with the pure core: scores, tier changes, rejected records, profiles."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import orjson

from schemas.times import format_time, parse_time
from stream.profiles import digest_of
from stream.rejecting import rejected_document
from stream.scoring.engine import Engine
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.settings import Settings, load_settings
from stream.topology import open_log
from stream.transports.records import Append, partition_for
from stream.wire import Incoming, decode, encode_change, encode_scored

DAY = 86_400_000
NOW = time.time_ns() // 1_000_000

PROFILE: dict[str, Any] = {
    "profile": "crm",
    "version": 2,
    "name": "CRM vendors",
    "groups": [
        {
            "name": "fit",
            "criteria": [
                {"id": "size", "when": {"employees": {"gte": 100}}, "points": 30},
                {"id": "salesforce", "when": {"technologies": {"has": "salesforce"}}, "points": 20},
            ],
        },
        {
            "name": "timing",
            "criteria": [
                {
                    "id": "new_cro",
                    "signal": "executive_hire",
                    "where": {"title": {"matches": "CRO"}},
                    "points": 40,
                    "decay": {"half_life": "30d"},
                },
                {"id": "money", "signal": "funding_round", "points": 10, "decay": "none"},
            ],
        },
    ],
    "exclude": [{"id": "layoffs", "signal": "layoff", "decay": {"window": "90d"}}],
    "tiers": [{"name": "hot", "enter": 70, "leave": 65}, {"name": "warm", "enter": 30}, {"name": "cold"}],
}


def event(number: int, account: str, type_: str, days_ago: float, data: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A signal so many days ago."""
    return {
        "specversion": "1.0",
        "id": f"e-{number}",
        "source": "test",
        "type": f"tierline.signal.{type_}",
        "subject": account,
        "time": format_time(NOW - int(days_ago * DAY)),
        "data": data,
        **more,
    }


def facts(number: int, account: str, days_ago: float, **told: Any) -> dict[str, Any]:
    """Facts so many days ago."""
    return event(number, account, "account_update", days_ago, {"facts": told})


HISTORY = [
    facts(1, "acme.com", 80, name="Acme Corporation", employees=500, industry="software", technologies=["salesforce"]),
    event(2, "acme.com", "executive_hire", 20, {"title": "CRO", "person": "Dana Roe"}),
    event(3, "acme.com", "funding_round", 5, {"series": "b", "amount_usd": 25_000_000}),
    facts(4, "beta.io", 60, name="Beta [red]evil[/red] \x1b[31m\u202e", employees=200),
    facts(5, "gamma.de", 50, name="Gamma GmbH", employees=3),
    facts(6, "delta.org", 40, name="Delta", employees=900),
    event(7, "delta.org", "layoff", 10, {"headcount": 50}),
]


def fill(history: list[dict[str, Any]] | None = None, settings: Settings | None = None) -> Settings:
    """Everything a worker would have written for this history, with its times as record times."""
    settings = settings or load_settings()
    partition = Partition(Engine(), accounts := Memory())
    partition.activate(compile_profile(PROFILE), 0)
    with open_log(settings) as log:
        appends = [_force(settings)]
        for told in sorted(history or HISTORY, key=lambda one: parse_time(one["time"])):
            document = {**told, "recordedtime": told["time"]}
            incoming = decode(orjson.dumps(document))
            assert isinstance(incoming, Incoming), incoming
            key = incoming.signal.account.encode()
            appends.append(_append(settings, "signals", key, orjson.dumps({**document, "subject": key.decode()})))
            effects = partition.signal(incoming.signal, incoming.recorded or 0)
            appends += [_change(settings, change) for change in effects.changes]
        appends += [_change(settings, change) for change in partition.advance(NOW)]
        for name, state in accounts.states.items():
            places = [standing(state, place, NOW) for place in state.places.values()]
            value = encode_scored(state, places, source=settings.source, as_of=NOW)
            appends.append(_append(settings, "account-scores", name.encode(), value))
        log.append(appends)
    return settings


def reject(settings: Settings, raw: bytes, *, topic: str = "signals.funding", key: bytes | None = None) -> str:
    """The record is rejected as intake would; its id."""
    refusal = decode(raw)
    assert not isinstance(refusal, Incoming), refusal
    origin = {"topic": settings.topic(topic), "partition": 0, "offset": 7}
    document = rejected_document(refusal, raw=raw, key=key, headers=(), origin=origin, rejected_at=NOW)
    return put_rejected(settings, document)


def put_rejected(settings: Settings, document: dict[str, Any]) -> str:
    with open_log(settings) as log:
        record = _append(settings, "rejected", b"", orjson.dumps(document))
        offset = log.append([record])[0]
    return f"{record.partition}:{offset}"


def write_profile(folder: Path, document: dict[str, Any] | None = None, name: str = "crm.json") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(orjson.dumps(document or PROFILE, option=orjson.OPT_INDENT_2))
    return path


def _force(settings: Settings) -> Append:
    row = {"profile": PROFILE, "digest": digest_of(PROFILE), "activated_at": format_time(NOW)}
    return Append(settings.topic("profiles"), 0, b"crm/live", orjson.dumps(row))


def _append(settings: Settings, topic: str, key: bytes, value: bytes) -> Append:
    return Append(settings.topic(topic), partition_for(key, settings.partitions), key, value)


def _change(settings: Settings, change: Any) -> Append:
    value = encode_change(change, source=settings.source, importing=False, detected_at=NOW)
    return _append(settings, "tier-changes", change.account.encode(), value)
