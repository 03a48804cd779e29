"""Refusals: which sources send mostly what cannot be used, and the refusal of what we failed to process."""

from __future__ import annotations

import traceback
from collections import OrderedDict, deque
from typing import Any

from schemas.times import format_time
from stream.encoding import encoded
from stream.metrics import Metrics
from stream.rejecting import rejected_document
from stream.scoring.values import Signal
from stream.transports.records import Record
from stream.wire import Incoming, Mark, Refusal, decode, read_mark

WINDOW = 1_000
ENOUGH = 100
"""Records of a source before its share says anything."""
SOURCES = 1_000
"""Sources watched at once; the least recently heard is dropped."""
SHOWN = 50
"""Sources with a gauge of their own at once: labels stay bounded whatever arrives."""


def rejection(refusal: Refusal, record: Record, now: int) -> bytes:
    """The record on ``rejected`` that keeps a refused one whole, with its place in the log."""
    return encoded(
        rejected_document(
            refusal,
            raw=record.value or b"",
            key=record.key,
            headers=record.headers,
            origin={"topic": record.topic, "partition": record.partition, "offset": record.offset},
            rejected_at=now,
        )
    )


def ahead(signal: Signal, time: int) -> Refusal:
    """The refusal of history whose record time is not past: it would move the clock of a whole partition, for good."""
    late = f"record time {format_time(time)} is not past; mend recordedtime, or time where that is absent"
    return Refusal("in_future", late, sender_of(signal))


def read_record(record: Record) -> Mark | Incoming | Refusal:
    """What a record says, whatever was said before it."""
    try:
        return read_mark(record.value) or decode(record.value, record.headers)
    except Exception:  # of that one record, as where it is applied  # noqa: BLE001
        return unexpected()


class RefusalWatch:
    """Keeps the fate of the last records of each source: one for all agents of a worker, each record told of once.

    What intake forwards is told of where it is scored.
    """

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._fates: OrderedDict[str, deque[bool]] = OrderedDict()
        self._refused: dict[str, int] = {}
        self._shown: set[str] = set()

    def saw(self, source: str, *, refused: bool) -> None:
        """One more record of a source."""
        source = source[:200]
        fates = self._fates.get(source)
        if fates is None:
            fates = self._fates[source] = deque(maxlen=WINDOW)
            self._refused[source] = 0
            if len(self._fates) > SOURCES:
                oldest, _ = self._fates.popitem(last=False)
                del self._refused[oldest]
                self._hide(oldest)
        elif refused or source in self._shown:
            self._fates.move_to_end(source)
        if len(fates) == WINDOW:
            self._refused[source] -= fates[0]
        fates.append(refused)
        self._refused[source] += refused
        if refused or source in self._shown:
            self._show(source, self._refused[source] / len(fates), enough=len(fates) >= ENOUGH)

    def refused(self, refusal: Refusal) -> None:
        """One more refused record, of whatever source it names."""
        source = (refusal.envelope or {}).get("source")
        if isinstance(source, str):
            self.saw(source, refused=True)

    def _show(self, source: str, share: float, *, enough: bool) -> None:
        if not enough or share <= 0.5:
            self._hide(source)
        elif source in self._shown or len(self._shown) < SHOWN:
            self._shown.add(source)
            self._metrics.source_refused.labels(source).set(share)

    def _hide(self, source: str) -> None:
        if source in self._shown:
            self._shown.discard(source)
            self._metrics.source_refused.remove(source)


def unexpected() -> Refusal:
    """The refusal of a record that raised the exception being handled: a fault of ours, with where it happened."""
    trace = traceback.format_exc(limit=-8)
    message = f"the record could not be processed; this is a fault of Tierline, please report it:\n{trace}"
    return Refusal("unexpected", message)


def sender_of(signal: Signal) -> dict[str, Any]:
    """What a rejected record says of the signal it was."""
    return {"id": signal.id, "source": signal.source, "type": signal.type, "subject": signal.account}
