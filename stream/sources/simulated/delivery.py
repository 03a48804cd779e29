"""How records get from a vendor to us: envelopes, and everything that goes wrong on the way.

A `Mailbag` takes what feeds tell about one company and keeps the records as they will be delivered: hours or days
late, twice, under a wrong key, with the company's name in another form. It counts each fault it makes.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import orjson

from stream.sources.simulated import rates, words
from stream.sources.simulated.rates import DAY, HOUR

if TYPE_CHECKING:
    import random
    from collections import Counter
    from collections.abc import Mapping

    from stream.sources.simulated.companies import Company

Record = tuple[int, bytes | None, bytes]
"""(record time in epoch milliseconds, key, value)"""

_EPOCH: Final = date(1970, 1, 1)
_OF_DAY: Final = [f"{hour:02d}:{minute:02d}" for hour in range(24) for minute in range(60)]
_NEVER_LATE: Final = ("account_update", "account_alias", "opportunity_outcome")


@dataclass(frozen=True, slots=True)
class Feed:
    """Somebody who tells us things: the `source` of its records, what its ids start with, its usual delay."""

    source: str
    prefix: str
    hours: float

    def delay(self, rng: random.Random) -> int:
        """How long this feed takes to deliver, in milliseconds, when nothing goes wrong."""
        return int(rng.uniform(0.02, 2.0) * self.hours * HOUR)


@dataclass(frozen=True, slots=True)
class Told:
    """What identifies a signal that was told: enough to take it back."""

    source: str
    id: str
    time: int
    recorded: int


def moment(time: int) -> str:
    """A time in epoch milliseconds as RFC 3339 in UTC."""
    day, rest = divmod(time, DAY)
    minute, rest = divmod(rest, 60_000)
    second, part = divmod(rest, 1_000)
    return f"{_date(day)}T{_OF_DAY[minute]}:{second:02d}.{part:03d}Z"


@cache
def _date(day: int) -> str:
    """The date of a day since the epoch; kept, as a market has some hundred days and two moments a record."""
    return (_EPOCH + timedelta(days=day)).isoformat()


def envelope(
    feed: Feed, number: str, kind: str, subject: str, *, time: int, recorded: int, data: Mapping[str, Any]
) -> bytes:
    """One CloudEvent of the import form: `recordedtime` says when the log would have taken it."""
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": number,
            "source": feed.source,
            "type": f"tierline.signal.{kind}",
            "subject": subject,
            "time": moment(time),
            "recordedtime": moment(recorded),
            "data": data,
        }
    )


class Mailbag:
    """The records about one company, in no order yet. Nothing recorded at or after `end` is kept."""

    def __init__(self, company: Company, rng: random.Random, end: int, faults: Counter[str]) -> None:
        """Deliver what is told of `company`; faults are counted into `faults`, which markets share."""
        self.company = company
        self.records: list[Record] = []
        self.alias_since: int | None = None
        self._rng = rng
        self._end = end
        self._faults = faults
        self._serial = 0

    def tell(self, feed: Feed, kind: str, time: int, data: Mapping[str, Any], recorded: int | None = None) -> Told:
        """Deliver one signal; with `recorded` at that very time, else with the feed's delay, or days late."""
        rng = self._rng
        late = False
        if recorded is None:
            late = kind not in _NEVER_LATE and rng.random() < rates.LATE
            delay = int(rng.uniform(*rates.LATE_DAYS) * DAY) if late else feed.delay(rng)
            recorded = time + delay
        told = Told(feed.source, self.next_id(feed), time, recorded)
        subject, odd = self._subject(time)
        key, crooked = self._key()
        value = envelope(feed, told.id, kind, subject, time=time, recorded=recorded, data=data)
        kept = self.drop(recorded, key, value)
        if kept:
            for fault in filter(None, (odd, crooked, "late" if late else None)):
                self._faults[fault] += 1
        if rng.random() < rates.REPEAT:
            again = recorded + int(rng.random() * rates.REPEAT_DAYS * DAY)
            self._faults["repeat"] += self.drop(again, key, value)
        return told

    def drop(self, recorded: int, key: bytes | None, value: bytes) -> bool:
        """Put in bytes as they are; False where the market ends before they would arrive."""
        if recorded >= self._end:
            return False
        self.records.append((recorded, key, value))
        return True

    def next_id(self, feed: Feed) -> str:
        """An id no other signal of this market has."""
        self._serial += 1
        return f"{feed.prefix}-{self.company.index:05d}-{self._serial}"

    def _subject(self, time: int) -> tuple[str, str | None]:
        """The company as this record names it, and the fault in that, if any."""
        rng, domain, fault = self._rng, self.company.domain, None
        if self.alias_since is not None and time > self.alias_since and rng.random() < rates.ALIAS_USED:
            domain, fault = self.company.alias or domain, "subject_alias"
        if rng.random() >= rates.SUBJECT_ODD:
            return domain, fault
        forms = (
            f"https://www.{domain}/about?ref=feed",
            f"www.{domain}",
            f"info@{domain}",
            domain.upper(),
            f"HTTP://{domain.capitalize()}:8080",
        )
        return rng.choice(forms), fault or "subject_odd"

    def _key(self) -> tuple[bytes | None, str | None]:
        """The record's key and the fault in it, if any; rightly it is the company's canonical domain."""
        lot = self._rng.random()
        if lot < rates.KEY_NONE:
            return None, "key_none"
        if lot < rates.KEY_NONE + rates.KEY_WRONG:
            wrong = (f"www.{self.company.domain}", self.company.domain.upper(), f"somebody-else.{words.SUFFIX}", "0")
            return self._rng.choice(wrong).encode(), "key_wrong"
        return self.company.domain.encode(), None
