"""The engine held against the reference; and what a history must be like for both to answer the same."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from stream.scoring.engine import Limits

from .reference import Item, PlainSignal, instant, iso, replay
from .running import Run

DAY_MS = 86_400_000

EXACT = ("account", "profile", "profile_version", "sequence", "from_tier", "to_tier", "direction", "cause", "trigger")

JOINED = frozenset({"funding_round", "executive_hire", "executive_departure", "job_posting"})
"""Types of which two signals can be one event."""


def assert_same(outcome: Run, items: Sequence[Item], until: int | None = None, limits: Limits | None = None) -> None:
    """The engine's answers are the reference's: changes, refusals, repeats, final standings."""
    bounds = limits or Limits()
    wanted = replay(items, until=until, horizon_ms=bounds.horizon, max_remembered=bounds.remembered)
    assert sorted(outcome.rejected) == sorted(wanted.rejected)
    assert outcome.duplicates == wanted.duplicates
    for account, state in wanted.accounts.items():
        ours = [change for change in outcome.told() if change["account"] == account]
        theirs = [change for change in wanted.changes if change["account"] == account]
        for one, other in zip(ours, theirs, strict=False):
            for name in EXACT:
                assert one[name] == other[name], (name, one, other)
            assert one["import"] == other["import"], (one, other)
            assert abs(one["effective_at"] - other["effective_at"]) <= other["leeway_ms"], (one, other)
            assert one["score"] == pytest.approx(other["score"], abs=2e-6)
            assert one["previous_score"] == pytest.approx(other["previous_score"], abs=2e-6)
            assert one["coverage"] == pytest.approx(other["coverage"], abs=1e-9)
        assert len(ours) == len(theirs), (ours, theirs)
        for name, view in state.profiles.items():
            standing = outcome.standing(account, name)
            assert standing.score == pytest.approx(view.score, abs=1e-9)
            assert (standing.tier, standing.sequence) == (view.tier, view.sequence)
            assert abs(standing.since - view.since) <= 10, (account, name, standing.since, view.since, standing.tier)
            points = {line.criterion: line.points for line in standing.contributions}
            for criterion, value in view.contributions.items():
                if criterion in points:
                    assert points[criterion] == pytest.approx(value, abs=1e-9), criterion
                else:  # left out where it would be published as 0
                    assert abs(value) <= 1e-6, criterion


def orderly(items: Sequence[Item], within_ms: int) -> list[Item]:
    """The history of sources that use an id once: a second delivery has the same time and comes within the horizon.

    Whether an id is known again is a matter of when memory was swept: the engine may know it for longer than it must.
    """
    kept: list[Item] = []
    times: dict[tuple[str, str, str], int] = {}
    for item in items:
        signal = item.signal
        if not isinstance(signal, PlainSignal):
            kept.append(item)
            continue
        identity = (signal.account, signal.source, signal.id)
        known = times.setdefault(identity, signal.time)
        if signal.time != known or item.record_time_ms > known + within_ms:
            continue
        if signal.type == "retracted":
            target = (signal.account, signal.data["signal_source"], signal.data["signal_id"])
            when = times.setdefault(target, instant(signal.data["signal_time"]))
            signal = replace(signal, data={**signal.data, "signal_time": iso(when)})
        kept.append(replace(item, signal=signal))
    return kept


def settled(items: Sequence[Item]) -> list[Item]:
    """The same history without what an engine short of memory cannot keep: only decays that are settled from the
    beginning, no surges, and no types that join repeats.
    """
    kept: list[Item] = []
    for item in items:
        if isinstance(item.signal, PlainSignal) and item.signal.type in JOINED:
            continue
        kept.append(replace(item, profile_doc=_settled(item.profile_doc)) if item.profile_doc else item)
    return kept


def _settled(document: dict[str, Any]) -> dict[str, Any]:
    plain = deepcopy(document)
    for line in (line for group in plain.get("groups", ()) for line in group["criteria"]):
        if line.pop("surge", None):
            line["cap"] = 30
        if "decay" in line:
            span = line["decay"].get("half_life") or line["decay"].get("linear") or "5d"
            line["decay"] = {"half_life": span}
        _read_something_else(line)
    for line in [*plain.get("exclude", []), *plain.get("require", [])]:
        _read_something_else(line)
    return plain


def _read_something_else(line: dict[str, Any]) -> None:
    if line.get("signal") in JOINED:
        line["signal"] = "content_consumption"
        line.pop("where", None)
        if line.pop("points_by", None):
            line["points"] = 10
