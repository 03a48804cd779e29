"""Moments as text and as whole milliseconds since the epoch (UTC): RFC 3339, always with an offset."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:(?:[0-5]\d|(60))(?:\.\d{1,30})?(?:[Zz]|[+-]\d\d:\d\d)", re.ASCII)
_FRACTION = re.compile(r"\.(\d+)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
EARLIEST, LATEST = -62_135_596_800_000, 253_402_300_799_999  # the years 1 to 9999, UTC
# how a time of our own making ends: looked up, which is several times as fast as reading and as writing it
_SECOND = [f":{second:02d}" for second in range(60)]
_FRACTION_OF = ["Z", *(f".{part:03d}Z" for part in range(1, 1_000))]
_SECONDS = {text: second * 1_000 for second, text in enumerate(_SECOND)}
_FRACTIONS = {text: part for part, text in enumerate(_FRACTION_OF)} | {".000Z": 0}
MEND = "write it with an offset, as 2026-11-20T09:00:00Z"


def parse_time(text: object) -> int:
    """Milliseconds since the epoch of an RFC 3339 time, truncated to the millisecond before it.

    Raises ValueError, with what to mend, for anything else: no offset, no such day, not text.
    """
    if type(text) is str:
        seconds, fraction = _SECONDS.get(text[16:19]), _FRACTIONS.get(text[19:])
        if seconds is not None and fraction is not None:
            return _minute(text[:16]) + seconds + fraction
    return _read(text)


@lru_cache(maxsize=4_096)
def _minute(text: str) -> int:
    """The beginning of a minute, UTC: the moments of a stream lie close together."""
    return _read(text + ":00Z")


def _read(text: object) -> int:
    shape = _RFC3339.fullmatch(text) if isinstance(text, str) else None
    if shape is None or not isinstance(text, str):
        if isinstance(text, str) and _RFC3339.fullmatch(text + "Z"):
            raise ValueError(f"has no offset, so nobody knows which moment it is ({MEND})")
        raise ValueError(f"is not a time ({MEND})")
    leap = 0
    if shape[1]:  # a leap second is the moment after :59, as POSIX time has it
        text, leap = text[:17] + "59" + text[19:], 1_000
    if "." in text:
        # digits beyond the sixth would be refused, and we keep three of them anyway
        text = _FRACTION.sub(lambda part: "." + part[1][:6].ljust(6, "0"), text)
    try:
        time = (datetime.fromisoformat(text.upper()) - _EPOCH) // _MILLISECOND + leap
    except (ValueError, OverflowError):
        raise ValueError(f"is no moment that exists ({MEND})") from None
    if not EARLIEST <= time <= LATEST:  # an offset can reach beyond the years that can be written back
        raise ValueError(f"is outside the years 1 to 9999 ({MEND})")
    return time


def format_time(time: int) -> str:
    """`2026-11-20T09:00:00Z`; with `.021` where the milliseconds are not zero."""
    minute, rest = divmod(time, 60_000)
    seconds, milliseconds = divmod(rest, 1_000)
    return _written(minute) + _SECOND[seconds] + _FRACTION_OF[milliseconds]


@lru_cache(maxsize=4_096)
def _written(minute: int) -> str:
    return (_EPOCH + timedelta(minutes=minute)).isoformat()[:16]


def check_date(text: str) -> str:
    """The date as it came, when it is a calendar day `YYYY-MM-DD`; else ValueError."""
    if _DATE.fullmatch(text) is None:
        raise ValueError("is not a date (write YYYY-MM-DD)")
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("is no day of the calendar (write YYYY-MM-DD)") from None
    return text
