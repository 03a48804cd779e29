"""Properties of the engine over whole histories, held against the slow reference or against itself."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from stream.scoring.engine import Limits
from stream.scoring.values import TierChange
from stream.wire import encode_change

from .agreement import DAY_MS, assert_same
from .histories import histories
from .reference import Item, clamped, milliseconds
from .running import Restarting, Run, run

WHOLE = Limits(whole=True)
"""Every member remembered: without it a later profile version can not read of old signals what no earlier one did."""


def encoded(outcome: Run) -> dict[str, list[bytes]]:
    """The changes of each account as they are published."""
    told: dict[str, list[bytes]] = {}
    for change, importing in outcome.changes:
        told.setdefault(change.account, []).append(
            encode_change(change, source="tierline", importing=importing, detected_at=0)
        )
    return told


def end_of(items: list[Item]) -> int:
    """Forty days after the last record."""
    return items[-1].record_time_ms + 40 * DAY_MS


def by_place(changes: list[TierChange]) -> dict[tuple[str, str], list[TierChange]]:
    """Changes by account and profile."""
    found: dict[tuple[str, str], list[TierChange]] = {}
    for change in changes:
        found.setdefault((change.account, change.standing.profile), []).append(change)
    return found


@given(items=histories())
def test_engine_equals_reference(items: list[Item]) -> None:
    """Any history with late, repeated, retracted and future-dated signals, gives the reference's scores and changes."""
    items = clamped(items)
    until = end_of(items)
    assert_same(run(items, until, limits=WHOLE), items, until)


@given(items=histories())
def test_restart_after_every_record(items: list[Item]) -> None:
    """A state that goes through its stored form, as JSON, after every record gives the same changes, byte for byte."""
    items = clamped(items)
    until = end_of(items)
    assert encoded(run(items, until, accounts=Restarting())) == encoded(run(items, until))


@given(items=histories(), cuts=st.lists(st.integers(0, 240), max_size=40))
def test_time_may_be_cut_into_any_ticks(items: list[Item], cuts: list[int]) -> None:
    """Ticks anywhere, or none at all, change no byte of what an account is told: time alone decides what is due."""
    items = clamped(items)
    until = end_of(items)
    silent = [item for item in items if item.kind != "tick"]
    start = items[0].record_time_ms
    ticks = [Item("tick", start + round(cut / 240 * (until - start))) for cut in cuts]
    ticking = sorted([*silent, *ticks], key=lambda item: item.record_time_ms)
    assert encoded(run(ticking, until)) == encoded(run(silent, until))


@given(items=histories(controls=False))
def test_a_tick_tells_all_that_is_due(items: list[Item]) -> None:
    """After a tick nothing that came due by then is left to tell."""
    items = clamped(items)
    ticked = [each for item in items for each in (item, Item("tick", item.record_time_ms + 1))]
    outcome = run(ticked := clamped(ticked), end_of(items))
    for change, place in zip(outcome.changes, outcome.told_at, strict=True):
        before = [item for item in ticked[:place] if item.kind == "tick"]
        assert not before or change[0].effective_at >= before[-1].record_time_ms


@given(items=histories(), budgets=st.lists(st.sampled_from((0, 0, 1, 2)), min_size=20, max_size=20))
def test_accounts_may_be_rescored_at_any_time(items: list[Item], budgets: list[int]) -> None:
    """An account rescored long after an activation comes out, byte for byte, as if it had been rescored there."""
    items = clamped(items)
    until = end_of(items)

    def rescored(index: int) -> int:
        return budgets[index % len(budgets)]

    assert encoded(run(items, until, rescore=rescored)) == encoded(run(items, until, rescore=lambda _: None))


@given(items=histories())
def test_sequences_have_no_gap(items: list[Item]) -> None:
    """Sequences count from 1 by account and profile, across versions and retirements; ids are unique; each change
    leaves the tier that the one before it entered.
    """
    outcome = run(clamped(items), end_of(clamped(items)))
    for changes in by_place([change for change, _ in outcome.changes]).values():
        assert [change.sequence for change in changes] == list(range(1, len(changes) + 1))
        for before, after in pairwise(changes):
            assert after.from_tier == before.standing.tier
            assert after.effective_at >= before.effective_at
        assert all(change.from_tier != change.standing.tier for change in changes)
    ids = [json.loads(text)["id"] for texts in encoded(outcome).values() for text in texts]
    assert len(set(ids)) == len(ids)


@given(items=histories())
def test_no_demotion_before_dwell(items: list[Item]) -> None:
    """Nobody goes down from a tier sooner than its dwell after entering it."""
    items = clamped(items)
    dwells: dict[tuple[str, int, str | None], int] = {}
    for doc in (item.profile_doc for item in items if item.kind == "profile_activated"):
        assert doc is not None
        for tier in doc["tiers"]:
            dwells[doc["profile"], doc["version"], tier["name"]] = milliseconds(tier.get("dwell", "0d"))
    for changes in by_place([change for change, _ in run(items, end_of(items)).changes]).values():
        for before, after in pairwise(changes):
            dwell = dwells.get((after.standing.profile, after.standing.profile_version, after.from_tier), 0)
            assert after.direction != "down" or after.effective_at - before.effective_at >= dwell, (before, after)


@given(items=histories())
def test_what_is_foretold_comes_true(items: list[Item]) -> None:
    """Where nothing else happens, the next change comes at `next_transition_at` and into `next_tier`, or never."""
    items = clamped(items)
    last = items[-1].record_time_ms
    early = run(items, last)
    late = run(items, last + 3_650 * DAY_MS)
    coming = by_place([change for change, _ in late.changes if change.effective_at > last])
    for state in map(early.partition.accounts.get, early.partition.accounts.names()):
        assert state is not None
        for name in state.places:
            told: Any = early.standing(state.account, name)
            for change in coming.get((state.account, name), []):
                assert (told.next_transition_at, told.next_tier) == (change.effective_at, change.standing.tier)
                told = change.standing
            assert told.next_transition_at is None or told.next_transition_at > last + 3_650 * DAY_MS


@settings(max_examples=50)
@given(items=histories(max_records=12))
def test_marks_of_an_import(items: list[Item]) -> None:
    """With marks around everything each change is of the import, also what comes due up to its close; nothing else
    about the changes differs.
    """
    items = [item for item in clamped(items) if not item.kind.startswith("import_")]
    end = end_of(items)
    marked = [Item("import_opened", items[0].record_time_ms), *items, Item("import_closed", end)]
    plain, imported = run(items, end), run(marked, end)
    assert by_place([one for one, _ in imported.changes]) == by_place([one for one, _ in plain.changes])
    assert all(importing for _, importing in imported.changes)
    assert not any(importing for _, importing in plain.changes)
