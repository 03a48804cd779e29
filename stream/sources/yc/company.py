"""One company of the directory: what its fields say, as facts of SPEC 3.2.

Growth and size are read with care: 0 and 1 are what people type when they do not want to say, so a company of ten or
more that "becomes" 0 or 1 has an unknown size, and coming back from it is no growth.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stream.sources.countries import REGION_OF, country_code, region_name

if TYPE_CHECKING:
    from stream.sources.rewrites import Vocabulary
    from stream.sources.yc.history import Fields

PLACEHOLDER_SIZES = (0, 1)
PLACEHOLDER_FROM = 10
GROWTH_BASE = 5
GROWTH_DAYS = 365
_BATCH = re.compile(r"^(W|S|F|X|IK)(\d\d)$")
_SEASONS = {"W": "Winter", "S": "Summer", "F": "Fall", "X": "Spring", "IK": "Imagine K12"}


@dataclass(slots=True)
class Company:
    """What is known of a company while the history is walked. `sizes`: (day ordinal, believed headcount)."""

    identity: int
    fields: Fields
    domain: str | None = None
    country: str | None = None
    sizes: list[tuple[int, int]] = field(default_factory=list)
    size_unknown: bool = True
    first_day: str = ""
    posting: str | None = None
    listed: bool = True

    def told_size(self, value: str, day: str) -> tuple[int, int] | None:
        """Takes in a headcount; (last believed one, this one) where both can be believed and compared."""
        size = int(value) if value.isascii() and value.isdigit() and len(value) < 9 else None
        last = self.sizes[-1][1] if self.sizes else None
        doubtful = size in PLACEHOLDER_SIZES and last is not None and last >= PLACEHOLDER_FROM
        if size is None or doubtful:
            self.size_unknown = True
            return None
        self.size_unknown = False
        self.sizes.append((date.fromisoformat(day).toordinal(), size))
        return None if last is None else (last, size)

    def growth(self, day: str) -> float | None:
        """Headcount now over that a year ago, minus one (0.5: half as many again). None: under a year, under 5 people.

        A year ago: the last headcount told by then.
        """
        if self.size_unknown or not self.sizes:
            return None
        since = date.fromisoformat(day).toordinal() - GROWTH_DAYS
        before = [size for told, size in self.sizes if told <= since]
        if not before or before[-1] < GROWTH_BASE:
            return None
        return round(self.sizes[-1][1] / before[-1] - 1, 2)

    def place(self) -> None:
        """Keeps the country while it is still among those listed, so that a reordered list moves nobody."""
        listed = countries(self.fields)
        if listed and self.country not in listed:
            self.country = listed[0]


def places(text: str) -> list[str]:
    """The places of an `all_locations` cell, without `Remote` and repetitions."""
    found = (part.strip() for part in text.split(";"))
    return list(dict.fromkeys(part for part in found if part and part != "Remote"))


def countries(fields: Fields) -> list[str]:
    """Country codes the fields name, the most specific source first: locations, else the regions list."""
    named = [country_code(place.rsplit(",", 1)[-1]) for place in places(fields.get("all_locations", ""))]
    if not any(named):
        named = [country_code(word) for word in fields.get("regions", ())]
    return list(dict.fromkeys(code for code in named if code))


def same_meaning(name: str, old: Any, new: Any) -> bool:
    """Whether two values of a field differ only in how they are written."""
    if name == "all_locations":
        return set(places(old or "")) == set(places(new or ""))
    if name in ("regions", "tags"):
        return set(old or ()) == set(new or ())
    if name == "batch":
        return batch_name(old or "") == batch_name(new or "")
    return bool((old or "").strip().casefold() == (new or "").strip().casefold()) and name != "name"


def batch_name(text: str) -> str:
    """`W12` and `Winter 2012` are one batch."""
    match = _BATCH.match(text)
    return f"{_SEASONS[match[1]]} 20{match[2]}" if match else text


def _flag(fields: Fields, name: str) -> bool | None:
    return {"True": True, "False": False}.get(fields.get(name, ""))


def _region(company: Company) -> str | None:
    if company.country:
        return REGION_OF[company.country]
    return next((name for word in company.fields.get("regions", ()) if (name := region_name(word))), None)


def _remote(regions: tuple[str, ...]) -> str | None:
    return "fully" if "Fully Remote" in regions else "partly" if "Partly Remote" in regions else None


def facts_of(company: Company, day: str, vocabulary: Vocabulary) -> dict[str, Any]:
    """Every fact the directory gives of a company on a day; None where it says nothing."""
    fields = company.fields

    def word(name: str) -> str | None:
        value = vocabulary.canonical(name, fields.get(name, ""))
        return None if value in ("", "Unspecified") else value

    sub = (word("subindustry") or "").split("->")[-1].strip()
    status = word("status")
    batch = batch_name(fields.get("batch", ""))
    return {
        "name": fields.get("name") or None,
        "industry": word("industry"),
        "sub_industry": sub if sub and sub != "Unspecified" else None,
        "employees": None if company.size_unknown or not company.sizes else company.sizes[-1][1],
        "growth_rate": company.growth(day),
        "country": company.country,
        "region": _region(company),
        "stage": word("stage"),
        "custom.status": status.lower().replace(" ", "_") if status else None,
        "custom.hiring": _flag(fields, "isHiring"),
        "custom.batch": vocabulary.canonical("batch", batch) or None,
        "custom.tags": list(fields["tags"]) if fields.get("tags") else None,
        "custom.remote": _remote(fields.get("regions", ())),
        "custom.top_company": _flag(fields, "top_company"),
        "custom.nonprofit": _flag(fields, "nonprofit"),
        "custom.yc_id": company.identity,
        "custom.listed": company.listed,
    }
