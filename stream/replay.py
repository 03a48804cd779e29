"""Profiles over a file of signals, in file order, as an import: no log, no clock, no network."""

from __future__ import annotations

from codecs import BOM_UTF8 as BOM
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from stream.identity import Aliases, AliasRefused
from stream.scoring.engine import Engine, Limits
from stream.scoring.judge import key_of, refuse_future
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import Refused, Signal, TierChange
from stream.wire import Incoming, Refusal, decode, scored_document


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that could not be used."""

    line: int
    raw: bytes
    refusal: Refusal


class Replay:
    """Feed it lines, then ``finish``; it answers with tier changes and rejected lines as they come."""

    def __init__(self, documents: Iterable[Mapping[str, Any]], limits: Limits | None = None) -> None:
        self.accounts = Memory()
        self.partition = Partition(Engine(limits), self.accounts)
        self.aliases = Aliases()
        self.outcomes: dict[str, int] = {}
        self._clock = 0
        for document in documents:
            self.partition.activate(compile_profile(document), 0)

    def feed(self, lines: Iterable[bytes], until: int | None = None) -> Iterator[TierChange | RejectedLine]:
        """Apply lines of CloudEvents JSON in order, blank ones skipped, up to record time ``until`` (epoch ms)."""
        for number, line in enumerate(lines, start=1):
            text = line.removeprefix(BOM).strip() if number == 1 else line.strip()
            if not text:
                continue
            incoming = decode(text, resolve=self.aliases.resolve)
            if isinstance(incoming, Refusal):
                yield RejectedLine(number, line, incoming)
                continue
            clock = max(self._clock, incoming.signal.time if incoming.recorded is None else incoming.recorded)
            if until is not None and clock > until:
                return  # in a file no record time is smaller than its predecessor: the rest is later, too
            self._clock = clock
            refusal, changes = self._apply(incoming)
            yield from changes
            if refusal is not None:
                yield RejectedLine(number, line, refusal)

    def finish(self, until: int | None = None) -> Iterator[TierChange]:
        """Let time pass until ``until`` (epoch ms; default the greatest record time)."""
        yield from self.partition.advance(self._clock if until is None else until)

    def scores(self, source: str) -> Iterator[dict[str, Any]]:
        """Every account as on ``account-scores``, by name, as of the moment reached."""
        for name in sorted(self.accounts.states):
            state = self.accounts.states[name]
            as_of = self.partition.clock
            places = [standing(state, place, as_of) for place in state.places.values()]
            yield scored_document(state, places, source=source, as_of=as_of)

    def _apply(self, incoming: Incoming) -> tuple[Refusal | None, list[TierChange]]:
        signal = incoming.signal
        if signal.type == "retracted":
            try:
                self.aliases.refuse_taking_back(signal.data["signal_source"], signal.data["signal_id"])
            except AliasRefused as error:
                return Refusal(error.reason, error.message), []
        if signal.type == "account_alias":
            try:
                refuse_future(self.partition.engine.limits, signal, self._clock)
                news = self.aliases.add(signal.account, signal.data["canonical"], key_of(signal))
            except (AliasRefused, Refused) as error:
                return Refusal(error.reason, str(error)), []
            self._count("alias")
            return None, self._rename(signal) if news else []
        effects = self.partition.signal(signal, self._clock)
        if effects.refused is not None:
            return Refusal(effects.refused.reason, effects.refused.message), effects.changes
        self._count(effects.outcome or "")
        return None, effects.changes

    def _rename(self, alias: Signal) -> list[TierChange]:
        if alias.account not in self.accounts.states:
            return []
        remains, changes = self.partition.end(alias, self._clock)
        data = {"old": alias.account, "canonical": self.aliases.resolve(alias.account)}
        followed = Signal(alias.account, alias.source, alias.id, alias.type, alias.time, data)
        return changes + self.partition.join(followed, remains, self._clock)

    def _count(self, outcome: str) -> None:
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
