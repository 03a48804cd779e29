"""Which signals count, and what the facts are: taking back, then joining repeats; then `where`, then `limit`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .conditions import holds
from .values import DAY_MS, Identity, Key, SignalLike, identity_of, iso, key_of, milliseconds

NEVER_TAKEN_BACK = frozenset({"account_update", "account_alias", "opportunity_outcome", "retracted"})

SAME_EVENT: dict[str, tuple[tuple[str, ...], int | None]] = {
    "funding_round": (("series",), 45 * DAY_MS),
    "executive_hire": (("person", "title"), 60 * DAY_MS),
    "executive_departure": (("person", "title"), 60 * DAY_MS),
    "job_posting": (("posting_id", "state"), None),
}
"""Which members make two signals of a type the same event, and within what span (None: for ever)."""


def not_taken_back(signals: Iterable[SignalLike]) -> list[SignalLike]:
    """The signals that no retraction names, in order of time."""
    ordered = sorted(signals, key=key_of)
    named: set[Identity] = {
        (one.data["signal_source"], one.data["signal_id"]) for one in ordered if one.type == "retracted"
    }
    return [one for one in ordered if one.type in NEVER_TAKEN_BACK or identity_of(one) not in named]


def events(signals: Iterable[SignalLike]) -> list[SignalLike]:
    """The signals that count: not taken back, and the first of each event. Given in order of time."""
    counted: list[SignalLike] = []
    last: dict[tuple[str, ...], int] = {}
    for one in not_taken_back(signals):
        event = _event(one)
        if event is not None:
            span = SAME_EVENT[one.type][1]
            if event in last and (span is None or one.time - last[event] <= span):
                continue
            last[event] = one.time
        counted.append(one)
    return counted


def _event(signal: SignalLike) -> tuple[str, ...] | None:
    """What names the event a signal tells of; None for one that is never the same as another."""
    if signal.type not in SAME_EVENT:
        return None
    defaults = {"state": "opened"}
    members, _ = SAME_EVENT[signal.type]
    texts = [str(signal.data.get(name) or defaults.get(name, "")).casefold().strip() for name in members]
    if "person" in members and not texts[0]:
        return None
    return (signal.type, *texts)


def matching(counted: Sequence[SignalLike], rule: Mapping[str, Any]) -> list[SignalLike]:
    """Of the signals that count, those a criterion (or an exclusion) is about: its type, `where`, `limit`."""
    where = rule.get("where") or {}
    chosen = [one for one in counted if one.type == rule["signal"] and holds(where, one.data) is True]
    limit = rule.get("limit")
    if not limit:
        return chosen
    width = milliseconds(limit["per"])
    kept: list[SignalLike] = []
    taken: dict[int, int] = {}
    for one in chosen:
        window = one.time // width
        taken[window] = taken.get(window, 0) + 1
        if taken[window] <= limit["count"]:
            kept.append(one)
    return kept


def facts_of(signals: Iterable[SignalLike]) -> dict[str, Any]:
    """The facts all updates together leave: the latest word on each member, by (time, source, id).

    They hold from when they are accepted, whatever their time. A member whose last word is null is left out.
    """
    winners: dict[str, tuple[Key, Any]] = {}
    for one in signals:
        for member, value in _told(one).items():
            if member not in winners or key_of(one) > winners[member][0]:
                winners[member] = (key_of(one), value)
    return {member: value for member, (_, value) in winners.items() if value is not None}


def _told(signal: SignalLike) -> dict[str, Any]:
    if signal.type == "opportunity_outcome":
        return {"last_outcome": signal.data["stage"], "last_outcome_at": iso(signal.time)}
    if signal.type != "account_update":
        return {}
    told: dict[str, Any] = {}
    for member, value in signal.data["facts"].items():
        if member == "custom" and isinstance(value, Mapping):
            told |= {f"custom.{inner}": each for inner, each in value.items()}
        else:
            told[member] = value
    return told
