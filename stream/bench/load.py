"""A load like that of a market: five types of signals, a few accounts that are heard of often, repeats, and faults.

The same arguments give the same bytes, and a shorter load is the beginning of a longer one.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import accumulate, islice
from typing import Any, NamedTuple

import orjson

from schemas.topics import ACCOUNTS
from stream.transports.records import partition_for

REPEATED = 0.02
"""Share of signals that are delivered again a little later."""
BAD = 0.01
"""Share of records that cannot be used."""
SKEW = 50
"""Of the Zipf-Mandelbrot law 1 / (rank + SKEW): of 100,000 accounts the first has 0.26 % of all signals, and half of
them come from 2,200."""
HOUR_MS = 3_600_000
YEARS_MS = 3_650 * 24 * HOUR_MS
TYPES = {
    "content_consumption": 55,
    "job_posting": 20,
    "account_update": 12,
    "funding_round": 7,
    "executive_hire": 6,
}
"""Per cent of each."""
FAMILY = {
    "content_consumption": "signals.content",
    "job_posting": "signals.jobs",
    "account_update": ACCOUNTS,
    "funding_round": "signals.funding",
    "executive_hire": "signals.people",
}
"""Where an upstream that is made by families sends each."""
END = "bench/end/"
"""How the ids of the last records begin. They lie years ahead, so that they are refused, and the refusal is seen."""

_INDUSTRIES = ("technology", "manufacturing", "financial services", "retail", "education", "life sciences", "logistics")
_TECHNOLOGIES = ("salesforce", "snowflake", "hubspot", "kafka", "workday", "sap", "marketo", "stripe")
_TITLES = ("Account Executive", "Sales Director", "Data Engineer", "Office Manager", "Revenue Operations Lead")
_CHIEFS = ("Chief Revenue Officer", "CFO", "CRO", "Chief Technology Officer", "VP People")
_TOPICS = ("crm", "forecasting", "data quality", "sales enablement", "pricing")


class Entry(NamedTuple):
    """One record of a load."""

    partition: int
    """Of ``signals``."""
    key: bytes
    value: bytes
    timestamp_ms: int
    topic: str
    """The topic that an upstream made by families would send it to."""


def make_load(count: int, partitions: int, base: int, *, accounts: int = 100_000, seed: int = 1) -> list[Entry]:
    """So many records in their order, a millisecond apart from ``base`` (epoch ms) on."""
    return list(islice(_entries(partitions, base, accounts, seed), count))


def last_records(name: str, partitions: int, base: int) -> list[Entry]:
    """A record for each partition whose refusal says that what came before it has been worked through."""
    found: dict[int, Entry] = {}
    number = 0
    while len(found) < partitions:
        account = f"{name}-{number}.com"
        number += 1
        partition = partition_for(account.encode(), partitions)
        if partition not in found:
            value = event(f"{END}{name}/{partition}", "content_consumption", account, base + YEARS_MS, {"topic": "end"})
            found[partition] = Entry(partition, account.encode(), value, base, "")
    return [found[partition] for partition in range(partitions)]


def event(id_: str, kind: str, account: str, time: int, data: dict[str, Any], source: str = "bench:load") -> bytes:
    """A signal as a CloudEvent."""
    moment = datetime.fromtimestamp(time / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": id_,
            "source": source,
            "type": f"tierline.signal.{kind}",
            "subject": account,
            "time": moment,
            "data": data,
        }
    )


def _entries(partitions: int, base: int, accounts: int, seed: int) -> Iterator[Entry]:
    dice = random.Random(seed)  # noqa: S311  (a load, no secret)
    weights = list(accumulate(1 / (rank + SKEW) for rank in range(1, accounts + 1)))
    kinds, shares = list(TYPES), list(accumulate(TYPES.values()))
    places: dict[int, int] = {}
    again: list[tuple[int, Entry]] = []
    number = 0
    while True:
        if again and again[0][0] <= number:
            yield again.pop(0)[1]._replace(timestamp_ms=base + number)
            number += 1
            continue
        [rank] = dice.choices(range(accounts), cum_weights=weights)
        [kind] = dice.choices(kinds, cum_weights=shares)
        account = f"acct{rank:07d}.com"
        partition = places.get(rank)
        if partition is None:
            partition = places[rank] = partition_for(account.encode(), partitions)
        # a signal is told some while after it happened; how long is fixed by the seed, so is every byte
        time = base + number - dice.randrange(6 * HOUR_MS)
        value = event(f"{seed}-{number}", kind, account, time, _data(dice, kind, number), _source(kind))
        if dice.random() < BAD:
            value = _spoilt(dice, value)
        entry = Entry(partition, account.encode(), value, base + number, FAMILY[kind])
        if dice.random() < REPEATED:
            again.append((number + 1_000, entry))
        yield entry
        number += 1


def _source(kind: str) -> str:
    return f"bench:{kind}"


def _spoilt(dice: random.Random, value: bytes) -> bytes:
    """As senders spoil records: cut off, a member left out, a type that nobody knows, a free-mail address."""
    match dice.randrange(4):
        case 0:
            return value[: len(value) // 2]
        case 1:
            return value.replace(b'"source"', b'"sauce"', 1)
        case 2:
            return value.replace(b"tierline.signal.", b"tierline.signal.un", 1)
        case _:
            start, end = value.index(b'"subject":"') + 11, value.index(b'","time"')
            return value[:start] + b"somebody@gmail.com" + value[end:]


def _data(dice: random.Random, kind: str, number: int) -> dict[str, Any]:
    match kind:
        case "content_consumption":
            return {"topic": dice.choice(_TOPICS), "kind": "page_view", "url": f"https://example.com/p/{number % 997}"}
        case "job_posting":
            return {"title": dice.choice(_TITLES), "posting_id": f"p-{number}", "state": "opened", "location": "Leeds"}
        case "funding_round":
            amount = dice.randrange(1, 90) * 1_000_000
            return {"series": dice.choice(("seed", "a", "b", "c")), "amount_usd": amount, "investors": ["North Fund"]}
        case "executive_hire":
            return {"title": dice.choice(_CHIEFS), "person": f"Dana {number % 977}", "seniority": "c_level"}
        case _:
            return {"facts": _facts(dice, number)}


def _facts(dice: random.Random, number: int) -> dict[str, Any]:
    return {
        "name": f"Company {number}",
        "industry": dice.choice(_INDUSTRIES),
        "employees": dice.choice((12, 80, 240, 480, 2_000)),
        "annual_revenue_usd": dice.choice((4, 60, 270, 900)) * 1_000_000,
        "growth_rate": dice.choice((0.05, 0.15, 0.25, 0.6)),
        "country": dice.choice(("US", "GB", "DE", "CA", "FR")),
        "technologies": dice.sample(_TECHNOLOGIES, 3),
    }


def by_partition(entries: Sequence[Entry]) -> dict[int, list[Entry]]:
    """A load by partition of ``signals``, each in order."""
    found: dict[int, list[Entry]] = {}
    for entry in entries:
        found.setdefault(entry.partition, []).append(entry)
    return found
