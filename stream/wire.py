"""Bytes ⇄ contracts ⇄ core values: the only module that speaks both languages.

Inward, a record becomes a signal for the core, a mark of our own log, or a ``Refusal`` that says what to mend: a bad
record is a value here, never an exception in somebody's loop. Outward, effects of the core become CloudEvents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from schemas.accounts import ACCOUNT_SCORED
from schemas.envelope import LOG_PREFIX, MOST_BYTES
from schemas.faults import ContractError
from schemas.reading import parts_of
from schemas.tiers import TIER_CHANGED
from schemas.times import format_time, parse_time
from schemas.validation import validate_data
from stream.encoding import encoded
from stream.events import DEEPEST, Headers, Unreadable, from_binary_mode, is_deeper, read_event
from stream.identity import Unidentifiable, canonical_account
from stream.scoring.state import AccountState
from stream.scoring.values import Contribution, Gap, Signal, Standing, TierChange

ENGINE_VERSION = "1"
"""Replays are equal, byte for byte, within one engine version."""

MarkKind = Literal["tick", "profile_activated", "profile_retired", "import_opened", "import_closed", "alias", "joined"]

DEEPEST_MARK = 2 * DEEPEST
"""The same of a mark, which has a whole profile in it."""

_LOG_PREFIX = LOG_PREFIX.encode()
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
_PAIRS = [high + low for high in _DIGITS for low in _DIGITS]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a record cannot be used. ``reason`` is one of ``schemas.rejected.REASONS``; the message says what to mend."""

    reason: str
    message: str
    envelope: dict[str, Any] | None = None
    """As far as one could be read."""


class Incoming:
    """A valid signal. ``recorded``: the record time an import gives it (epoch ms), ``None`` where it gives none."""

    __slots__ = ("recorded", "signal")

    def __init__(self, signal: Signal, recorded: int | None) -> None:
        self.signal = signal
        self.recorded = recorded


@dataclass(frozen=True, slots=True)
class Mark:
    """A record of our own in the log that orders history: a tick, a profile, the bounds of an import."""

    kind: MarkKind
    data: dict[str, Any]


def decode(
    value: bytes | None, headers: Headers = (), resolve: Callable[[str], str] | None = None
) -> Incoming | Refusal:
    """A record from outside, in structured or binary mode. ``resolve`` follows aliases of accounts."""
    try:
        document = read_event(value, headers)
    except Unreadable as error:
        return Refusal(error.reason, str(error))
    return _incoming(document, resolve)


def read_mark(value: bytes | None) -> Mark | None:
    """A mark of our own log, or ``None`` for any other record, or one too deep to be stored. Cheap for signals."""
    if value is None or value.find(_LOG_PREFIX, 0, 256) < 0:
        return None
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    kind = document.get("type", "") if isinstance(document, dict) else ""
    if not isinstance(kind, str) or not kind.startswith(LOG_PREFIX):
        return None
    if is_deeper(DEEPEST_MARK, value, document):
        return None
    data = document.get("data")
    return Mark(kind.removeprefix(LOG_PREFIX), data if isinstance(data, dict) else {})  # type: ignore[arg-type]


def encode_mark(kind: MarkKind, data: dict[str, Any], *, source: str, time: int, id_: str) -> bytes:
    """A mark as a CloudEvent; its type comes first, so that it is told apart without parsing."""
    return orjson.dumps(
        {
            "type": f"{LOG_PREFIX}{kind}",
            "specversion": "1.0",
            "id": id_,
            "source": source,
            "time": format_time(time),
            "data": data,
        }
    )


def encode_signal(document: dict[str, Any]) -> bytes:
    """A CloudEvents document as the bytes of a record."""
    return encoded(document)


def forwarded(value: bytes, headers: Headers, account: str | None) -> bytes | Refusal:
    """A valid record in structured mode; its subject is replaced by the canonical account, where one is given.

    It may have grown: attributes come from headers, and some numbers are written longer than they came.
    """
    document = from_binary_mode(orjson.loads(value), headers)
    if account is not None:
        document["subject"] = account
    made = encoded(document)
    if len(made) > MOST_BYTES:
        told = f"the record has {len(made):,} bytes once it is written as one JSON document, over {MOST_BYTES:,}"
        return Refusal("too_large", f"{told}; send what is needed of it", document)
    return made


def encode_change(change: TierChange, *, source: str, importing: bool, detected_at: int) -> bytes:
    """A tier change as the CloudEvent of ``schemas/tiers.py``."""
    return encoded(change_document(change, source=source, importing=importing, detected_at=detected_at))


def change_document(change: TierChange, *, source: str, importing: bool, detected_at: int) -> dict[str, Any]:
    """A tier change as the document of ``schemas/tiers.py``."""
    standing, trigger = change.standing, change.trigger
    effective = format_time(change.effective_at)
    return {
        "specversion": "1.0",
        "id": f"{change.account}/{standing.profile}/{base36(change.born)}/{change.sequence}",
        "source": source,
        "type": TIER_CHANGED,
        "subject": change.account,
        "time": effective,
        "data": {
            "account": change.account,
            "profile": standing.profile,
            "profile_version": standing.profile_version,
            "sequence": change.sequence,
            "import": importing,
            "engine": ENGINE_VERSION,
            "from_tier": change.from_tier,
            "to_tier": change.to_tier,
            "direction": change.direction,
            "cause": change.cause,
            "score": _rounded(standing.score),
            "previous_score": _rounded(change.previous_score),
            "grade": standing.grade,
            "coverage": _rounded(standing.coverage),
            "effective_at": effective,
            "detected_at": format_time(detected_at),
            "trigger": None
            if trigger is None
            else {
                "id": trigger.id,
                "source": trigger.source,
                "type": trigger.type,
                "occurred_at": format_time(trigger.time),
                "summary": trigger.summary,
            },
            "contributions": [_contribution(line) for line in standing.contributions],
            "gaps": [_gap(gap) for gap in standing.gaps],
            "reasons": standing.reasons,
            "next_transition_at": _time(standing.next_transition_at),
            "next_tier": standing.next_tier,
            "summary": change.summary,
        },
    }


def scored_document(
    state: AccountState, standings: Iterable[Standing], *, source: str, as_of: int, for_orjson: bool = False
) -> dict[str, Any]:
    """An account's standings as the document of ``schemas/accounts.py``; ``for_orjson``: gaps as written once."""
    moment = format_time(as_of)
    return {
        "specversion": "1.0",
        "id": f"{state.account}/{base36(state.born)}/{base36(as_of)}",
        "source": source,
        "type": ACCOUNT_SCORED,
        "subject": state.account,
        "time": moment,
        "data": {
            "account": state.account,
            "as_of": moment,
            "facts": _nested(state),
            "profiles": {standing.profile: _standing(standing, for_orjson=for_orjson) for standing in standings},
        },
    }


def encode_scored(state: AccountState, standings: Iterable[Standing], *, source: str, as_of: int) -> bytes:
    """An account's standings as the CloudEvent of ``schemas/accounts.py``."""
    return encoded(scored_document(state, standings, source=source, as_of=as_of, for_orjson=True))


def base36(number: int) -> str:
    """A whole number in digits and lower-case letters."""
    text = ""
    while number >= 36:
        number, pair = divmod(number, 1_296)
        text = _PAIRS[pair] + text
    return text if text and not number else _DIGITS[number] + text


def _incoming(document: Any, resolve: Callable[[str], str] | None) -> Incoming | Refusal:
    seen = document if isinstance(document, dict) else None
    try:
        id_, source, suffix, version, subject, time, recorded, told = parts_of(document)
        data = validate_data(suffix, version, told)
        account = canonical_account(subject)
    except (ContractError, Unidentifiable) as error:
        return Refusal(error.reason, str(error), seen)
    if resolve is not None and suffix != "account_alias":  # an alias speaks of the old name itself
        account = resolve(account)
    try:
        return Incoming(Signal(account, source, id_, suffix, time, _for_core(suffix, data)), recorded)
    except (Unidentifiable, ValueError) as error:
        reason = "unidentifiable_account" if isinstance(error, Unidentifiable) else "bad_member"
        return Refusal(reason, str(error), seen)


def _for_core(suffix: str, data: dict[str, Any]) -> dict[str, Any]:
    if suffix == "retracted":
        return {**data, "signal_time": parse_time(data["signal_time"])}
    if suffix == "account_alias":
        return {**data, "canonical": canonical_account(data["canonical"])}
    return data


def _standing(standing: Standing, *, for_orjson: bool) -> dict[str, Any]:
    return {
        "profile_version": standing.profile_version,
        "score": _rounded(standing.score),
        "tier": standing.tier,
        "grade": standing.grade,
        "coverage": _rounded(standing.coverage),
        "since": format_time(standing.since),
        "sequence": standing.sequence,
        "contributions": [_contribution(line) for line in standing.contributions],
        "gaps": [_written_gap(gap) if for_orjson else _gap(gap) for gap in standing.gaps],
        "reasons": standing.reasons,
        "next_transition_at": _time(standing.next_transition_at),
        "next_tier": standing.next_tier,
    }


def _contribution(line: Contribution) -> dict[str, Any]:
    return {
        "criterion": line.criterion,
        "group": line.group,
        "points": _rounded(line.points),
        "of": None if line.of is None else _rounded(line.of),
        "change": _rounded(line.change),
        "evidence": line.evidence,
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "criterion": gap.criterion,
        "group": gap.group,
        "points": _rounded(gap.points),
        "of": _rounded(gap.of),
        "why": gap.why,
    }


def _written_gap(gap: Gap) -> Any:
    if gap.points != gap.of:
        return _gap(gap)
    if gap.written is None:
        gap.written = orjson.Fragment(encoded(_gap(gap)))
    return gap.written


def _nested(state: AccountState) -> dict[str, Any]:
    known = sorted(state.values.items())
    facts = {name: value for name, value in known if not name.startswith("custom.")}
    custom = {name.removeprefix("custom."): value for name, value in known if name.startswith("custom.")}
    return {**facts, "custom": custom} if custom else facts


def _rounded(value: float) -> float:
    if value % 1.0 == 0.0:  # most points are whole, and rounding goes by way of text
        return value + 0.0  # no negative zero
    return round(value, 6) + 0.0


def _time(moment: int | None) -> str | None:
    return None if moment is None else format_time(moment)
