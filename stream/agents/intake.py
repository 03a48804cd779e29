"""Intake: from the family topics and ``accounts``, whatever the key, to ``signals`` under the account's key.

Records are validated and identified. Aliases pass here, in the one order of ``accounts``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import orjson

from schemas.topics import ACCOUNTS, ALIASES, REJECTED, SIGNALS
from stream.agents.refusals import RefusalWatch, rejection, sender_of, unexpected
from stream.agents.renaming import alias_mark
from stream.identity import Aliases, AliasRefused
from stream.metrics import Metrics
from stream.rejecting import kept_key
from stream.scoring.judge import Limits, key_of, refuse_future
from stream.scoring.values import Refused
from stream.settings import Settings
from stream.transports.records import Append, Record, partition_for
from stream.wire import Incoming, Refusal, decode, forwarded


@dataclass(slots=True)
class Taken:
    """What a batch of intake brought about."""

    appends: list[Append] = field(default_factory=list)
    refused: dict[str, int] = field(default_factory=dict)
    forwards: int = 0
    aliases: int = 0
    """Those that are news, which the other agents follow from now on."""


class Intake:
    """The intake of one topic. Pure but for the aliases it shares with the other agents."""

    def __init__(
        self, settings: Settings, aliases: Aliases, metrics: Metrics, watch: RefusalWatch | None = None
    ) -> None:
        self._settings = settings
        self._aliases = aliases
        self._metrics = metrics
        self._watch = watch or RefusalWatch(metrics)

    def process(self, records: Sequence[Record], now: int) -> Taken:
        """Work through a batch; nothing is awaited and nothing raised for a record's fault."""
        taken = Taken()
        for record in records:
            try:
                result: Incoming | Refusal | None = decode(record.value, record.headers)
                if isinstance(result, Incoming):
                    result = self._take(result, record, now, taken)
            except Exception:  # whatever it is, it must neither stop the others nor be lost  # noqa: BLE001
                result = unexpected()
            if result is not None:
                self._refuse(result, record, now, taken)
        return taken

    def committed(self, taken: Taken, topic: str) -> None:
        """The appends are durable: count them."""
        for reason, count in taken.refused.items():
            self._metrics.rejected.labels(reason).inc(count)
        self._metrics.forwarded.labels(topic).inc(taken.forwards)

    def _take(self, incoming: Incoming, record: Record, now: int, taken: Taken) -> Refusal | None:
        signal = incoming.signal
        if signal.type == "account_alias":
            return self._alias(incoming, record, now, taken)
        if signal.type == "retracted":
            try:
                self._aliases.refuse_taking_back(signal.data["signal_source"], signal.data["signal_id"])
            except AliasRefused as error:
                return Refusal(error.reason, error.message, sender_of(signal))
        account = self._aliases.resolve(signal.account)
        key = account.encode()
        partition = partition_for(key, self._settings.partitions)
        value = forwarded(record.value or b"", record.headers, account)
        if isinstance(value, Refusal):
            return value
        taken.appends.append(Append(self._settings.topic(SIGNALS), partition, key, value))
        taken.forwards += 1
        return None

    def _alias(self, incoming: Incoming, record: Record, now: int, taken: Taken) -> Refusal | None:
        signal = incoming.signal
        old, canonical, told = signal.account, signal.data["canonical"], key_of(signal)
        if record.topic != self._settings.topic(ACCOUNTS):
            value = forwarded(record.value or b"", record.headers, None)
            if isinstance(value, Refusal):
                return value
            taken.appends.append(Append(self._settings.topic(ACCOUNTS), 0, signal.account.encode(), value))
            return None
        try:
            refuse_future(Limits(), signal, record.timestamp_ms)
            news = self._aliases.add(old, canonical, told)
        except (AliasRefused, Refused) as error:
            return Refusal(error.reason, str(error), sender_of(signal))
        self._watch.saw(signal.source, refused=False)
        if news:
            taken.aliases += 1
            row = {"canonical": canonical, "told": told}
            partition = partition_for(old.encode(), self._settings.partitions)
            mark = alias_mark(signal, source=self._settings.source, now=now, history=incoming.recorded is not None)
            taken.appends += [
                Append(self._settings.topic(ALIASES), 0, old.encode(), orjson.dumps(row)),
                Append(self._settings.topic(SIGNALS), partition, None, mark),
            ]
        return None

    def _refuse(self, refusal: Refusal, record: Record, now: int, taken: Taken) -> None:
        self._watch.refused(refusal)
        partition = partition_for(record.key or b"", self._settings.partitions)
        topic = self._settings.topic(REJECTED)
        taken.appends.append(Append(topic, partition, kept_key(record.key), rejection(refusal, record, now)))
        taken.refused[refusal.reason] = taken.refused.get(refusal.reason, 0) + 1
