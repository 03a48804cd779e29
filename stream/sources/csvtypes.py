"""What the columns of a CSV mean: which member a header names, and what kind of value its cells hold.

Headers are compared without case, spaces, hyphens and underscores. Cells are text: members named here are read as
numbers or lists; a `custom.` fact or a member no type has is read as a number or a boolean where it is plainly one,
except that leading zeros (`007`) keep it text.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

NUMBERS = frozenset(
    """
    amount_usd weight score baseline rating headcount fraction cycle_days employees annual_revenue_usd growth_rate
    """.split()  # noqa: SIM905 (a list to read, without quotes)
)
PEOPLE = frozenset({"employees", "headcount"})
SCALED = PEOPLE | {"annual_revenue_usd", "amount_usd"}
LISTS = frozenset({"investors", "technologies", "departments"})
FACTS = frozenset(
    """
    name industry sub_industry employees annual_revenue_usd country region stage growth_rate technologies departments
    owner territory parent
    """.split()  # noqa: SIM905 (a list to read, without quotes)
)
TEXTS = frozenset(
    """
    series announced_on title person seniority department previous_company posting_id state location url topic kind
    person_id technology change category competitor sentiment place role counterparty event canonical product signal_id
    signal_source signal_time
    """.split()  # noqa: SIM905 (a list to read, without quotes)
) | (FACTS - NUMBERS - LISTS)
OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "name": ("company", "company name", "account name"),
    "employees": ("employee count", "number of employees", "headcount"),
    "annual_revenue_usd": ("annual revenue",),
}
"""Facts as other systems head their columns, the likelier first."""
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_SCALES = {"k": 1_000, "m": 1_000_000, "mn": 1_000_000, "b": 1_000_000_000, "bn": 1_000_000_000}
_SCALED = re.compile(r"(\$?\s*[\d.,]{1,20})\s*(k|mn?|bn?)", re.IGNORECASE)
_BAND = re.compile(r"(\d[\d.,]*\s*k?)\s*(?:(?:-|–|—|to)\s*\d[\d.,]*\s*k?|\+)", re.IGNORECASE)
_POINTS_FOR_COMMAS = re.compile(r"\d{1,3}(?:\.\d{3})+")


def plain(header: str) -> str:
    """A header as it is compared: `Company Name`, `company-name` and `company_name` are one."""
    return re.sub(r"[\s_()-]+", "", header.casefold())


FACT_OF: dict[str, str] = {plain(name): name for name in sorted(FACTS)} | {
    plain(other): name for name, others in OTHER_NAMES.items() for other in others
}
MEMBER_OF: dict[str, str] = {plain(name): name for name in sorted(NUMBERS | LISTS | TEXTS)}


def number(text: str) -> int | float:
    """A number as people write it: `25000000`, `25,000,000`, `1.5e6`, `$300`, `45%` (0.45). Raises ValueError."""
    bare = text.strip().removeprefix("$").strip()
    if _GROUPED.fullmatch(bare):
        bare = bare.replace(",", "")
    share = bare.endswith("%")
    bare = bare.removesuffix("%")
    if not bare.isascii() or "_" in bare or bare.casefold().lstrip("+-") in ("nan", "inf", "infinity"):
        raise ValueError(f"{text[:40]!r} is not a number")
    try:
        value = float(bare)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is not a number") from None
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text[:40]!r} is too large")
    return value / 100 if share else _whole(value)


def _whole(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _scaled(text: str) -> int | float:
    """A number that may be short for thousands, millions or billions: `1k`, `$25M`."""
    found = _SCALED.fullmatch(text.strip())
    return _whole(float(round(number(found[1]) * _SCALES[found[2].casefold()], 6))) if found else number(text)


def _people(text: str) -> int | float:
    """A number of people: also the lower end of a band (`201-500`, `1k+`), and `1.200` is 1200: nobody is halved."""
    bare = re.sub(r"\s*(?:employees|people)$", "", text.strip(), flags=re.IGNORECASE)
    band = _BAND.fullmatch(bare)
    low = (band[1] if band else bare).strip()
    try:
        value = _scaled(low.replace(".", "") if _POINTS_FOR_COMMAS.fullmatch(low) else low)
    except ValueError:
        value = -1
    if value < 0:
        raise ValueError(f"{text[:40]!r} is not a number of people")
    return value


def is_band(member: str, text: str) -> bool:
    """Whether a cell is a band of sizes, of which only the lower end is kept."""
    return member in PEOPLE and "-" in text[1:].translate({0x2013: "-", 0x2014: "-"})


def _elements(member: str, text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"{text[:40]!r} is not a list: {error}") from None
        return list(value)
    # an investor is "Example, Inc." often enough
    marks = r"[;|]" if member == "investors" else r"[;|,]"
    return [part.strip() for part in re.split(marks, text) if part.strip()]


def _guess(text: str) -> Any:
    lowered = text.casefold()
    if lowered in ("true", "false"):
        return lowered == "true"
    return number(text) if _PLAIN_NUMBER.fullmatch(text) else text


def cell(member: str, text: str) -> Any:
    """The value of one filled cell. `null` says that a fact is unknown again. Raises ValueError with what is wrong."""
    text = text.strip()
    if text.casefold() == "null":
        return None
    try:
        if member in NUMBERS:
            return _people(text) if member in PEOPLE else _scaled(text) if member in SCALED else number(text)
        if member in LISTS:
            return _elements(member, text)
    except ValueError as error:
        raise ValueError(f"{member}: {error}") from None
    return text if member in TEXTS else _guess(text)
