"""What is read back of a partition at the start, and what is counted of its accounts."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from stream.agents.renaming import Renamed
from stream.agents.table import Account, is_account, partition_key
from stream.metrics import Metrics
from stream.scoring.agenda import NEVER, Agenda
from stream.scoring.engine import Activation, Timeline
from stream.scoring.names import Names
from stream.scoring.profile import Profile, Profiles, compile_profile
from stream.scoring.state import FORMAT, StateTooNew, Tiers
from stream.transports.rows import Rows

if TYPE_CHECKING:
    from stream.agents.work import Work

ALIAS = b"\x00alias/"


@dataclass(slots=True)
class ShardMemory:
    """The stored state of a partition, as far as it is needed at once."""

    timeline: Timeline
    clock: int = 0
    applied: int = 0
    """The offset of ``signals`` up to which everything is in …"""
    log: str = ""
    """… as long as the topic is this one."""
    importing: bool = False
    outside: int = 0
    names: Names = field(default_factory=Names)
    dues: Agenda = field(init=False)
    behind: list[str] = field(default_factory=list)
    """Accounts that have not been through all activations of profiles."""
    pending: list[str] = field(default_factory=list)
    drifts: Agenda = field(init=False)
    tiers: dict[tuple[str, str], int] = field(default_factory=dict)
    """Accounts by profile and tier."""
    sizes: int = 0
    renamed: Renamed = field(default_factory=Renamed)

    def __post_init__(self) -> None:
        self.dues, self.drifts = Agenda(self.names), Agenda(self.names)


def read_shard(stored: Rows, number: int) -> ShardMemory:
    """Scan what is stored of one partition."""
    memory = ShardMemory(_read_timeline(stored.get(partition_key("timeline", number))))
    raw = stored.get(partition_key("clock", number))
    if raw is not None:
        meta = read_format(raw)
        memory.clock, memory.importing, memory.outside = meta["clock"], meta["importing"], meta["outside"]
        memory.applied, memory.log = meta.get("applied", 0), meta.get("log", "")
    names, tiers, epoch = memory.names, memory.tiers, memory.timeline.epoch
    dues, drifts = array("q"), array("q")
    for key, value in stored.items():
        if key.startswith(b"\x00"):
            if key.startswith(ALIAS):
                memory.renamed.read(key[len(ALIAS) :].partition(b"\x00")[0].decode(), value)
            continue
        memory.sizes += len(key) + len(value)
        if not is_account(key):
            continue
        head = _head(key, value)
        names.enter(key)
        due: int | None = None
        for profile, place in head["places"].items():
            moment: int | None = place[6]
            if moment is not None and (due is None or moment < due):
                due = moment
            if place[1]:
                tiers[profile, place[1]] = tiers.get((profile, place[1]), 0) + 1
        dues.append(NEVER if due is None else due)
        drift: int | None = head.get("drift")
        drifts.append(NEVER if drift is None else drift)
        if head["epoch"] < epoch:
            memory.behind.append(key.decode())
        if head.get("pending"):
            memory.pending.append(key.decode())
    memory.dues.fill(dues)
    memory.drifts.fill(drifts)
    return memory


def _head(key: bytes, row: bytes) -> dict[str, Any]:
    """What a start has to know of an account: it comes before the name, and is read alone.

    Rows that an earlier release wrote have it elsewhere, and are read whole.
    """
    end = row.find(b',"account":"' + key + b'"')
    if end > 0:
        head = read_format(row[:end] + b"}")
        if "places" in head:
            return head
    return read_format(row)


def read_format(raw: bytes | None) -> dict[str, Any]:
    """A row of the account table with its format checked. Raises StateTooNew for one that this release cannot read."""
    row: dict[str, Any] = orjson.loads(raw or b'{"v": 0}')
    if (version := row["v"]) > FORMAT:
        raise StateTooNew(
            f"the stored state of the accounts has format {version}, this release reads up to {FORMAT}. Run the newer "
            "release again; nothing was changed"
        )
    return row


def _read_timeline(raw: bytes | None) -> Timeline:
    if raw is None:
        return Timeline()
    row = orjson.loads(raw)
    compiled: dict[bytes, Profile] = {}

    def profiles(documents: list[Mapping[str, Any]]) -> Profiles:
        for document in documents:
            compiled.setdefault(orjson.dumps(document), compile_profile(document))
        return Profiles(compiled[orjson.dumps(document)] for document in documents)

    timeline = Timeline(row["first"], profiles(row["base"]))
    for activation in row["activations"]:
        timeline.add(Activation(activation["time"], profiles(activation["profiles"])))
    return timeline


class Counted:
    """Keeps the gauges and counters of one partition; gauges are sums over all, so only differences are added."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._tiers: Counter[tuple[str, str]] = Counter()
        self._moves: Counter[tuple[str, str]] = Counter()
        self._accounts = 0
        self._bytes = 0
        self._new = self._grown = 0
        """Accounts and bytes, as moves by tier, that the gauges do not know of yet: to tell each would take longer."""

    def load(self, memory: ShardMemory) -> None:
        """Count what was read back."""
        for (profile, tier), count in memory.tiers.items():
            self._tier(profile, tier, count)
        self._tell_moves()
        self._grow(len(memory.names), memory.sizes)

    def clear(self) -> None:
        """Take everything counted back."""
        for (profile, tier), count in list(self._tiers.items()):
            self._tier(profile, tier, -count)
        self._tell_moves()
        self._grow(-self._accounts, -self._bytes)

    def moved(self, account: Account) -> None:
        """An account changed: count it in the tiers it is in now."""
        tiers = account.state.tiers()
        if tiers != account.tiers:
            self._retier(account, tiers)

    def ended(self, account: Account) -> None:
        """An account has ended: it is in no tier."""
        self._retier(account, ())

    def _retier(self, account: Account, tiers: Tiers) -> None:
        for profile, tier in account.tiers:
            if tier is not None:
                self._tier(profile, tier, -1)
        for profile, tier in tiers:
            if tier is not None:
                self._tier(profile, tier, 1)
        account.tiers = tiers

    def stored(self, key: bytes, before: int | None, value: bytes | None) -> None:
        """A row was stored in place of another, which had so many bytes; the gauges are told with the work."""
        if key.startswith(b"\x00"):
            return
        self._grown += 0 if value is None else len(key) + len(value)
        self._grown -= 0 if before is None else len(key) + before
        if (before is None) != (value is None) and is_account(key):
            self._new += 1 if before is None else -1

    def work(self, work: Work, now: int) -> None:
        """Count a work that is durable."""
        metrics = self._metrics
        self._tell_moves()
        self._grow(self._new, self._grown)
        self._new = self._grown = 0
        for (type_, outcome), count in work.outcomes.items():
            metrics.signals.labels(type_, outcome).inc(count)
        for reason, count in work.refused.items():
            metrics.rejected.labels(reason).inc(count)
        metrics.forwarded.labels("signals").inc(work.forwards)
        metrics.scores.inc(work.scores)
        for change, importing, appended in work.changes:
            standing = change.standing
            metrics.changes.labels(standing.profile, change.to_tier or "none", change.cause).inc()
            if importing:
                continue
            if appended is not None and change.cause != "decay":
                metrics.latency.observe(max(0, now - appended) / 1000)
            elif change.cause == "decay":
                metrics.due.inc()
                metrics.due_late.observe(max(0, now - change.effective_at) / 1000)

    def _tier(self, profile: str, tier: str, by: int) -> None:
        self._tiers[profile, tier] += by
        self._moves[profile, tier] += by

    def _tell_moves(self) -> None:
        for (profile, tier), by in self._moves.items():
            self._metrics.accounts.labels(profile, tier).inc(by)
        self._moves.clear()

    def _grow(self, accounts: int, size: int) -> None:
        self._accounts += accounts
        self._bytes += size
        self._metrics.state_accounts.inc(accounts)
        self._metrics.state_bytes.inc(size)
