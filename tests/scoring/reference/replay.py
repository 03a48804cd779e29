"""A whole history from its records: the tier changes, what was rejected, and where every account ends up.

What a record does to an account, in this order: it is judged (a second delivery or a rejected record does nothing
further); what is due up to the clock it brings is published, each change at its own moment; it is taken in; the tier
machine runs in every profile in force.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .accounts import Account, ProfileDoc
from .memory import Memory
from .values import DAY_MS, Item, Outcome, SignalLike, identity_of

CAUSES = {"account_update": "fact", "opportunity_outcome": "fact", "retracted": "retraction"}


@dataclass
class _Replay:
    horizon_ms: int
    max_remembered: int
    outcome: Outcome = field(default_factory=Outcome)
    accounts: dict[str, Account] = field(default_factory=dict)
    profiles: dict[str, ProfileDoc] = field(default_factory=dict)
    """In force, by name."""
    importing: bool = False

    def take(self, index: int, item: Item) -> None:
        """Apply one record."""
        if item.kind == "signal":
            self.signal(index, item)
            return
        self.advance(self.accounts.values(), item.record_time_ms)
        if item.kind == "profile_activated":
            assert item.profile_doc is not None
            self.activate(item.profile_doc, item.record_time_ms)
        elif item.kind == "profile_retired":
            assert item.profile_doc is not None
            self.retire(item.profile_doc["profile"], item.record_time_ms)
        elif item.kind in ("import_opened", "import_closed"):
            self.importing = item.kind == "import_opened"

    def signal(self, index: int, item: Item) -> None:
        """Judge a signal, and apply it to its account."""
        signal = item.signal
        assert signal is not None
        name = item.account or signal.account
        account = self.accounts.get(name)
        memory = account.memory if account else Memory(self.horizon_ms, self.max_remembered)
        clock = max(account.clock, item.record_time_ms) if account else item.record_time_ms
        verdict = memory.judge(signal, item.record_time_ms, clock)
        if verdict == "duplicate":
            self.outcome.duplicates.append(index)
        elif verdict != "accepted":
            self.outcome.rejected.append((index, verdict))
        else:
            if account is None:
                account = self.accounts[name] = Account(name, memory, clock)
            self.apply(account, signal, clock)

    def apply(self, account: Account, signal: SignalLike, clock: int) -> None:
        """Take in a signal judged fit: first what is due, then its own effect in each profile."""
        self.advance([account], clock)
        standing_in = account.standings.keys() & self.profiles.keys()
        before = {name: account.score(self.profiles[name], clock) for name in standing_in}
        account.accept(signal, clock)
        for name, profile in sorted(self.profiles.items()):
            self.publish(
                account.settle(
                    profile,
                    cause=CAUSES.get(signal.type, "signal"),
                    previous=before.get(name),
                    trigger=identity_of(signal),
                )
            )

    def activate(self, profile: ProfileDoc, record_time: int) -> None:
        """Put a profile version in force, for every account known."""
        name = profile["profile"]
        old = self.profiles.get(name)
        self.profiles[name] = profile
        for _, account in sorted(self.accounts.items()):
            account.clock = max(account.clock, record_time)
            previous = account.score(old, account.clock) if old is not None else None
            self.publish(account.settle(profile, cause="profile", previous=previous, trigger=None))

    def retire(self, name: str, record_time: int) -> None:
        """Take a profile out of force. What accounts had in it sleeps, so that sequences go on should it return."""
        if self.profiles.pop(name, None) is not None:
            for account in self.accounts.values():
                account.clock = max(account.clock, record_time)

    def advance(self, accounts: Iterable[Account], until: int) -> None:
        """Publish everything due up to a moment, in order of (time, account, profile)."""
        due: list[tuple[int, str, str]] = []
        by_name = {account.name: account for account in accounts}
        for account in by_name.values():
            due += self.due(account, until)
        while due:
            moment, name, _ = min(due)
            account = by_name[name]
            account.clock = moment
            for profile in sorted(one[2] for one in due if one[:2] == (moment, name)):
                trigger = account.starting(self.profiles[profile], moment)
                cause = "signal" if trigger else "decay"
                self.publish(account.settle(self.profiles[profile], cause=cause, previous=None, trigger=trigger))
            due = [one for one in due if one[1] != name] + self.due(account, until)

    def due(self, account: Account, until: int) -> list[tuple[int, str, str]]:
        """The next transition of an account in each profile, up to a moment."""
        found: list[tuple[int, str, str]] = []
        for name, profile in self.profiles.items():
            transition = account.due(profile, until)
            if transition is not None:
                found.append((transition[0], account.name, name))
        return found

    def publish(self, change: dict[str, Any] | None) -> None:
        """Write down a change, if there is one."""
        if change is not None:
            self.outcome.changes.append(change | {"import": self.importing})


def replay(
    items: Sequence[Item], until: int | None = None, horizon_ms: int = 180 * DAY_MS, max_remembered: int = 4096
) -> Outcome:
    """Apply the records in log order, then bring every account to `until` (default: the greatest record time).

    Records later than `until` are left out. Record times are taken as they are; see `clamped`.
    """
    run = _Replay(horizon_ms, max_remembered)
    end = max((item.record_time_ms for item in items), default=0) if until is None else until
    for index, item in enumerate(items):
        if item.record_time_ms <= end:
            run.take(index, item)
    run.advance(run.accounts.values(), end)
    profiles = dict(sorted(run.profiles.items()))
    run.outcome.accounts = {name: each.view(profiles, end) for name, each in sorted(run.accounts.items())}
    return run.outcome


def clamped(items: Iterable[Item]) -> list[Item]:
    """As an import reads a file: a record time smaller than its predecessor counts as its predecessor."""
    greatest: int | None = None
    result: list[Item] = []
    for item in items:
        greatest = item.record_time_ms if greatest is None else max(greatest, item.record_time_ms)
        result.append(replace(item, record_time_ms=greatest))
    return result
