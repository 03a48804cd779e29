"""What the bounds of memory cost, and what they do not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.scoring.engine import Limits

from .agreement import DAY_MS, assert_same, orderly, settled
from .builders import Desk, day, line, profile
from .histories import histories
from .reference import Item, clamped
from .running import Restarting, Storing, run

LAYOFF = "layoff"

LONG = histories(controls=False, max_records=30, max_span_days=400)


@given(items=LONG, horizon=st.sampled_from((3, 10, 20, 50)))
def test_what_is_old_goes_on_counting(items: list[Item], horizon: int) -> None:
    """With a horizon of days, whatever the decay, the scores and changes are those of the whole history; so they are,
    to the last bit, for a state reloaded after every record.
    """
    limits = Limits(whole=True, horizon=horizon * DAY_MS)
    items = orderly(clamped(items), limits.horizon)
    until = items[-1].record_time_ms + 40 * DAY_MS
    live = run(items, until, limits=limits)
    assert_same(live, items, until, limits)
    assert run(items, until, Restarting(), limits).changes == live.changes


@given(items=LONG, remembered=st.sampled_from((2, 3, 5, 8)))
def test_what_is_pushed_out_goes_on_counting(items: list[Item], remembered: int) -> None:
    """With room for a few signals, and decays that are settled from the beginning, the scores and changes are those of
    the whole history; so they are, to the last bit, for a state reloaded after every record.
    """
    limits = Limits(whole=True, remembered=remembered)
    items = settled(orderly(clamped(items), 10**15))
    until = items[-1].record_time_ms + 40 * DAY_MS
    live = run(items, until, limits=limits)
    assert_same(live, items, until, limits)
    assert run(items, until, Restarting(), limits).changes == live.changes


@settings(max_examples=10)
@given(
    seeds=st.lists(st.tuples(st.integers(0, 3), st.integers(-20, 3), st.integers(0, 9)), min_size=150, max_size=300),
    limits=st.sampled_from((Limits(remembered=70), Limits(remembered=140), Limits(horizon=9 * DAY_MS))),
)
def test_sealed_chunks(seeds: list[tuple[int, int, int]], limits: Limits) -> None:
    """Hundreds of signals, late ones, repeats and retractions among them: chunks are sealed, swept and deleted, and a
    state reloaded after every record gives the same changes, and at the end the same points.
    """
    doc = profile(
        line(points=1, cap="none", decay={"half_life": "5d"}),
        line("job_posting", 2, cap=30, decay={"linear": "8d"}),
        line("layoff", -3, limit={"count": 2, "per": "1d"}, cap="none", decay={"window": "6d", "grace": "1d"}),
    )
    live, reloaded = Desk(doc, limits), Desk(doc, limits, Restarting())
    for desk in (live, reloaded):
        now = 0.0
        for number, (ahead, lag, kind) in enumerate(seeds):
            now += ahead / 24
            at = max(now + lag / 24, 0.0)
            if kind == 9:
                desk.take_back(now, f"s{max(number - 7, 1):05d}", at)
            elif kind > 5:
                desk.tell(at, "job_posting", record=now, posting_id=f"j{number % 40}", state="opened")
            else:
                desk.tell(at, "layoff" if kind > 3 else "content_consumption", record=now)
        desk.wait(now + 30)
    assert live.state.sealed > 0
    assert reloaded.changes == live.changes
    moments = [live.state.clock + hour * 3_600_000 for hour in range(0, 400, 7)]
    places = [desk.state.places["p"] for desk in (live, reloaded)]
    assert [places[0].values(now) for now in moments] == [places[1].values(now) for now in moments]


def test_the_late_and_the_forgotten_are_refused() -> None:
    """What is older than the oldest kept comes too late; so does the retraction of what was forgotten."""
    desk = Desk(profile(line(cap="none")), Limits(remembered=3))
    for at in range(5):
        desk.tell(at, id_=f"k{at}")
    for effects in (desk.tell(1.5, record=5), desk.take_back(5, "k0", 0), desk.tell(1, id_="k1", record=5)):
        assert effects.refused is not None
        assert effects.refused.reason == "too_late"
        assert effects.changes == []
    assert desk.tell(2, id_="k2", record=5).outcome == "duplicate"
    assert desk.score(5) == 5.0


@pytest.mark.parametrize(
    ("rule", "whole", "left"),
    [
        ({"decay": {"window": "30d"}}, 10.0, 0.0),
        ({"decay": {"linear": "30d"}}, 10.0, 0.0),
        ({"decay": {"steps": [{"after": "10d", "keep": 0.5}, {"after": "20d", "keep": 0.2}]}}, 10.0, 2.0),
        ({"decay": {"half_life": "1d", "grace": "30d"}}, 10.0, 10.0),
        ({"decay": {"half_life": "3d"}}, 10.0, 10.0),
        ({"decay": "none"}, 10.0, 10.0),
    ],
)
def test_pushed_out_before_it_settled(rule: dict[str, object], whole: float, left: float) -> None:
    """Documented loss: a signal pushed out by number before its decay settled gives what its last phase gives."""
    desk = Desk(profile(line(points=10, cap="none", **rule)), Limits(remembered=2))
    desk.tell(0)
    assert desk.score(0) == whole
    desk.tell(0, "layoff")
    desk.tell(0, "layoff")
    assert len(desk.state.ledger) == 2
    assert desk.score(0) == left
    if rule["decay"] == {"half_life": "1d", "grace": "30d"}:
        assert desk.score(1) == 5.0


def test_what_is_pushed_out_is_told() -> None:
    """Where points are lost so, the fall is a change of that record, and no transition foretold before comes again."""
    desk = Desk(profile(line(points=30, cap="none", decay={"window": "30d"})), Limits(remembered=2))
    desk.tell(0)
    assert desk.changes[-1].standing.next_transition_at == day(30)
    desk.tell(1, "layoff")
    desk.tell(2, "layoff")
    assert [(change.standing.tier, change.effective_at, change.cause) for change in desk.changes] == [
        ("hot", day(0), "signal"),
        ("cold", day(2), "signal"),
    ]
    assert desk.wait(60) == []


def test_a_surge_loses_what_is_pushed_out() -> None:
    """Documented loss: a surge counts only what is remembered."""
    surge = {"recent": "7d", "baseline": "7d", "at_least": 1.0, "min_count": 3}
    desk = Desk(profile(line(points=30, surge=surge)), Limits(remembered=3))
    for at in range(3):
        desk.tell(at)
    assert desk.score(2) == 30.0
    desk.tell(2, "layoff")
    assert desk.score(2) == 0.0


def test_an_event_whose_first_telling_was_pushed_out() -> None:
    """Documented loss: a telling that comes after its event was pushed out counts; one there before does not."""
    for accounts in (None, Restarting()):
        desk = Desk(profile(line("funding_round", 10, cap="none")), Limits(remembered=2), accounts)
        desk.tell(0, "funding_round", series="a")
        desk.tell(1, "funding_round", series="a")
        desk.tell(2, "layoff")
        assert desk.score(2) == 10.0
        desk.tell(3, "funding_round", series="a")
        assert desk.score(3) == 20.0


def test_a_retraction_is_forgotten_with_its_horizon() -> None:
    """Documented loss: what was taken back before it came counts, once its retraction is older than the horizon."""
    soon, late = (Desk(profile(line(cap="none")), Limits(horizon=10 * DAY_MS)) for _ in range(2))
    for desk, at in ((soon, 9), (late, 30)):
        desk.take_back(0, "w", at)
        desk.tell(at - 1, "layoff")
        desk.tell(at, id_="w")
    assert (soon.score(9), late.score(30)) == (0.0, 1.0)


def test_two_retractions_of_one_signal() -> None:
    """The later of two retractions holds, also of a state that was reloaded in between: the earlier one is forgotten
    without a trace.
    """
    for reloaded in (False, True):
        accounts = Storing()
        desk = Desk(profile(line(cap="none")), Limits(horizon=20 * DAY_MS), accounts)
        desk.tell(11, "retracted", id_="b", signal_source="x", signal_id="w", signal_time=day(25))
        desk.tell(1, "retracted", id_="a", record=11, signal_source="x", signal_id="w", signal_time=day(25))
        if reloaded:
            accounts.reload()
        desk.tell(24, LAYOFF)
        assert [entry.id for entry in desk.state.ledger if entry.type == "retracted"] == ["b"]
        desk.tell(25, id_="w")
        assert desk.score(25) == 0.0


def test_a_new_version_sees_only_what_is_remembered() -> None:
    """Documented loss: of what was forgotten a new rule knows nothing; the same rule in a new version goes on."""
    desk = Desk(profile(line(cap="none")), Limits(remembered=2))
    for at in range(4):
        desk.tell(at)
    for version, cap in ((2, 50), (3, 60)):
        desk.activate(5, {**profile(line(cap=cap)), "version": version})
        assert desk.score(5) == 4.0
    desk.activate(6, {**profile(line(points=10, cap="none")), "version": 4})
    assert desk.score(6) == 20.0


def test_a_longer_horizon_counts_nothing_twice() -> None:
    """A horizon raised between two runs does not let in again what was forgotten under the shorter one."""
    accounts = Restarting()
    doc = profile(line(cap="none"))
    desk = Desk(doc, Limits(horizon=10 * DAY_MS), accounts)
    desk.tell(0, id_="old")
    desk.tell(1, id_="older")
    desk.tell(20)
    assert desk.score(20) == 3.0
    desk.partition.engine.limits = Limits(horizon=100 * DAY_MS)
    refused = desk.tell(0, id_="old", record=21).refused
    assert refused is not None
    assert refused.reason == "too_late"
    assert desk.tell(5, record=21).outcome == "counted"
    assert desk.score(21) == 4.0
