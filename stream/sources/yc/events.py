"""Which change of a company is an event: the signals of one observation, with the thresholds stated."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stream.sources.yc.company import Company
    from stream.sources.yc.history import Change

GROWTH_AT_LEAST = 0.5
GROWTH_BASE = 5
SHRINK_AT_LEAST = 0.3
SHRINK_BASE = 10
PEOPLE_AT_LEAST = 5

Event = tuple[str, str, dict[str, Any]]
"""(type, last part of the id, data)"""

_ASIDE = re.compile(r"\(.*?\)|\b(?:inc|llc|ltd|corp|co|formerly|fka|previously|prev)\b\.?.*$", re.IGNORECASE)
_TAIL = re.compile(r"(?:ai|io|app|hq|api|health|labs?|technologies|systems|software|bio|com)$")


def headcount(pair: tuple[int, int] | None) -> Iterator[Event]:
    """A large move of the believed headcount: `expansion` at +50 %, `layoff` at -30 %, both of five people or more."""
    if pair is None:
        return
    old, new = pair
    if abs(new - old) < PEOPLE_AT_LEAST:
        return
    if old >= GROWTH_BASE and new >= old * (1 + GROWTH_AT_LEAST):
        growth = round(new / old - 1, 4)
        yield "expansion", "expansion", {"headcount_from": old, "headcount_to": new, "growth": growth}
    elif old >= SHRINK_BASE and new <= old * (1 - SHRINK_AT_LEAST):
        yield "layoff", "layoff", {"headcount": old - new, "fraction": round((old - new) / old, 4)}


def hiring(company: Company, new: str, day: str) -> Iterator[Event]:
    """The hiring flag was raised or lowered: one posting is opened, and later that one is closed."""
    if new == "True":
        company.posting = f"yc-{company.identity}-{day}"
        yield "job_posting", "hiring", _posting(company.posting, "opened")
    elif new == "False":
        posting = company.posting or f"yc-{company.identity}-{company.first_day}"
        company.posting = None
        yield "job_posting", "hiring", _posting(posting, "closed")


def _posting(identity: str, state: str) -> dict[str, Any]:
    return {"posting_id": identity, "title": "Open roles on the YC directory", "state": state}


def status(new: str, day: str) -> Iterator[Event]:
    """Acquired and Public are events; Inactive, and coming back, are facts."""
    if new == "Acquired":
        yield "acquisition", "acquired", {"role": "acquired"}
    elif new == "Public":
        yield "funding_round", "ipo", {"series": "ipo", "announced_on": day}


def renamed(old: str, new: str) -> Iterator[Event]:
    """A new name that is not the old one written differently is announced."""
    if not same_name(old, new):
        yield "announcement", "renamed", {"kind": "other", "title": f"Renamed from {old[:200]} to {new[:200]}"}


def same_name(old: str, new: str) -> bool:
    """`inkeep` and `Inkeep`, `Sivi (previously Speakify)` and `Sivi`, `Olli.ai` and `Olli`: one name."""
    first, second = _bare(old), _bare(new)
    if not first or not second:
        return old.casefold() == new.casefold()
    if first == second or _TAIL.sub("", first) == _TAIL.sub("", second):
        return True
    short, long = sorted((first, second), key=len)
    return len(short) >= 4 and long.startswith(short)


def _bare(name: str) -> str:
    return "".join(letter for letter in _ASIDE.sub(" ", name).casefold() if letter.isalnum())


def events_of(company: Company, change: Change, pair: tuple[int, int] | None, day: str) -> Iterator[Event]:
    """The events of one change; a move of website is the accounts' matter and not here."""
    if change.field == "team_size":
        yield from headcount(pair)
    elif change.field == "isHiring":
        yield from hiring(company, change.new, day)
    elif change.field == "status":
        yield from status(change.new, day)
    elif change.field == "name":
        yield from renamed(change.old, change.new)
