"""Which signals are taken: none from the future, none that may have been forgotten (SPEC sections 3.4, 3.5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from stream.scoring.entries import Key
from stream.scoring.profile import DAY
from stream.scoring.state import AccountState
from stream.scoring.values import FACT_TYPES, NOT_RETRACTABLE, Refused, Signal


@dataclass(frozen=True, slots=True)
class Limits:
    """What bounds the past and the future of an account, in milliseconds and signals."""

    horizon: int = 180 * DAY
    remembered: int = 4_096
    ahead: int = 600_000
    """How far ``time`` may lie ahead of the record time."""
    whole: bool = False
    """Remember every member of a signal, not only those that profiles in force read: a larger state, but a later
    profile version is scored on the past as if it had always been there."""


def key_of(signal: Signal) -> Key:
    """Where a signal stands in the order of what happened."""
    return signal.time, signal.source, signal.id


def refuse_future(limits: Limits, signal: Signal, time: int) -> None:
    """Raise Refused where a signal says it happened well after its record time."""
    if signal.time > time + limits.ahead:
        raise Refused(
            "in_future",
            f"time {iso(signal.time)} is more than {limits.ahead // 60_000} minutes ahead of the record time "
            f"{iso(time)}; mend the clock or the time zone of {signal.source}",
        )


def judge(limits: Limits, state: AccountState, signal: Signal, time: int) -> None:
    """Raise Refused where a signal with record time ``time`` cannot be used."""
    now = max(state.clock, time)
    refuse_future(limits, signal, time)
    if signal.type in FACT_TYPES or signal.type == "account_alias":
        return
    if before_floor(limits, state, now, key_of(signal), signal.type):
        raise Refused("too_late", _late(limits, state, now, "it happened", signal.time))
    if signal.type == "retracted":
        target = (signal.data["signal_source"], signal.data["signal_id"])
        when = signal.data["signal_time"]
        taken = state.ledger.find(*target)
        if before_floor(limits, state, now, (when, *target), taken.type if taken else ""):
            raise Refused("too_late", _late(limits, state, now, "what it takes back happened", when))
        if taken is not None and taken.type in NOT_RETRACTABLE:
            raise Refused(
                "not_retractable",
                f"{taken.name} is of type {taken.type}, which cannot be taken back; "
                "send a newer one that corrects it",
            )


def before_floor(limits: Limits, state: AccountState, now: int, key: Key, type_: str) -> bool:
    """Whether something that happened then could have been forgotten, under this horizon or an earlier shorter one."""
    time, floor, gone = key[0], state.floor, state.gone.get(type_)
    if time < now - limits.horizon or (floor is not None and time <= floor[0] and key < floor):
        return True
    return gone is not None and time <= gone[0] and key <= gone


def _late(limits: Limits, state: AccountState, now: int, what: str, time: int) -> str:
    floor = max(now - limits.horizon, state.floor[0] if state.floor else 0)
    return (
        f"{what} at {iso(time)}, before {iso(floor)}, from where on {state.account} is remembered; "
        "send history in order as an import, or raise the horizon"
    )


def iso(moment: int) -> str:
    """A moment as text, to the millisecond where it has them."""
    seconds, rest = divmod(moment, 1000)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:03d}Z" if rest else f"{text}Z"
