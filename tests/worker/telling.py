"""Signals as a producer makes them, and ways to put them into the log of an installation."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from schemas.times import format_time
from stream.transports.records import Append, partition_for

from .processes import Installation

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000

PROFILE = """
profile: quick
version: {version}
groups:
  - name: fit
    criteria:
      - {{id: big, when: {{employees: {{gte: 100}}}}, points: {big}}}
  - name: timing
    criteria:
      - {{id: funding, signal: funding_round, points: 40, decay: {funding}}}
      - {{id: reading, signal: content_consumption, points: 4, cap: 30, decay: {{half_life: 10d}}}}
exclude:
  - {{id: layoffs, signal: layoff, decay: {{window: 30d}}}}
tiers:
  - {{name: hot, enter: 50, leave: 45}}
  - {{name: warm, enter: 25}}
  - {{name: cold}}
"""


def profile(version: int = 1, *, big: int = 20, funding: str = "{window: 30d}", name: str = "quick") -> str:
    """A profile of three tiers; ``funding`` is how a funding round decays."""
    return PROFILE.format(version=version, big=big, funding=funding).replace("profile: quick", f"profile: {name}")


def now() -> int:
    """The wall clock, epoch ms."""
    return time.time_ns() // 1_000_000


def event(
    id_: str, account: str, type_: str, data: dict[str, Any], at: int | None = None, **members: Any
) -> dict[str, Any]:
    """A signal as a CloudEvent; ``at``: when it happened (epoch ms; default now)."""
    document = {
        "specversion": "1.0",
        "id": id_,
        "source": "test",
        "type": f"tierline.signal.{type_}",
        "subject": account,
        "time": format_time(now() if at is None else at),
        "data": data,
    }
    return document | members


def funding(id_: str, account: str, at: int | None = None, series: str = "b", **members: Any) -> dict[str, Any]:
    """A funding round."""
    return event(id_, account, "funding_round", {"series": series}, at, **members)


def facts(id_: str, account: str, at: int | None = None, **values: Any) -> dict[str, Any]:
    """Facts of an account."""
    return event(id_, account, "account_update", {"facts": values}, at)


def keyed(installation: Installation, document: dict[str, Any]) -> Append:
    """The record of ``signals`` that whoever can key correctly appends."""
    key = str(document["subject"]).encode()
    partition = partition_for(key, installation.settings.partitions)
    return Append(installation.settings.topic("signals"), partition, key, json.dumps(document).encode())


def send(installation: Installation, *documents: dict[str, Any]) -> None:
    """Append signals to ``signals``, each under its subject."""
    append(installation, *(keyed(installation, document) for document in documents))


def append(installation: Installation, *appends: Append) -> list[int]:
    """Append records, in one transaction; their offsets."""
    with installation.log() as log:
        return log.append(appends)


def until(found: Callable[[], Any], seconds: float = 20, every: float = 0.05) -> Any:
    """The first answer that is true; an AssertionError when there is none in time."""
    end = time.monotonic() + seconds
    while True:
        answer = found()
        if answer:
            return answer
        assert time.monotonic() < end, f"nothing within {seconds} s: {found}"
        time.sleep(every)


def changes(installation: Installation, account: str | None = None) -> list[dict[str, Any]]:
    """``data`` of the tier changes, partition by partition in order; of one account or all."""
    found = [document["data"] for document in installation.documents("tier-changes")]
    return [one for one in found if account is None or one["account"] == account]


def moves(found: Iterable[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """(sequence, from, to, cause, import) of changes."""
    return [(one["sequence"], one["from_tier"], one["to_tier"], one["cause"], one["import"]) for one in found]


def latest(installation: Installation) -> dict[str, dict[str, Any]]:
    """``data`` of the latest record of every account on ``account-scores``."""
    with installation.log() as log:
        found = {}
        for record in log.scan_latest(installation.settings.topic("account-scores")):
            if record.value is not None:
                data = json.loads(record.value)["data"]
                found[data["account"]] = data
        return found
