"""Sending rejected records again: as they came, or mended, to where they came from.

What would be rejected again for certain is not sent; the answer says why, and what to do instead.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import orjson

from schemas.topics import INTAKE, SIGNALS
from stream.reading import Rejected
from stream.sending import Sender
from stream.settings import Settings
from stream.transports.records import Append, partition_for
from stream.transports.seam import Log
from stream.wire import Refusal, decode, read_mark

AHEAD = 600_000
"""How far a signal's time may lie ahead of the record time, in milliseconds (SPEC 3.5)."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of one record: ``to`` the topic it was sent to, or ``why`` it was not sent."""

    id: str
    to: str | None
    why: str | None = None


class Resender:
    """Decides record by record; ``flush`` makes those that are sent durable."""

    def __init__(self, log: Log, settings: Settings) -> None:
        self._log, self._settings = log, settings
        self._sender = Sender(log, settings)
        self._batch: list[Append] = []
        self._topics = {settings.topic(name) for name in (SIGNALS, *INTAKE)}

    def again(self, one: Rejected, mended: bytes | None = None) -> Fate:
        """One record, or what it was mended to."""
        if mended is None and not one.whole:
            size = one.document["raw_size"]
            return Fate(
                one.id, None, f"only the beginning of its {size:,} bytes was kept: send it again from its source"
            )
        value = one.raw if mended is None else mended
        if mended is None and _is_renaming(one):
            self._batch.append(self._as_it_came(one, self._settings.topic(SIGNALS), value))
            return Fate(one.id, self._settings.topic(SIGNALS))
        why = self._hopeless(one, value, mended=mended is not None)
        if why is not None:
            return Fate(one.id, None, why)
        topic = one.document["origin"].get("topic")
        if topic not in self._topics or (mended is not None and topic == self._settings.topic("signals")):
            return self._as_new(one, value)
        self._batch.append(self._as_it_came(one, topic, value))
        return Fate(one.id, topic)

    def flush(self) -> None:
        """Everything sent is in the log when this returns. Raises LogError."""
        self._sender.flush()
        if self._batch:
            self._log.append(self._batch)
            self._batch = []

    def _as_new(self, one: Rejected, value: bytes) -> Fate:
        """Under the key of the account that it names now."""
        refusal = self._sender.take(value)
        if refusal is not None:
            return Fate(one.id, None, refusal.message)
        return Fate(one.id, self._settings.topic("signals"))

    def _as_it_came(self, one: Rejected, topic: str, value: bytes) -> Append:
        partitions = self._log.partitions(topic)
        came = one.document["origin"]["partition"]
        partition = partition_for(one.key, partitions) if one.key is not None else min(came, partitions - 1)
        return Append(topic, partition, one.key, value, one.headers)

    def _hopeless(self, one: Rejected, value: bytes, *, mended: bool) -> str | None:
        result = decode(value, one.headers)
        if isinstance(result, Refusal):
            what = "the mended record" if mended else "it"
            return f"{what} would be rejected again: {result.message}"
        now = self._log.clock()
        if result.signal.time > now + AHEAD:
            return "its time is still ahead: send it again then, or mend its time"
        reason = one.document["reason"]
        if not mended and reason == "too_late" and result.signal.time < now - self._settings.horizon:
            return "it is older than the horizon (TIERLINE_HORIZON) and would be rejected again"
        if not mended and reason in {"alias_loop", "not_retractable"}:
            return f"it would be rejected again: {one.document['message']}"
        return None


def _is_renaming(one: Rejected) -> bool:
    """Whether it is a mark of our own that an account's memory hangs on, parked for a fault of ours."""
    mark = read_mark(one.raw) if one.document["reason"] == "unexpected" else None
    return mark is not None and mark.kind in {"alias", "joined"}


def readable(one: Rejected) -> dict[str, Any]:
    """The document as published, with its id, and its content as JSON or text where it is that."""
    raw = one.raw
    content: Any
    try:
        content = orjson.loads(raw)
    except orjson.JSONDecodeError:
        try:
            content = raw.decode()
        except UnicodeDecodeError:
            content = None
    return {"id": one.id, **one.document, "content": content, "raw": base64.b64encode(raw).decode("ascii")}
