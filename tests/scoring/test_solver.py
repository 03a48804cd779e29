"""When time alone moves an account: against looking at every millisecond, and where the search is hard."""

from __future__ import annotations

from math import log2
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.scoring import crossing, surge
from stream.scoring.criteria import Surge
from stream.scoring.engine import Limits
from stream.scoring.entries import Entry, Queue
from stream.scoring.place import Place
from stream.scoring.state import AccountState

from .builders import Desk, profile
from .histories import START_MS, histories
from .reference import Item, PlainSignal, clamped
from .running import Run, run
from .strategies import decays, profiles, signals

LAYOFF, CONTENT = "layoff", "content_consumption"
HALF_30 = {"half_life": "30d"}

HORIZON_MS = 30 * 130
"""Beyond 128 of the longest half-lives of the strategies nothing changes any more."""


def places(outcome: Run) -> list[tuple[AccountState, Place]]:
    """Every account in every profile, with what is derived."""
    found = []
    for name in outcome.partition.accounts.names():
        state = outcome.partition.accounts.get(name)
        assert state is not None
        state.build()
        found += [(state, place) for place in state.places.values()]
    return found


@st.composite
def mixed(draw: st.DrawFn) -> list[Item]:
    """Points of both signs that fade at different speeds around lines: a score that falls, turns and rises; surges,
    steps that rise and gates among them.
    """
    rules = [
        {
            "id": f"c{number}",
            "signal": draw(st.sampled_from((CONTENT, LAYOFF))),
            "points": draw(st.sampled_from((-30, -20, -10, 10, 20, 30))),
            "decay": draw(decays("ms")),
            **draw(st.sampled_from(({}, {"cap": "none"}, {"cap": "none"}, {"cap": 25}, {"cap": -25}))),
        }
        for number in range(draw(st.integers(2, 4)))
    ]
    if draw(st.integers(0, 2)) == 0:
        windows = {"recent": f"{draw(st.integers(1, 8))}ms", "baseline": "10ms", "min_count": draw(st.integers(1, 3))}
        windows["at_least"] = draw(st.sampled_from((0.5, 1.0)))
        rules[0] = {"id": "c0", "signal": rules[0]["signal"], "points": rules[0]["points"], "surge": windows}
    elif draw(st.integers(0, 2)) == 0:
        again = {"after": f"{draw(st.integers(5, 30))}ms", "keep": 0.9}
        rules[0]["decay"] = {"steps": [{"after": "3ms", "keep": 0.2}, again]}
    half = len(rules) // 2
    bounds = st.sampled_from(({}, {}, {"cap": 15}, {"weight": 30, "out_of": 20}))
    base = {"id": "base", "points": draw(st.sampled_from((0, 15, 20, 25))), "when": {"employees": {"exists": False}}}
    groups = [
        {"name": "a", "criteria": [base, *rules[:half]], **draw(bounds)},
        {"name": "b", "criteria": rules[half:], **draw(bounds)},
    ]
    line = draw(st.sampled_from((10, 15, 18, 20, 22, 25)))
    hot = {"name": "hot", "enter": line, "leave": line - draw(st.sampled_from((0, 3)))}
    if draw(st.booleans()):
        hot["dwell"] = f"{draw(st.integers(1, 12))}ms"
    doc = {"profile": "p", "version": 1, "groups": groups, "tiers": [hot, {"name": "cold"}], "score": {"min": -500}}
    for gate in draw(st.sampled_from(((), (), (), ("exclude",), ("require",), ("exclude", "require")))):
        window = {"window": f"{draw(st.integers(5, 40))}ms"}
        doc[gate] = [{"id": gate, "signal": draw(st.sampled_from((CONTENT, LAYOFF))), "decay": window}]
    log = [Item("profile_activated", 20, profile_doc=doc)]
    for number in range(draw(st.integers(2, 8))):
        kind = draw(st.sampled_from((CONTENT, LAYOFF)))
        one = PlainSignal("acme.com", "x", str(number), kind, draw(st.integers(0, 24)), {})
        log.append(Item("signal", 20, "acme.com", one))
    return log


@settings(max_examples=3 * settings.default.max_examples)
@given(log=mixed())
def test_first_millisecond(log: list[Item]) -> None:
    """Also where the score falls and rises again it is the first millisecond of all, and so is that of a drift."""
    for state, place in places(run(log)):
        every = range(state.clock + 1, state.clock + HORIZON_MS)
        scores = [place.profile.total(place.values(now))[0] for now in range(state.clock, every.stop)]
        moment, exact = crossing.next_transition(place, state.clock)
        assert exact
        assert moment == next((now for now in every if crossing.tier_at(place, now) != place.tier), None)
        drift = next((now for now in every if abs(scores[now - state.clock] - scores[0]) >= 5 - 1e-9), None)
        assert crossing.next_drift(place, state.clock, 5) == drift


@settings(max_examples=5 * settings.default.max_examples)
@given(
    times=st.lists(st.integers(0, 20), min_size=1, max_size=12).map(sorted),
    spans=st.tuples(st.integers(1, 8), st.integers(1, 12), st.sampled_from((0.5, 1.0, 2.0)), st.integers(1, 3)),
    first=st.integers(8, 32),
    length=st.integers(0, 12),
)
def test_a_surge_over_a_span(times: list[int], spans: tuple[int, int, float, int], first: int, length: int) -> None:
    """What is said of a surge over a whole span holds at every moment of it; of one moment it is always said.

    Where it is not said, there is a moment to split the span at: one at which a signal leaves a window.
    """
    rule = Surge(*spans)
    now = queue([time for time in times if time <= first])
    verdict = surge.throughout(rule, now, first, first + length)
    every = {surge.holds(rule, now, moment) for moment in range(first, first + length + 1)}
    assert verdict is None or every == {verdict}
    assert verdict is not None or length > 0
    bends = {entry.time + age for entry in now for age in (rule.recent, rule.recent + rule.baseline)}
    within = {bend for bend in bends if first < bend <= first + length}
    assert surge.bend(rule, now, first, first + length) in (within or {None})
    assert verdict is not None or within


def queue(times: list[int]) -> Queue:
    """Signals of these times."""
    found = Queue()
    for number, time in enumerate(times):
        found.insert(Entry(time, "s", f"{number:03d}", "intent_surge", {}))
    return found


def test_a_dwell_that_ends_while_the_score_recovers() -> None:
    """A score below its line when the dwell ends is demoted then, though it rises back above the line later."""
    doc = {
        "profile": "p",
        "version": 1,
        "groups": [
            {
                "name": "g",
                "criteria": [line("up", CONTENT, 30), line("down", LAYOFF, -20, decay={"half_life": "2d"})],
            }
        ],
        "tiers": [{"name": "hot", "enter": 20, "dwell": "12h"}, {"name": "cold"}],
    }
    told = [PlainSignal("acme.com", "x", kind, kind, START_MS, {}) for kind in (CONTENT, LAYOFF)]
    log = [Item("profile_activated", START_MS, profile_doc=doc)]
    log += [Item("signal", START_MS, "acme.com", one) for one in told]
    changes = [change for change, _ in run(log, START_MS + 10 * 86_400_000).changes]
    assert [(change.standing.tier, change.effective_at - START_MS) for change in changes] == [
        ("hot", 0),
        ("cold", 43_200_000),
        ("hot", pytest.approx(2 * 86_400_000, abs=1)),
    ]


@pytest.mark.parametrize("enter", [7, 8, 9, 10, 11, 12, 13, 13.5, 14, 14.5])
def test_a_cap_that_holds_for_a_while(enter: float) -> None:
    """A score that rises while a cap holds back what falls, and falls later: both crossings are found."""
    capped = {"name": "a", "cap": 15, "criteria": [line("up", CONTENT, 30, decay={"half_life": "10d"})]}
    rising = {"name": "b", "criteria": [line("down", LAYOFF, -10, decay={"half_life": "2d"})]}
    tiers = [{"name": "hot", "enter": enter}, {"name": "cold"}]
    doc = {"profile": "p", "version": 1, "groups": [capped, rising], "tiers": tiers}
    told = [PlainSignal("acme.com", "x", kind, kind, START_MS, {}) for kind in (LAYOFF, CONTENT)]
    log = [Item("profile_activated", START_MS, profile_doc=doc)]
    log += [Item("signal", START_MS, "acme.com", one) for one in told]
    up, down = [change for change, _ in run(log, START_MS + 100 * 86_400_000).changes]
    assert (up.effective_at - START_MS) / 86_400_000 == pytest.approx(2 * log2(10 / (15 - enter)), abs=1e-7)
    assert (down.effective_at - START_MS) / 86_400_000 > 10
    assert (up.standing.tier, down.standing.tier) == ("hot", "cold")


@given(
    doc=profiles(unit="ms"),
    told=st.lists(signals(("acme.com",), st.integers(0, 40)), min_size=3, max_size=12),
    by=st.sampled_from((2.5, 5.0, 20.0)),
)
def test_drift(doc: dict[str, Any], told: list[PlainSignal], by: float) -> None:
    """Drift is the first millisecond at which the score lies so many points from where it was."""
    log = [Item("profile_activated", 30, profile_doc=doc)]
    log += [Item("signal", 30, one.account, one) for one in told]
    for state, place in places(run(log)):

        def score(now: int, place: Place = place) -> float:
            return place.profile.total(place.values(now))[0]

        start = score(state.clock)
        every = range(state.clock + 1, state.clock + HORIZON_MS)
        wanted = next((now for now in every if abs(score(now) - start) >= by - 1e-9), None)
        assert crossing.next_drift(place, state.clock, by) == wanted


@given(items=histories())
def test_days_and_milliseconds(items: list[Item]) -> None:
    """Over months: no other tier in any hour before the moment, nor in the milliseconds right before it; one at it."""
    for state, place in places(run(clamped(items))):
        moment, exact = crossing.next_transition(place, state.clock)
        end = state.clock + 400 * 86_400_000 if moment is None else moment
        looks = {*range(state.clock + 1, end, 3_600_000 * 5 + 1), *range(max(end - 40, state.clock + 1), end)}
        assert exact
        assert all(crossing.tier_at(place, now) == place.tier for now in looks)
        assert moment is None or crossing.tier_at(place, moment) != place.tier


def line(name: str, signal: str, points: float, **more: Any) -> dict[str, Any]:
    """A criterion that sums."""
    return {"id": name, "signal": signal, "points": points, "cap": "none", **more}


def standing_at(base: float, rules: list[dict[str, Any]], told: list[tuple[str, int]], **tier: Any) -> Place:
    """An account with so many points for nothing beside these rules, told these types so many ms after the start."""
    fact = {"id": "base", "points": base, "when": {"employees": {"exists": False}}}
    doc = {
        "profile": "p",
        "version": 1,
        "groups": [{"name": "g", "criteria": [fact, *rules]}],
        "tiers": [{"name": "hot", **tier}, {"name": "cold"}],
    }
    log = [Item("profile_activated", START_MS, profile_doc=doc)]
    for place, (kind, at) in enumerate(told):
        signal = PlainSignal("acme.com", "x", str(place), kind, START_MS + at, {})
        log.append(Item("signal", START_MS + 86_400_000, "acme.com", signal))
    ((_, found),) = places(run(log))
    return found


def looks(place: Place, monkeypatch: pytest.MonkeyPatch) -> tuple[int | None, bool, int]:
    """The next transition, and at how many moments the search evaluated a criterion's book."""
    from stream.scoring.book import Book

    count = 0
    plain = Book.value

    def counted(book: Book, now: int) -> float:
        nonlocal count
        count += 1
        return plain(book, now)

    monkeypatch.setattr(Book, "value", counted)
    moment, exact = crossing.next_transition(place, START_MS + 86_400_000)
    return moment, exact, count


HARD = {
    "equal half-lives cancel on the line": standing_at(
        30.0,
        [line("up", CONTENT, 40, decay=HALF_30), line("down", LAYOFF, -40, decay=HALF_30)],
        [(CONTENT, 0), (LAYOFF, 0)],
        enter=30,
    ),
    "half-lives that all but cancel": standing_at(
        30.0,
        [line("up", CONTENT, 40, decay=HALF_30), line("down", LAYOFF, -40 * 2 ** (-1 / 90), decay=HALF_30)],
        [(CONTENT, 0), (LAYOFF, 28_800_000)],
        enter=30,
    ),
    "equal lines cancel on the line": standing_at(
        30.0,
        [line("up", CONTENT, 40, decay={"linear": "90d"}), line("down", LAYOFF, -40, decay={"linear": "90d"})],
        [(CONTENT, 0), (LAYOFF, 0)],
        enter=30,
    ),
    "half-lives that cancel in a whole series": standing_at(
        30.0,
        [line("up", CONTENT, 3, decay=HALF_30), line("down", LAYOFF, -3, decay=HALF_30)],
        [(kind, hour * 600_000) for hour in range(40) for kind in (CONTENT, LAYOFF)],
        enter=30,
    ),
    "a score that nears the line from above for ever": standing_at(
        30.0, [line("up", CONTENT, 40, decay={"half_life": "2d"})], [(CONTENT, 0)], enter_above=30
    ),
    "a score that nears the line while the signs are mixed": standing_at(
        30.0,
        [line("up", CONTENT, 40, decay={"half_life": "4d"}), line("down", LAYOFF, -10, decay={"half_life": "2d"})],
        [(CONTENT, 0), (LAYOFF, 0)],
        enter_above=30,
    ),
    "a hundred years": standing_at(
        0.0, [line("up", CONTENT, 40, decay={"half_life": "36500d"})], [(CONTENT, 0)], enter_above=20
    ),
}


@pytest.mark.parametrize("name", HARD)
def test_hard_searches_stay_short(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the score lies on its line or nears it for ever, the moment is exact and found in a few hundred looks."""
    place = HARD[name]
    moment, exact, count = looks(place, monkeypatch)
    assert exact
    assert count < 600
    if name.startswith(("equal", "half-lives")):
        assert moment is None
    else:
        assert moment is not None
        assert crossing.tier_at(place, moment) == "cold"
        assert crossing.tier_at(place, moment - 1) == "hot"


def test_nothing_comes_after_the_last_calendar() -> None:
    """What would come after the year 9999 never does: no date can tell of it."""
    rule = line("up", CONTENT, 40, decay={"half_life": "3650000d"})
    place = standing_at(0.0, [rule], [(CONTENT, 0)], enter_above=20)
    assert crossing.next_transition(place, START_MS + 86_400_000) == (None, True)


def test_a_drift_below_what_facts_give() -> None:
    """A penalty for ever that the ledger has forgotten still counts: what fades above it is a drift all the same."""
    days = 86_400_000
    surging = line("surging", "intent_surge", 12, cap="none", decay={"half_life": "10d"})
    facts = {"id": "size", "when": {"employees": {"gte": 1}}, "points": 50}
    desk = Desk(profile(facts, line("cuts", LAYOFF, -10, cap="none"), surging), Limits(horizon=30 * days))
    desk.tell(0, "account_update", facts={"employees": 5})
    desk.tell(1, LAYOFF)
    for day_ in range(2, 100, 7):
        desk.tell(day_, "website_change")
    desk.tell(100, "intent_surge", topic="x", score=1)
    state, place = desk.state, desk.state.places["p"]
    assert LAYOFF not in state.ledger.types()
    assert place.profile.total(place.values(state.clock))[0] == 52
    drift = crossing.next_drift(place, state.clock, 5)
    assert drift is not None
    assert drift - state.clock == pytest.approx(7.78 * days, rel=1e-2)
