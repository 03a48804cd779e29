"""The engine, run over the same histories as the reference and answering in the same form."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from stream.scoring.engine import Engine, Limits
from stream.scoring.names import Names
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.state import AccountState
from stream.scoring.values import Signal, Standing, TierChange

from .reference import Item, instant


class Restarting:
    """Account states that go through their stored form, as JSON, at every single access: a crash after each record."""

    def __init__(self) -> None:
        self.partition: Partition | None = None
        self.headers: dict[str, str] = {}
        self.header_bytes: list[int] = []
        """Of each header written."""
        self.chunk_bytes: list[int] = []
        """Of each sealed chunk written."""
        self.chunks: dict[str, dict[int, str]] = {}
        self._names = Names()

    def get(self, account: str) -> AccountState | None:
        """Read the state from its stored form."""
        if account not in self.headers:
            return None
        assert self.partition is not None
        header = json.loads(self.headers[account])
        chunks = {number: json.loads(text) for number, text in self.chunks[account].items()}
        return AccountState.from_stored(header, chunks, self.partition.timeline.at(header["epoch"]))

    def put(self, state: AccountState) -> None:
        """Write the state to its stored form."""
        header, chunks = state.to_stored()
        self._names.add(state.account)
        self.headers[state.account] = json.dumps(header)
        self.header_bytes.append(len(self.headers[state.account]))
        kept = self.chunks.setdefault(state.account, {})
        for number, rows in chunks.items():
            if rows is None:
                kept.pop(number, None)
            else:
                kept[number] = json.dumps(rows)
                self.chunk_bytes.append(len(kept[number]))

    def drop(self, account: str) -> None:
        """Forget an account."""
        del self.headers[account], self.chunks[account]

    def names(self) -> Names:
        """Every account."""
        return self._names


class Storing(Restarting):
    """Account states that are stored after every record, but live on: to measure what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.states: dict[str, AccountState] = {}

    def get(self, account: str) -> AccountState | None:
        """The live state."""
        return self.states.get(account)

    def reload(self) -> None:
        """Go on from what was stored."""
        for account in self.headers:
            state = Restarting.get(self, account)
            assert state is not None
            self.states[account] = state

    def put(self, state: AccountState) -> None:
        """Write the state to its stored form, and keep it."""
        self.states[state.account] = state
        super().put(state)


@dataclass
class Run:
    """What the engine made of a history."""

    partition: Partition
    changes: list[tuple[TierChange, bool]] = field(default_factory=list)
    """Changes with their import flag."""
    rejected: list[tuple[int, str]] = field(default_factory=list)
    duplicates: list[int] = field(default_factory=list)
    outcomes: list[str | None] = field(default_factory=list)
    told_at: list[int] = field(default_factory=list)
    """Of each change, the place of the record with which it came."""

    def standing(self, account: str, profile: str) -> Standing:
        """The account in one profile as of its clock's partition."""
        state = self.partition.accounts.get(account)
        assert state is not None
        state.build()
        return standing(state, state.places[profile], self.partition.clock)

    def told(self) -> list[dict[str, Any]]:
        """The changes in the form of the reference's."""
        return [told(change, importing=importing) for change, importing in self.changes]


def told(change: TierChange, *, importing: bool = False) -> dict[str, Any]:
    """A change in the form of the reference's."""
    return {
        "account": change.account,
        "profile": change.standing.profile,
        "profile_version": change.standing.profile_version,
        "sequence": change.sequence,
        "from_tier": change.from_tier,
        "to_tier": change.standing.tier,
        "direction": change.direction,
        "cause": change.cause,
        "score": change.standing.score,
        "previous_score": change.previous_score,
        "effective_at": change.effective_at,
        "trigger": (change.trigger.source, change.trigger.id) if change.trigger else None,
        "import": importing,
        "coverage": change.standing.coverage,
    }


def core_signal(signal: Any) -> Signal:
    """A signal of the reference as the core takes it."""
    data = dict(signal.data)
    if signal.type == "retracted":
        data["signal_time"] = instant(data["signal_time"])
    return Signal(signal.account, signal.source, signal.id, signal.type, signal.time, data)


def run(
    items: Sequence[Item],
    until: int | None = None,
    accounts: Memory | Restarting | None = None,
    limits: Limits | None = None,
    rescore: Callable[[int], int | None] = lambda _: 0,
) -> Run:
    """Apply a history record by record, then let time pass until ``until`` (default: the last record).

    ``rescore``: how many accounts to take through outstanding activations after a record, given its place (default:
    none, so that each is when it is next touched; ``None``: all).
    """
    memory = accounts or Memory()
    partition = Partition(Engine(limits), memory)
    if isinstance(memory, Restarting):
        memory.partition = partition
    outcome = Run(partition)
    for index, item in enumerate(items):
        if until is not None and item.record_time_ms > until:
            continue
        importing = partition.importing
        outcome.changes += [(change, importing) for change in _apply(partition, index, item, outcome)]
        outcome.changes += [(change, partition.importing) for change in partition.rescore(rescore(index))]
        outcome.told_at += [index] * (len(outcome.changes) - len(outcome.told_at))
    importing = partition.importing
    outcome.changes += [(change, importing) for change in partition.advance(until or partition.clock)]
    outcome.told_at += [len(items)] * (len(outcome.changes) - len(outcome.told_at))
    return outcome


def _apply(partition: Partition, index: int, item: Item, outcome: Run) -> list[TierChange]:
    match item.kind:
        case "signal":
            effects = partition.signal(core_signal(item.signal), item.record_time_ms)
            outcome.outcomes.append(effects.outcome)
            if effects.refused:
                outcome.rejected.append((index, effects.refused.reason))
            if effects.outcome == "duplicate":
                outcome.duplicates.append(index)
            return effects.changes
        case "tick":
            return partition.tick(item.record_time_ms)
        case "profile_activated":
            assert item.profile_doc is not None
            partition.activate(compile_profile(item.profile_doc), item.record_time_ms)
            return []
        case "profile_retired":
            assert item.profile_doc is not None
            partition.retire(item.profile_doc["profile"], item.record_time_ms)
            return []
        case "import_opened":
            return partition.open_import(item.record_time_ms)
        case _:
            return partition.close_import(item.record_time_ms)
