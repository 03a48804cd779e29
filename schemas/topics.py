"""Every topic of an installation, declared once (SPEC 3.6 and 7): what it is for, how it is keyed, kept and cut."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Partitions = Literal["scaled", "one"]
"""`scaled`: as many as the setting says, the same number for every topic of this kind. `one`: a single order."""

_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")
DAY = 86_400_000


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention` is milliseconds, None for ever; a compacted topic keeps the latest record a key."""

    name: str
    key: str
    purpose: str
    partitions: Partitions = "scaled"
    compacted: bool = False
    retention: int | None = None
    internal: bool = False

    @property
    def config(self) -> dict[str, str]:
        """The topic's settings as Kafka names them (record timestamps are the broker's: append time)."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": "-1" if self.retention is None else str(self.retention),
            "message.timestamp.type": "LogAppendTime",
            "max.message.bytes": str(MOST_MESSAGE_BYTES),
        }


# a record may be 1 MiB (SPEC 3.5), and is told from a larger one by us, not by the broker: leave room for headers,
# and for the base64 of it in `rejected`
MOST_MESSAGE_BYTES = 2 * 1_048_576

_FAMILY = "one stream of a family, for upstreams that are made so; intake validates, identifies, appends to signals"

TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("signals", "canonical account", "the canonical log of all types: its order in a partition is history"),
        Topic("signals.funding", "any", _FAMILY, retention=7 * DAY),
        Topic("signals.people", "any", _FAMILY, retention=7 * DAY),
        Topic("signals.jobs", "any", _FAMILY, retention=7 * DAY),
        Topic("signals.content", "any", _FAMILY, retention=7 * DAY),
        Topic("signals.company", "any", _FAMILY, retention=7 * DAY),
        Topic("accounts", "any", "account_update, account_alias, opportunity_outcome: one order, that of aliases",
              partitions="one", retention=7 * DAY),
        Topic("profiles", "profile and mode", "which profile versions are in force", partitions="one", compacted=True),
        Topic("tier-changes", "account", "one CloudEvent a tier change", retention=None),
        Topic("account-scores", "account", "the latest score, tier and facts; tombstone on merger and erasure",
              compacted=True),
        Topic("alerts", "account", "each alert and what became of its delivery", retention=90 * DAY),
        Topic("rejected", "as it came", "records that could not be used, whole, with the reason and the place",
              retention=90 * DAY),
        Topic("aliases", "old name", "which account a name now stands for, as every worker reads it", partitions="one",
              compacted=True, internal=True),
        Topic("account-state", "canonical account", "changelog of the account table: private, format-versioned",
              compacted=True, internal=True),
        Topic("alert-queue", "account", "live tier changes with the facts of their accounts, and commands: one order",
              partitions="one", retention=7 * DAY, internal=True),
        Topic("alert-state", "what it is of", "changelog of alerting: private, format-versioned", partitions="one",
              compacted=True, internal=True),
    )
}  # fmt: skip

SIGNALS, ACCOUNTS, PROFILES, ALIASES = "signals", "accounts", "profiles", "aliases"
TIER_CHANGES, ACCOUNT_SCORES, ALERTS, REJECTED = "tier-changes", "account-scores", "alerts", "rejected"
ACCOUNT_STATE = "account-state"
ALERT_QUEUE, ALERT_STATE = "alert-queue", "alert-state"
FAMILIES: tuple[str, ...] = tuple(name for name in TOPICS if name.startswith("signals."))
INTAKE: tuple[str, ...] = (*FAMILIES, ACCOUNTS)
"""Where records of any key may arrive and are forwarded from."""


def topic_name(prefix: str, name: str) -> str:
    """The topic's name in an installation. KeyError for a topic nobody declared, ValueError for a bad prefix."""
    if _PREFIX.fullmatch(prefix) is None:
        raise ValueError(
            f"topic prefix {prefix!r} is not allowed: letters, digits, dot, underscore, hyphen, at most 100"
        )
    return prefix + TOPICS[name].name
