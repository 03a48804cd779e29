"""What an account remembers: enough to know a second delivery, and to judge what comes late or is taken back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from .counting import NEVER_TAKEN_BACK
from .values import Identity, Key, SignalLike, identity_of, instant, key_of

FUTURE_MS = 600_000
"""How far ahead of its record a signal may be."""

FACTS = frozenset({"account_update", "account_alias", "opportunity_outcome"})
"""Types that are never too late."""

Verdict = Literal["accepted", "duplicate", "in_future", "too_late", "not_retractable"]


@dataclass
class Memory:
    """The identities an account remembers, back to its floor."""

    horizon_ms: int
    max_remembered: int
    kept: dict[Identity, tuple[Key, str]] = field(default_factory=dict)
    """identity -> (when, type)"""
    oldest_kept: Key | None = None
    """Set once there were more than `max_remembered`."""

    def judge(self, signal: SignalLike, record_time: int, clock: int) -> Verdict:
        """What becomes of a record; `clock` is the account's, this record's time included."""
        known = self.kept.get(identity_of(signal))
        if known is not None and not self.before_floor(known[0], clock):
            return "duplicate"
        if signal.time > record_time + FUTURE_MS:
            return "in_future"
        if signal.type not in FACTS and self.before_floor(key_of(signal), clock):
            return "too_late"
        return self._judge_retraction(signal, clock) if signal.type == "retracted" else "accepted"

    def _judge_retraction(self, signal: SignalLike, clock: int) -> Verdict:
        target = (str(signal.data["signal_source"]), str(signal.data["signal_id"]))
        if self.before_floor((instant(signal.data["signal_time"]), *target), clock):
            return "too_late"
        known = self.kept.get(target)
        if known is not None and known[1] in NEVER_TAKEN_BACK and not self.before_floor(known[0], clock):
            return "not_retractable"
        return "accepted"

    def remember(self, signal: SignalLike, clock: int) -> None:
        """Keep an accepted record's identity, and forget what lies before the floor."""
        self.kept[identity_of(signal)] = (key_of(signal), signal.type)
        self.kept = {who: known for who, known in self.kept.items() if not self.before_floor(known[0], clock)}
        if len(self.kept) > self.max_remembered:
            newest_first = sorted(self.kept.items(), key=lambda each: each[1][0], reverse=True)
            self.kept = dict(newest_first[: self.max_remembered])
            self.oldest_kept = newest_first[self.max_remembered - 1][1][0]

    def before_floor(self, key: Key, clock: int) -> bool:
        """Whether something that happened then lies before the floor."""
        if key[0] < clock - self.horizon_ms:
            return True
        return self.oldest_kept is not None and key < self.oldest_kept
