"""Names that stand for others, in one partition: what comes under them goes where it belongs.

An alias takes effect by two marks. The first says that a name stands for another account from that offset on. Whoever
works through it ends the account of the old name, and appends the second under the canonical one: what was remembered
of it (ADRs 0005 and 0015).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.envelope import MOST_BYTES
from schemas.topics import ACCOUNTS, SIGNALS
from stream.scoring.merger import Remains, halves
from stream.scoring.values import Signal
from stream.settings import Settings
from stream.transports.records import Append, Record, partition_for
from stream.wire import Refusal, encode_mark, forwarded


def alias_mark(alias: Signal, *, source: str, now: int) -> bytes:
    """For the partition of ``alias.account``, a name that stands for ``alias.data["canonical"]`` from now on."""
    old, canonical = alias.account, alias.data["canonical"]
    return encode_mark("alias", _told(alias), source=source, time=now, id_=f"alias/{old}/{canonical}")


def joined(alias: Signal, remains: Remains, settings: Settings, now: int, most: int = MOST_BYTES) -> list[Append]:
    """For the partition of the canonical account, what was remembered of the other: one record, or what it takes."""
    data = {**_told(alias), "remains": remains}
    mark = encode_mark("joined", data, source=settings.source, time=now, id_=f"joined/{remains['id']}")
    parts = halves(remains) if len(mark) > most else None
    if parts is None:
        return [_keyed(alias.data["canonical"], mark, settings)]
    return [one for part in parts for one in joined(alias, part, settings, now, most)]


def alias_of(data: Mapping[str, Any], moved: Mapping[str, str]) -> Signal:
    """The alias that a mark tells of; ``moved``: what the canonical name may stand for itself by now."""
    time, source, id_ = data["told"]
    canonical = data["canonical"]
    names = {"old": data["old"], "canonical": moved.get(canonical, canonical)}
    return Signal(names["old"], source, id_, "account_alias", time, names)


def resolved(signal: Signal, moved: Mapping[str, str]) -> Signal:
    """A signal of the account that its name stands for, as its partition's log has told: its order decides."""
    account = moved.get(signal.account)
    if account is None or signal.type == "account_alias":  # an alias speaks of the old name itself
        return signal
    return Signal(account, signal.source, signal.id, signal.type, signal.time, signal.data)


def forward(signal: Signal, record: Record, settings: Settings) -> Append | Refusal:
    """A record that is not keyed by its canonical account, or not for this topic, where it belongs."""
    alias = signal.type == "account_alias"
    value = forwarded(record.value or b"", record.headers, None if alias else signal.account)
    if isinstance(value, Refusal):
        return value
    if alias:
        return Append(settings.topic(ACCOUNTS), 0, signal.account.encode(), value)
    return _keyed(signal.account, value, settings)


def _keyed(account: str, value: bytes, settings: Settings) -> Append:
    key = account.encode()
    return Append(settings.topic(SIGNALS), partition_for(key, settings.partitions), key, value)


def _told(alias: Signal) -> dict[str, Any]:
    told = alias.time, alias.source, alias.id
    return {"old": alias.account, "canonical": alias.data["canonical"], "told": told}
