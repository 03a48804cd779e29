"""Input made to hurt: each record stays cheap, nothing overflows, and the score is still what the reference says."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator
from time import process_time
from typing import Any

import pytest

from stream.scoring.engine import Limits
from stream.scoring.values import Effects

from .builders import ACCOUNT, HOT_COLD, Desk, day, line, profile
from .reference import PlainSignal, score

MS = 1 / 86_400_000
LAYOFF = "layoff"
WORST_S = 0.2
"""No record may take the processor longer, whatever was told before."""


@pytest.fixture(autouse=True)
def _no_collector() -> Iterator[None]:
    """What the collector does with the objects of all other tests is not the scoring's time."""
    gc.disable()
    yield
    gc.enable()


class Watched(Desk):
    """A desk that keeps what was accepted, and how long the slowest record took."""

    def __init__(self, doc: dict[str, Any], limits: Limits | None = None) -> None:
        super().__init__(doc, limits)
        self.doc = doc
        self.accepted: list[PlainSignal] = []
        self.slowest = 0.0

    def tell(self, at: float, kind: str = "content_consumption", **more: Any) -> Effects:  # type: ignore[override]
        """Tell, time, and keep."""
        before = process_time()
        effects = super().tell(at, kind, **more)
        self.slowest = max(self.slowest, process_time() - before)
        assert effects.refused is None
        data = {name: value for name, value in more.items() if name not in ("id_", "record")}
        self.accepted.append(PlainSignal(ACCOUNT, "x", more.get("id_") or f"s{self._count:05d}", kind, day(at), data))
        return effects

    def agrees(self, *days: float) -> None:
        """The score at these moments is the reference's of all that was accepted; no record took too long."""
        for at in days:
            assert self.score(at) == pytest.approx(score(self.accepted, self.doc, day(at)).score, abs=1e-9)
        assert self.slowest < WORST_S


def test_thousands_in_one_millisecond() -> None:
    """Three thousand signals of one moment are told apart by their names and all count."""
    desk = Watched(profile(line(points=0.01, cap="none", decay={"half_life": "30d"}), score={"max": 1000}))
    for number in random.Random(1).sample(range(3_000), 3_000):
        desk.tell(1, id_=f"n{number}")
    desk.agrees(1, 1 + MS, 31)


def test_everything_lies_ahead() -> None:
    """A thousand future-dated signals begin one by one, each at its moment, and the change is theirs."""
    desk = Watched(profile(line(points=0.1, cap="none", decay={"half_life": "1d"})))
    for number in range(1, 1_001):
        desk.tell(1 + number * 500 * MS, record=1)
    (change,) = desk.wait(1.1)
    assert change.trigger is not None
    assert (change.cause, change.standing.tier, change.effective_at) == ("signal", "hot", change.trigger.time)
    desk.agrees(1, 1 + 250_000 * MS, 1.1)


@pytest.mark.parametrize("half_life", ["1ms", "7ms", "36500d"])
def test_extreme_half_lives(half_life: str) -> None:
    """A millisecond or a hundred years: no overflow, no numbers of a million bits, the right score."""
    desk = Watched(profile(line(points=2, cap="none", decay={"half_life": half_life})))
    numbers = random.Random(2)
    for number in range(900):
        at = number if number < 600 else numbers.randrange(600_000)
        desk.tell(1 + at * MS, record=1)
    column = desk.state.places["p"].books[0]._up
    assert max(total.bit_length() for total in column._halves) < 2_000  # type: ignore[union-attr]
    desk.agrees(1, *(1 + at * MS for at in range(500, 600, 7)), 1 + 300_000 * MS, 40)
    desk.tell(400)
    assert len(desk.state.ledger) == 1
    desk.agrees(400, 400 + 3 * MS, 40_000)


def test_grace_longer_than_memory() -> None:
    """A grace of years is kept for as long as it lasts, however short the horizon."""
    doc = profile(line(points=30, cap="none", decay={"half_life": "1d", "grace": "800d"}))
    desk = Watched(doc, Limits(horizon=10 * 86_400_000))
    desk.tell(0)
    for at in range(1, 900, 25):
        desk.tell(at, LAYOFF)
        desk.agrees(at, at + 30)
    assert [(change.standing.tier, change.effective_at) for change in desk.changes][1:] == [
        ("cold", pytest.approx(day(800.58496), abs=1_000))
    ]


@pytest.mark.parametrize("points", [1e9, -1e9])
def test_huge_points(points: float) -> None:
    """Signals of a thousand million points, of both signs and cancelling, leave the small ones exactly as they are."""
    doc = profile(
        line(points=points, cap="none", decay={"half_life": "1d"}),
        line(LAYOFF, -points, cap="none", decay={"half_life": "1d"}),
        line("intent_surge", 30, cap="none"),
    )
    desk = Watched(doc)
    for number in range(50):
        desk.tell(number / 50)
        desk.tell(number / 50, LAYOFF)
    desk.tell(1, "intent_surge")
    assert [desk.score(at) for at in (1, 2, 50)] == [30.0, 30.0, 30.0]
    assert desk.slowest < WORST_S


@pytest.mark.parametrize("weight", [1e308, -1e308, 2**63 - 1, "NaN", "Infinity", "1e999", True, None, [5], {}])
def test_factors_that_are_no_sane_number(weight: Any) -> None:
    """`multiply` by a monstrous number stays finite; by text, a truth, a list or nothing it gives nothing."""
    desk = Desk(profile(line(points=10, cap="none", multiply="weight", decay={"half_life": "1d"})))
    assert desk.tell(0, weight=weight).refused is None
    desk.tell(0, weight=2)
    desk.wait(500)
    monstrous = isinstance(weight, int | float) and not isinstance(weight, bool)
    assert desk.score(0) == ((100.0 if weight > 0 else 0.0) if monstrous else 20.0)


def test_late_arrivals_at_a_limit() -> None:
    """Under a limit the earliest of each window count, whatever came late, also where a window is half forgotten."""
    rule = line(cap="none", multiply="weight", limit={"count": 2, "per": "1d"})
    doc = profile(rule, score={"max": 10_000})
    desk = Watched(doc, Limits(remembered=20))
    numbers = random.Random(3)
    for number in range(400):
        now = number / 40
        kept = min((entry.time for entry in desk.state.ledger), default=day(0)) if number else day(0)
        late = max(now - numbers.random() / 3, (kept - day(0) + 1) * MS)
        desk.tell(late if number % 3 else now, record=now, weight=number % 17)
    desk.agrees(10, 20)


def test_tiny_surges() -> None:
    """Windows of a millisecond: thousands of surges come and end, each change at its millisecond."""
    surge = {"recent": "1ms", "baseline": "2ms", "at_least": 1.0, "min_count": 1}
    desk = Watched(profile(line(points=30, surge=surge)))
    for number in range(1_000):
        desk.tell(1 + number * 5 * MS)
    desk.wait(2)
    assert [change.effective_at - day(1) for change in desk.changes] == [
        at for number in range(1_000) for at in (number * 5, number * 5 + 1)
    ]
    assert desk.slowest < WORST_S


def test_gates_that_swap() -> None:
    """One exclusion ends where another one's signal begins or a requirement fails: out without a gap, back in time."""
    doc = profile(
        line("funding_round", 30),
        exclude=[
            {"id": "a", "signal": LAYOFF, "decay": {"window": "2d"}},
            {"id": "b", "signal": "executive_departure", "decay": {"window": "3d"}},
        ],
        require=[{"id": "c", "signal": "content_consumption", "decay": {"window": "4d"}}],
    )
    desk = Desk(doc)
    desk.tell(0, "funding_round", series="a")
    desk.tell(0, LAYOFF)
    desk.tell(0, "executive_departure", title="CRO")
    desk.tell(0.5)
    desk.wait(3)
    desk.tell(3.5, LAYOFF)
    desk.wait(30)
    assert [(change.standing.tier, change.effective_at, change.standing.reasons) for change in desk.changes] == [
        ("hot", day(3), []),
        ("disqualified", day(3.5), ["excluded by a"]),
    ]
    desk.tell(31)
    assert desk.changes[-1].standing.tier == "hot"
    desk.wait(60)
    assert (desk.changes[-1].effective_at, desk.changes[-1].standing.reasons) == (day(35), ["required c not met"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("up", "down"),
    [
        ({"half_life": "30d"}, {"half_life": "30d"}),
        ({"linear": "30d"}, {"linear": "30d"}),
        ({"window": "30d"}, {"window": "30d"}),
        ({"half_life": "30d"}, {"linear": "60d"}),
    ],
)
@pytest.mark.parametrize("apart", [0, 3])
def test_signs_that_cancel_on_the_line(up: dict[str, str], down: dict[str, str], apart: int) -> None:
    """Hundreds of pairs of signals that cancel, at once or nearly, on the line: every record is judged in time."""
    fact = {"id": "f", "when": {"employees": {"exists": False}}, "points": 20}
    desk = Watched(profile(line(points=2, cap="none", decay=up), line(LAYOFF, -2, cap="none", decay=down), fact))
    for number in range(200):
        desk.tell(number / 20)
        desk.tell(number / 20 + apart * MS, LAYOFF)
        assert desk.state.places["p"].exact or desk.state.places["p"].due is not None
    before = process_time()
    desk.wait(200)
    assert process_time() - before < 5 * WORST_S
    desk.agrees(200)


@pytest.mark.slow
def test_fifty_criteria() -> None:
    """Fifty criteria of both signs and of as many half-lives and lines: every record is judged in time."""
    lines = [
        line(
            LAYOFF if number % 3 else "content_consumption",
            (1 if number % 2 else -1) * (1 + number / 10),
            id=f"c{number}",
            cap="none",
            decay={("half_life", "linear")[number % 2]: f"{5 + number}d"},
        )
        for number in range(50)
    ]
    desk = Watched(profile(*({**each, "id": f"c{n}"} for n, each in enumerate(lines)), score={"min": -1e6, "max": 1e6}))
    for number in range(150):
        desk.tell(number / 30, LAYOFF if number % 2 else "content_consumption")
    desk.agrees(5, 6, 20)


@pytest.mark.slow
def test_a_profile_over_a_full_memory() -> None:
    """A profile version activated over 4,096 remembered signals is scored at once, and in time."""
    desk = Watched(profile(line(points=0.01, cap="none")))
    for number in range(4_200):
        desk.tell(number / 100, topic="crm")
    before = process_time()
    desk.activate(43, {**profile(line(points=0.02, cap="none", decay={"linear": "30d"})), "version": 2})
    assert process_time() - before < WORST_S
    wanted = score(desk.accepted[-4_096:], desk.state.places["p"].profile.document, day(43)).score
    assert desk.score(43) == pytest.approx(wanted, abs=1e-9)
    assert wanted > 0


@pytest.mark.slow
@pytest.mark.parametrize("limit", [None, {"count": 3, "per": "1d"}])
def test_a_storm_of_retractions(limit: dict[str, Any] | None) -> None:
    """Two thousand signals, all taken back in any order: each at once, and of the last ten the right points stay."""
    rule = {"limit": limit} if limit else {}
    desk = Watched(profile(line(points=0.5, cap="none", decay={"half_life": "30d"}, **rule)))
    for number in range(2_000):
        desk.tell(number / 200, id_=f"k{number}")
    for place, number in enumerate(random.Random(4).sample(range(2_000), 2_000)):
        if place == 1_990:
            desk.agrees(10, 40)
        before = process_time()
        desk.take_back(10, f"k{number}", number / 200)
        desk.slowest = max(desk.slowest, process_time() - before)
    assert desk.score(10) == 0.0
    assert desk.state.places["p"].tier == "cold"
    assert desk.slowest < WORST_S


@pytest.mark.slow
def test_a_chain_of_one_event() -> None:
    """One posting told a thousand times; as each first telling is taken back the next one counts, in its place."""
    doc = profile(line("job_posting", 30, decay={"half_life": "10d"}), tiers=HOT_COLD)
    desk = Watched(doc)
    for number in range(1_000):
        desk.tell(number / 1_000, "job_posting", id_=f"k{number:04d}", posting_id="j", state="opened")
    assert desk.score(1) == pytest.approx(30 * 2**-0.1)
    for number in range(999):
        before = process_time()
        desk.take_back(1, f"k{number:04d}", number / 1_000)
        desk.slowest = max(desk.slowest, process_time() - before)
    assert desk.score(1) == pytest.approx(30 * 2 ** -((1 - 0.999) / 10))
    assert desk.slowest < WORST_S
    assert desk.state.places["p"].books[0].counted.at(0).id == "k0999"


def test_no_transition_beyond_the_calendar() -> None:
    """A fall in the year 20,000 is none: the account can be told of and waited for."""
    desk = Desk(profile(line(points=40, decay={"half_life": "5000000d"})))
    desk.tell(0)
    standing = desk.changes[-1].standing
    assert (standing.tier, standing.next_transition_at, standing.next_tier) == ("hot", None, None)
    assert desk.wait(2_000_000) == []


def test_what_a_retraction_lets_count_is_waited_for() -> None:
    """Within a limit another signal takes the place of the one taken back; one that takes points lets the score rise.

    So it falls below a line and comes back above it, by time alone, and both is told.
    """
    fit = {"id": "fit", "points": 30, "when": {"country": {"eq": "US"}}}
    once = {"limit": {"count": 1, "per": "7d"}, "multiply": "weight", "cap": "none", "decay": {"linear": "10d"}}
    loss = line("layoff", 25, cap="none", decay={"linear": "2d"})
    tiers = [{"name": "hot", "enter": 60}, {"name": "warm", "enter": 25}, {"name": "cold"}]
    desk = Desk(profile(fit, line(points=20, **once), loss, tiers=tiers, score={"min": -100}))
    desk.tell(7, "account_update", facts={"country": "US"})
    desk.tell(7.1, id_="up", weight=1)
    desk.tell(7.2, weight=-1)
    desk.tell(7.3, "layoff")
    desk.take_back(7.4, "up", 7.1)
    desk.wait(30)
    assert [change.standing.tier for change in desk.changes] == ["warm", "hot", "warm", "cold", "warm"]
