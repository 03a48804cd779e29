"""Faults that make the core itself raise, in parts that are real: a profile that cannot be weighed, a damaged state."""

from __future__ import annotations

import json
from typing import Any

from stream.transports.rows import MemoryRows, Rows

from .telling import event

INCOMPARABLE = {"id": "boom", "when": {"custom.boom": {"gt": "text"}}, "points": 1}
"""No check lets it through. The core raises as soon as an account knows the fact, which it has taken by then."""


def breakable(profile: dict[str, Any]) -> dict[str, Any]:
    """The profile, with a criterion that makes the core raise after each ``boom``."""
    first, *others = profile["groups"]
    return profile | {"groups": [first | {"criteria": [*first["criteria"], INCOMPARABLE]}, *others]}


def boom(id_: str, account: str, at: int, **values: Any) -> dict[str, Any]:
    """Facts of an account, among them the one that cannot be compared."""
    return event(id_, account, "account_update", {"facts": {**values, "custom.boom": 1}}, at)


def damage(rows: Rows, account: str, **members: Any) -> bytes:
    """Have signals that an account remembers be lost: whoever reads its state raises. Returns its row as it was."""
    key = account.encode()
    whole = rows[key]
    rows.write({key: json.dumps(json.loads(whole) | members | {"chunks": [7]}).encode()}, None)
    return whole


def misdate(rows: Rows, account: str, profile: str = "quick") -> bytes:
    """Have an account be in its tier since after the end of calendars. Returns its row as it was.

    Its signals count. The core raises when its score is written down, until its tier changes.
    """
    key = account.encode()
    whole = rows[key]
    row = json.loads(whole)
    row["places"][profile][2] = 10**15
    rows.write({key: json.dumps(row).encode()}, None)
    return whole


def smear(rows: Rows, account: str) -> bytes:
    """Have what a criterion last gave be text. Returns the row as it was.

    Its signals count as long as they do not move its tier. The core raises when time alone does.
    """
    key = account.encode()
    whole = rows[key]
    row = json.loads(whole)
    row["places"]["quick"][5] = {"funding": "x"}
    rows.write({key: json.dumps(row).encode()}, None)
    return whole


def unborn(rows: Rows, account: str) -> bytes:
    """Have an account have begun before all numbers: no change of it can be written. Returns its row as it was."""
    key = account.encode()
    whole = rows[key]
    rows.write({key: json.dumps(json.loads(whole) | {"born": -100}).encode()}, None)
    return whole


class Unreadable(MemoryRows):
    """Rows that raise when an account is read."""

    error: BaseException | None = None

    def get(self, key: bytes) -> bytes | None:
        """The row, or what it raises."""
        if self.error is not None and key == b"broken.com":
            raise self.error
        return super().get(key)
