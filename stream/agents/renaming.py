"""Names that stand for others, in one partition: what comes under them goes where it belongs.

An alias takes effect by two marks. The first says that a name stands for another account from that offset on. Whoever
works through it ends the account of the old name, and appends the second under the canonical one: what was remembered
of it (ADRs 0005 and 0015).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from schemas.envelope import MOST_BYTES
from schemas.topics import ACCOUNTS, SIGNALS
from stream.scoring.judge import key_of
from stream.scoring.merger import Remains, halves, has_joined
from stream.scoring.values import Signal
from stream.settings import Settings
from stream.transports.records import Append, Record, partition_for
from stream.wire import Refusal, encode_mark, forwarded


class Renamed:
    """The names of a partition that stand for others by now."""

    __slots__ = ("_changed", "names", "took")

    def __init__(self) -> None:
        self._changed: set[str] = set()
        self.names: dict[str, str] = {}
        """Old name → the one it stands for, as told."""
        self.took: dict[str, tuple[str, ...]] = {}
        """Old name → the remains that it was given, or that were sent on from it: they come again with a log that is
        worked through anew, and the name may stand for another account by then."""

    def rename(self, old: str, canonical: str, took: Iterable[str] = ()) -> None:
        """``took``: the remains that its account had been given."""
        self.names[old] = canonical
        self._changed.add(old)
        if took := (*self.took.get(old, ()), *took):
            self.took[old] = took

    def read(self, old: str, row: bytes) -> None:
        """Take in what is stored of a name."""
        if row.startswith(b"{"):
            found = orjson.loads(row)
            self.rename(old, found["canonical"], found["took"])
        else:
            self.rename(old, row.decode())
        self._changed.discard(old)

    def sends_on(self, old: str, id_: str) -> bool:
        """Whether remains that come for a name go on to the account it stands for: not if they went there before."""
        took = self.took.get(old, ())
        if has_joined(took, id_):
            return False
        self.took[old] = (*took, id_)
        self._changed.add(old)
        return True

    def changed(self) -> list[tuple[str, bytes]]:
        """Names, and what is to be stored of them, since this was last asked."""
        found = [(old, self._row(old)) for old in sorted(self._changed)]
        self._changed.clear()
        return found

    def _row(self, old: str) -> bytes:
        canonical, took = self.names[old], self.took.get(old)
        return orjson.dumps({"canonical": canonical, "took": took}) if took else canonical.encode()


def alias_mark(alias: Signal, *, source: str, now: int, history: bool) -> bytes:
    """For the partition of ``alias.account``, a name that stands for ``alias.data["canonical"]`` from now on.

    ``history``: it was told with an import, so nobody is to be alerted of what comes of it.
    """
    old, canonical = alias.account, alias.data["canonical"]
    data = {**_told(alias), "import": history}
    return encode_mark("alias", data, source=source, time=now, id_=f"alias/{old}/{canonical}")


def joined(
    alias: Signal, remains: Remains, settings: Settings, now: int, *, history: bool, most: int = MOST_BYTES
) -> list[Append]:
    """For the partition of the canonical account, what was remembered of the other: one record, or what it takes."""
    data = {**_told(alias), "import": history, "remains": remains}
    mark = encode_mark("joined", data, source=settings.source, time=now, id_=f"joined/{remains['id']}")
    parts = halves(remains) if len(mark) > most else None
    if parts is None:
        return [_keyed(alias.data["canonical"], mark, settings)]
    return [one for part in parts for one in joined(alias, part, settings, now, history=history, most=most)]


def alias_of(data: Mapping[str, Any], moved: Mapping[str, str]) -> Signal:
    """The alias that a mark tells of; ``moved``: what the canonical name may stand for itself by now."""
    canonical = data["canonical"]
    names = {"old": data["old"], "canonical": moved.get(canonical, canonical)}
    # marks of the first state of this project do not say who told it
    time, source, id_ = data.get("told") or (0, "tierline", f"alias/{data['old']}/{canonical}")
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
    return {"old": alias.account, "canonical": alias.data["canonical"], "told": key_of(alias)}
