"""What kind of value each column of a CSV holds: the members of SPEC 3.2 that are numbers or lists.

Cells are text. Members named here are read as numbers or lists; a `custom.` fact or a member SPEC does not know is read
as a number or a boolean where it is plainly one, except that leading zeros (`007`) keep it text.
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
_PLAIN_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?")
_GROUPED = re.compile(r"-?\d{1,3}(?:,\d{3})+(?:\.\d+)?")


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
    if share:
        return value / 100
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _elements(text: str) -> list[Any]:
    if text.lstrip().startswith("["):
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise ValueError(f"{text[:40]!r} is not a list: {error}") from None
        return list(value)
    return [part.strip() for part in re.split(r"[;|]", text) if part.strip()]


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
            return number(text)
        if member in LISTS:
            return _elements(text)
    except ValueError as error:
        raise ValueError(f"{member}: {error}") from None
    return text if member in TEXTS else _guess(text)
