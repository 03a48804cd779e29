"""The scoring that all participants call: the same decoding, the same step, the same bytes out.

It imports no client of Kafka and no framework. States are live objects; ``load`` and ``dump`` make them of a key-value
store's bytes and back: a header, and one row for each sealed chunk of older signals, so that no peer has to rewrite an
account's whole past for each signal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from stream.rejecting import rejected_document
from stream.scoring.engine import Activation, Engine, Timeline
from stream.scoring.profile import Profiles, compile_profile
from stream.scoring.state import AccountState
from stream.wire import Incoming, Refusal, decode, encode_change

HEADER = "header"


class Scored(NamedTuple):
    """What came of a signal."""

    state: AccountState | None
    changed: bool
    """Whether the state is to be stored."""
    changes: list[bytes]
    """Records for ``tier-changes``."""
    refusal: Refusal | None


class Scorer:
    """Scores signals under fixed profiles."""

    decode = staticmethod(decode)

    def __init__(self, documents: Sequence[Mapping[str, Any]]) -> None:
        self._engine = Engine()
        self._timeline = Timeline()
        self._timeline.add(Activation(0, Profiles(compile_profile(document) for document in documents)))

    def score(self, state: AccountState | None, incoming: Incoming, moment: int) -> Scored:
        """A signal that the log took at ``moment`` (epoch ms)."""
        state, effects = self._engine.apply(state, incoming.signal, moment, self._timeline)
        now = _now()
        changes = [
            encode_change(change, source="tierline", importing=False, detected_at=now) for change in effects.changes
        ]
        refused = effects.refused
        refusal = None if refused is None else Refusal(refused.reason, refused.message, _sender(incoming))
        changed = state is not None and (bool(changes) or (refused is None and effects.outcome != "duplicate"))
        return Scored(state, changed, changes, refusal)

    def load(self, get: Callable[[str], bytes | None]) -> AccountState | None:
        """The state of an account from its rows."""
        raw = get(HEADER)
        if raw is None:
            return None
        header = orjson.loads(raw)
        chunks = {number: orjson.loads(get(f"chunk/{number}") or b"[]") for number in header["chunks"]}
        state = AccountState.from_stored(header, chunks, self._timeline.profiles)
        state.build()
        return state

    @staticmethod
    def dump(state: AccountState) -> list[tuple[str, bytes]]:
        """The rows of an account that changed."""
        header, chunks = state.to_stored()
        found = [(f"chunk/{number}", orjson.dumps(rows or [])) for number, rows in chunks.items()]
        return [*found, (HEADER, orjson.dumps(header))]

    @staticmethod
    def rejection(refusal: Refusal, raw: bytes, key: bytes | None, place: tuple[str, int, int]) -> bytes:
        """A record for ``rejected``; ``place``: topic, partition, offset."""
        origin = {"topic": place[0], "partition": place[1], "offset": place[2]}
        document = rejected_document(refusal, raw=raw, key=key, headers=(), origin=origin, rejected_at=_now())
        return orjson.dumps(document)


def _sender(incoming: Incoming) -> dict[str, Any]:
    signal = incoming.signal
    return {"id": signal.id, "source": signal.source, "type": signal.type, "subject": signal.account}


def _now() -> int:
    return time.time_ns() // 1_000_000
