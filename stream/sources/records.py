"""Making CloudEvents records: the one shape every converter yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stream.sources.report import Report

TYPE_PREFIX = "tierline.signal."


@dataclass(slots=True)
class Maker:
    """Builds the records of one source and counts them by type."""

    source: str
    report: Report

    def record(self, kind: str, identity: str, subject: str, time: str, data: dict[str, Any]) -> dict[str, Any]:
        """One record of history: `time` (RFC 3339 with offset) is both when it happened and when it was observed.

        `identity` must be stable: the same observation converted twice has the same one.
        """
        self.report.made[kind] += 1
        return {
            "specversion": "1.0",
            "id": identity,
            "source": self.source,
            "type": TYPE_PREFIX + kind,
            "subject": subject,
            "time": time,
            "recordedtime": time,
            "data": data,
        }


def midnight(date: str) -> str:
    """A calendar day (`2023-09-13`) as the moment it begins in UTC."""
    return f"{date}T00:00:00Z"


def facts_data(facts: dict[str, Any]) -> dict[str, Any]:
    """The data of an `account_update`: `custom.` facts are nested as the outputs nest them."""
    plain = {name: value for name, value in facts.items() if not name.startswith("custom.")}
    custom = {name.removeprefix("custom."): value for name, value in facts.items() if name.startswith("custom.")}
    return {"facts": {**plain, "custom": custom} if custom else plain}
