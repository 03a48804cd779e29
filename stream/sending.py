"""The log's side of sending: validate, follow aliases, key, append in batches that are durable when they are counted.

What cannot be used comes back as a ``Refusal`` and never reaches the log. Sending the same record twice is harmless:
``(source, id)`` is its identity.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import orjson

from schemas.envelope import MOST_BYTES
from schemas.times import format_time
from stream.identity import Aliases, AliasLoop, AliasRefused
from stream.importing import Import
from stream.reading import aliases_in_force
from stream.scoring.judge import Limits, key_of, refuse_future
from stream.scoring.values import Refused, Signal
from stream.settings import Settings
from stream.topology import group_of
from stream.transports.records import Append, partition_for
from stream.transports.seam import Log
from stream.wire import Incoming, Refusal, decode, encode_signal

BATCH_RECORDS = 4_096
BATCH_BYTES = 4 << 20
_CHUNK = 1_000


def known_aliases(log: Log, settings: Settings) -> Aliases:
    """Aliases as the log has them: those in force, and those that wait for a worker to take them in."""
    aliases = aliases_in_force(log, settings)
    topic = settings.topic("accounts")
    offset = log.position(group_of(settings), topic, 0) or log.begin(topic, 0)
    while records := log.read(topic, 0, offset, _CHUNK):
        offset = records[-1].offset + 1
        for record in records:
            if record.value and b"account_alias" in record.value:
                _take_in(aliases, decode(record.value, record.headers), record.timestamp_ms)
    return aliases


def _take_in(aliases: Aliases, incoming: Incoming | Refusal, time: int) -> None:
    if isinstance(incoming, Incoming) and incoming.signal.type == "account_alias":
        with suppress(AliasLoop, Refused):  # the worker rejects it in its turn
            _add(aliases, incoming.signal, time)


def _add(aliases: Aliases, signal: Signal, time: int) -> None:
    refuse_future(Limits(), signal, time)
    aliases.add(signal.account, signal.data["canonical"], key_of(signal))


class Sender:
    """Give it one CloudEvent after the other, then ``flush``. ``sent`` counts, by type, what is durably in the log.

    ``history``: the records belong to that import, and get the record time they carry (``recordedtime``, else
    ``time``), which never goes back.
    """

    def __init__(self, log: Log, settings: Settings, *, history: Import | None = None) -> None:
        self.sent: Counter[str] = Counter()
        self._log = log
        self._append = log.append if history is None else history.append
        self._importing = history is not None
        self._aliases = known_aliases(log, settings)
        self._signals, self._accounts = settings.topic("signals"), settings.topic("accounts")
        self._partitions = log.partitions(self._signals)
        self._batch: list[Append] = []
        self._types: Counter[str] = Counter()
        self._bytes = 0
        self._clock = 0

    def take(self, raw: bytes) -> Refusal | None:
        """One record in structured mode; appended with the batch it is in. Raises LogError where that fails."""
        # aliases are followed below, not by decode: of an alias it is the name as told that counts
        incoming = decode(raw)
        if isinstance(incoming, Refusal):
            return incoming
        signal = incoming.signal
        document = orjson.loads(raw)
        account = signal.account
        try:
            if signal.type == "account_alias":
                _add(self._aliases, signal, self._log.clock())
            elif signal.type == "retracted":
                self._aliases.refuse_taking_back(signal.data["signal_source"], signal.data["signal_id"])
        except (AliasRefused, Refused) as error:
            return Refusal(error.reason, error.message, document)
        if signal.type != "account_alias":
            account = self._aliases.resolve(account)
        document["subject"] = account
        if self._importing:
            self._clock = max(self._clock, signal.time if incoming.recorded is None else incoming.recorded)
            document["recordedtime"] = format_time(self._clock)
        value = encode_signal(document)
        if len(value) > MOST_BYTES:
            return Refusal("too_large", f"the record has {len(value):,} bytes, over {MOST_BYTES:,}", document)
        self._put(signal.type, account.encode(), value)
        return None

    @property
    def waiting(self) -> int:
        """Records taken that are not in the log yet."""
        return len(self._batch)

    def flush(self) -> None:
        """What was taken is in the log, durably, when this returns.

        After a LogError nothing of it is, or on Kafka some: sending it again is harmless.
        """
        if self._batch:
            self._append(self._batch)
            self.sent += self._types
            self.drop()

    def drop(self) -> None:
        """Forget what was taken and is not in the log yet."""
        self._batch, self._types, self._bytes = [], Counter(), 0

    def _put(self, type_: str, key: bytes, value: bytes) -> None:
        if type_ == "account_alias":
            self._batch.append(Append(self._accounts, 0, key, value))
        else:
            self._batch.append(Append(self._signals, partition_for(key, self._partitions), key, value))
        self._types[type_] += 1
        self._bytes += len(value)
        if len(self._batch) >= BATCH_RECORDS or self._bytes >= BATCH_BYTES:
            self.flush()
