"""An account that is another name of one: it ends, and the other goes on as if it had been told everything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.scoring.engine import Engine, Limits
from stream.scoring.merger import Remains, halves
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import Signal, Standing, TierChange

from .agreement import orderly
from .builders import DAY_MS, day, line, profile
from .histories import histories
from .reference import Item
from .running import Restarting, core_signal

OLD, NEW = "old.com", "acme.com"
FOREVER = Limits(horizon=100_000 * DAY_MS)
SUMMED: dict[str, Any] = {"cap": "none", "decay": {"half_life": "5d"}}


def alias(at: int = day(0), id_: str = "alias") -> Signal:
    """Somebody says that the old name is another name of the account."""
    return Signal(OLD, "crm", id_, "account_alias", at, {"old": OLD, "canonical": NEW})


class Pair:
    """Two accounts under one profile, in partitions of their own, told signals by name and day."""

    def __init__(self, doc: dict[str, Any], limits: Limits | None = None, *, restarts: bool = False) -> None:
        self.partitions = {name: self._partition(doc, limits, restarts=restarts) for name in (OLD, NEW)}
        self.changes: list[TierChange] = []
        self.remains: list[Remains] = []
        self._count = 0

    @staticmethod
    def _partition(doc: dict[str, Any], limits: Limits | None, *, restarts: bool) -> Partition:
        accounts = Restarting() if restarts else Memory()
        partition = Partition(Engine(limits), accounts)
        if isinstance(accounts, Restarting):
            accounts.partition = partition
        partition.activate(compile_profile(doc), day(0))
        return partition

    def tell(self, name: str, at: float, kind: str = "content_consumption", *, id_: str = "", **data: Any) -> None:
        """A signal of that day."""
        self._count += 1
        signal = Signal(name, "x", id_ or f"s{self._count:05d}", kind, day(at), data)
        effects = self.partitions[name].signal(signal, day(at))
        assert effects.refused is None, effects.refused
        self.changes += effects.changes

    def end(self, at: float) -> Remains:
        """The old name ends; what is remembered of it, as it comes out of the log."""
        remains, changes = self.partitions[OLD].end(alias(day(at)), day(at))
        self.changes += changes
        self.remains.append(json.loads(json.dumps(remains)))
        return self.remains[-1]

    def join(self, remains: Remains, at: float) -> list[TierChange]:
        """It joins the other."""
        changes = self.partitions[NEW].join(alias(day(at)), remains, day(at))
        self.changes += changes
        return changes

    def merge(self, at: float) -> list[TierChange]:
        """Both, at once; what changed with the other."""
        return self.join(self.end(at), at)

    def standing(self, name: str, at: float) -> Standing:
        """Where an account stands in the profile, at a moment."""
        return stands(self.partitions[name], name, "p", day(at))


def stands(partition: Partition, name: str, in_: str, now: int) -> Standing:
    """Where an account stands."""
    state = partition.accounts.get(name)
    assert state is not None
    state.build()
    return standing(state, state.places[in_], now)


def test_the_old_name_ends_and_the_other_moves() -> None:
    """A last change of the one, with where it stood and no tier; one of the other, with who said so."""
    pair = Pair(profile(line(points=7, **SUMMED)))
    for at in (1, 2, 3):
        pair.tell(OLD, at)
        pair.tell(NEW, at)
    assert pair.changes == [], "neither is hot by itself"
    pair.merge(3)
    last, up = pair.changes
    assert (last.account, last.direction, last.cause, last.sequence) == (OLD, "merged", "merge", 1)
    assert (last.from_tier, last.to_tier, last.effective_at) == ("cold", None, day(3))
    assert last.standing.score == last.previous_score == pytest.approx(7 * (1 + 2**-0.2 + 2**-0.4))
    assert [one.points for one in last.standing.contributions] == [last.standing.score]
    assert (last.standing.next_transition_at, last.standing.next_tier) == (None, None)
    assert last.summary == "Merged into acme.com."
    assert (up.account, up.direction, up.cause, up.from_tier, up.to_tier) == (NEW, "up", "merge", "cold", "hot")
    assert (up.previous_score, up.standing.score) == (last.standing.score, 2 * last.standing.score)
    assert up.trigger is not None
    assert (up.trigger.source, up.trigger.id, up.trigger.type) == ("crm", "alias", "account_alias")
    assert up.summary.startswith("Known as old.com, too: 18.4 → 36.8, now hot. Cools to cold on ")
    assert up.standing.contributions[0].evidence == [f"x/s0000{n}" for n in range(1, 7)]
    assert pair.partitions[OLD].accounts.get(OLD) is None
    assert pair.partitions[OLD].next_due is None, "nothing of it is due any more"


def test_what_was_due_of_both_comes_first() -> None:
    """Each is taken to the moment of the merger before it: the history is that of the days before."""
    pair = Pair(profile(line(points=30, decay={"window": "10d"})))
    pair.tell(OLD, 0)
    pair.tell(NEW, 1)
    pair.merge(20)
    assert [(one.account, one.direction, one.effective_at) for one in pair.changes] == [
        (OLD, "enter", day(0)),
        (NEW, "enter", day(1)),
        (OLD, "down", day(10)),
        (OLD, "merged", day(20)),
        (NEW, "down", day(11)),
    ]


def test_a_name_of_which_nothing_was_known_begins_with_the_merger() -> None:
    """A company that takes another domain keeps what is known of it; its first tier is announced."""
    pair = Pair(profile(line(points=30, decay={"window": "10d"})))
    pair.tell(OLD, 0)
    (first,) = pair.merge(2)
    assert (first.account, first.direction, first.cause, first.sequence) == (NEW, "enter", "merge", 1)
    assert (first.born, first.effective_at, first.previous_score) == (day(2), day(2), 0.0)
    assert first.standing.next_transition_at == day(10)
    assert pair.partitions[OLD].next_due is None


def test_facts_are_those_told_last_of_either() -> None:
    """Member by member, whoever of the two it was told of; an unknown that is newer holds."""
    pair = Pair(profile(line()))
    pair.tell(OLD, 1, "account_update", facts={"employees": 5, "country": "US", "industry": "retail"})
    pair.tell(NEW, 2, "account_update", facts={"employees": 7, "region": "west"})
    pair.tell(OLD, 3, "account_update", facts={"country": "DE", "industry": None})
    pair.merge(4)
    state = pair.partitions[NEW].accounts.get(NEW)
    assert state is not None
    assert dict(state.values) == {"employees": 7, "region": "west", "country": "DE"}


@pytest.mark.parametrize("restarts", [False, True])
def test_the_same_again_changes_nothing(*, restarts: bool) -> None:
    """As where the log is worked through anew: also of what was forgotten, which nothing else tells apart."""
    pair = Pair(profile(line(points=1, **SUMMED)), Limits(horizon=2 * DAY_MS), restarts=restarts)
    for at in (0, 1, 20):
        pair.tell(OLD, at)
    remains = pair.end(20)
    assert remains["folded"]
    pair.join(remains, 20)
    score = pair.standing(NEW, 20).score
    assert score == pytest.approx(1 + 2**-4 + 2**-3.8)
    pair.join(remains, 20)
    assert pair.standing(NEW, 20).score == score
    others = pair.partitions[NEW]
    passed_on, _ = others.end(Signal(NEW, "crm", "b", "account_alias", day(21), {"canonical": "last.com"}), day(21))
    last = Signal(NEW, "crm", "b", "account_alias", day(21), {"old": NEW, "canonical": "last.com"})
    others.join(last, passed_on, day(21))
    others.join(Signal(OLD, "crm", "a", "account_alias", 0, {"old": OLD, "canonical": "last.com"}), remains, day(21))
    assert stands(others, "last.com", "p", day(20)).score == pytest.approx(score), "nor further down a chain"


@pytest.mark.parametrize(
    "how",
    [
        SUMMED,
        {"cap": "none"},
        {"cap": "none", "decay": {"steps": [{"after": "3d", "keep": 0.5}]}},
        {"cap": "none", "decay": {"half_life": "5d"}, "multiply": "weight"},
    ],
)
def test_what_both_have_forgotten_adds_up(how: dict[str, Any]) -> None:
    """The sum of both is that of each, to the last bit that a score is published with."""
    pair = Pair(profile(line(points=3, **how), score={"min": -1000, "max": 10_000}), Limits(horizon=5 * DAY_MS))
    for at in range(60):
        pair.tell(OLD, at, weight=-1 if at % 3 else 2)
        pair.tell(NEW, at + 0.5, weight=1)
    pair.tell(NEW, 61.0, weight=1)
    wanted = sum(pair.standing(name, 61).score for name in (OLD, NEW))
    remains = pair.end(61)
    assert len(remains["signals"]) < 30, "most are forgotten"
    pair.join(remains, 61)
    assert pair.standing(NEW, 61).score == pytest.approx(wanted, abs=1e-9)


@pytest.mark.parametrize("restarts", [False, True])
def test_what_only_one_still_remembers_goes_on_counting(*, restarts: bool) -> None:
    """One has forgotten a time of which the other, long silent, remembers all: that is folded, and never lost."""
    pair = Pair(profile(line(points=1, **SUMMED)), Limits(horizon=5 * DAY_MS), restarts=restarts)
    for at in range(100):
        pair.tell(NEW, at / 25)
    for at in range(20):
        pair.tell(OLD, at)
    wanted = sum(pair.standing(name, 20).score for name in (OLD, NEW))
    pair.merge(20)
    assert pair.standing(NEW, 20).score == pytest.approx(wanted, abs=1e-9)
    pair.tell(NEW, 20.5)
    assert pair.standing(NEW, 20).score == pytest.approx(wanted, abs=1e-9)


def test_the_stronger_of_two_forgotten_gives_the_points() -> None:
    """A criterion without a cap gives its strongest signal, whichever of the two was told it."""
    for stronger in (OLD, NEW):
        pair = Pair(profile(line(multiply="weight", decay={"half_life": "50d"})), Limits(horizon=2 * DAY_MS))
        for name in (OLD, NEW):
            pair.tell(name, 0, weight=40 if name == stronger else 30)
            pair.tell(name, 20, weight=1)
        pair.merge(20)
        assert pair.standing(NEW, 20).score == pytest.approx(40 * 2**-0.4)


@pytest.mark.parametrize("restarts", [False, True])
def test_the_window_of_a_limit_is_its_account_s_own(*, restarts: bool) -> None:
    """One has forgotten what counted of a window that is over, and still has what did not: that never counts."""
    doc = profile(line(points=1, cap="none", limit={"count": 3, "per": "10d"}))
    pair = Pair(doc, Limits(horizon=5 * DAY_MS), restarts=restarts)
    for name, window in ((OLD, 6), (NEW, 16)):
        for at in (0, 0.5, 1, 5, 5.5, 6, 6.4):
            pair.tell(name, window + at)
    assert [pair.standing(name, 22.4).score for name in (OLD, NEW)] == [3, 3]
    pair.merge(22.4)
    assert pair.standing(NEW, 22.4).score == 6
    pair.tell(NEW, 22.5)
    assert pair.standing(NEW, 22.5).score == 6
    pair.tell(NEW, 26)
    assert pair.standing(NEW, 26).score == 7


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("taken_back_in", [OLD, NEW])
def test_what_was_taken_back_of_one_counts_for_neither(taken_back_in: str, *, restarts: bool) -> None:
    """A signal was told to both, and taken back in one, which has forgotten that by now."""
    pair = Pair(profile(line(points=30, decay={"window": "30d"})), Limits(horizon=5 * DAY_MS), restarts=restarts)
    for name in (OLD, NEW):
        pair.tell(name, 0, id_="both")
    back = {"signal_source": "x", "signal_id": "both", "signal_time": day(0)}
    pair.tell(taken_back_in, 1, "retracted", **back)
    for name in (OLD, NEW):
        pair.tell(name, 8, "layoff")
    pair.merge(8)
    pair.tell(NEW, 9, "layoff")
    assert pair.standing(NEW, 9).score == 0


def test_a_limit_is_one_for_both() -> None:
    """Of a window no more count than of one account: what each has forgotten of it is spent for both."""
    pair = Pair(profile(line(points=1, cap="none", limit={"count": 3, "per": "1000d"})), Limits(remembered=2))
    for at in (1, 2, 3):
        pair.tell(OLD, at)
    pair.tell(NEW, 4)
    pair.tell(NEW, 4)
    pair.merge(5)
    assert pair.standing(NEW, 5).score == 3
    pair.tell(NEW, 6)
    assert pair.standing(NEW, 6).score == 3


@pytest.mark.parametrize("restarts", [False, True])
def test_no_more_is_remembered_than_of_one(*, restarts: bool) -> None:
    """The oldest of both are forgotten, and go on counting; what lies before them is too late from then on."""
    limits = Limits(remembered=150)
    pair = Pair(profile(line(points=0.01, cap="none")), limits, restarts=restarts)
    for at in range(100):
        pair.tell(OLD, at / 10)
        pair.tell(NEW, at / 10 + 0.05)
    pair.merge(10)
    state = pair.partitions[NEW].accounts.get(NEW)
    assert state is not None
    assert len(state.ledger) == 150
    assert state.floor == (day(2.5), "x", "s00051")
    assert pair.standing(NEW, 10).score == pytest.approx(2)
    late = pair.partitions[NEW].signal(Signal(NEW, "x", "late", "content_consumption", day(2), {}), day(10))
    assert late.refused is not None
    assert late.refused.reason == "too_late"


def test_amid_an_import_the_clock_of_the_others_stays() -> None:
    """What is remembered may be of today: the account's clock is there then, and not that of all its partition."""
    pair = Pair(profile(line(points=30, decay={"window": "10d"})))
    pair.tell(OLD, 100)
    remains = pair.end(100)
    partition = pair.partitions[NEW]
    partition.open_import(day(100))
    partition.signal(Signal("other.com", "x", "1", "content_consumption", day(3), {}), day(3))
    (change,) = pair.join(remains, 100)
    assert change.effective_at == day(100)
    assert partition.clock == day(3)


def test_large_remains_are_joined_in_parts() -> None:
    """Divided as far as can be they come to the same, whole or not at all of each part, and only once."""
    doc = profile(line(points=3, **SUMMED), line("layoff", 5))
    pairs = [Pair(doc, Limits(horizon=5 * DAY_MS)) for _ in range(2)]
    for pair in pairs:
        for at in range(20):
            pair.tell(OLD, at)
            pair.tell(NEW, at + 0.5)
        pair.tell(OLD, 20, "account_update", facts={"employees": 5})

    def parts(remains: Remains) -> list[Remains]:
        divided = halves(remains)
        return [remains] if divided is None else [one for half in divided for one in parts(half)]

    pairs[0].merge(20)
    found = parts(pairs[1].end(20))
    assert max(len(one["signals"]) for one in found) == 1
    assert [one["signals"] for one in found[:2]] == [[], []], "facts, and what is forgotten, in parts of their own"
    assert len({one["id"] for one in found}) == len(found) > 5
    told = len(pairs[1].changes)
    for one in [*found, *found]:
        pairs[1].join(one, 20)
    pairs[1].join(pairs[0].remains[0], 20)
    assert len(pairs[1].changes) == len(pairs[0].changes) == told, "what they come to in between is told to nobody"
    one, other = (pair.standing(NEW, 20) for pair in pairs)
    assert (one.score, one.contributions) == (other.score, other.contributions)


def _told_once(items: Sequence[Item]) -> list[Item]:
    """Without what was told again with other content: which of the two holds is another question."""
    seen: dict[tuple[str, str], tuple[Any, ...]] = {}
    found = []
    for item in orderly(items, FOREVER.horizon):
        if item.signal is not None:
            content = item.signal.type, item.signal.time, str(item.signal.data)
            if seen.setdefault((item.signal.source, item.signal.id), content) != content:
                continue
        found.append(item)
    return found


@pytest.mark.parametrize("restarts", [False, True])
@given(data=st.data())
def test_it_scores_as_if_it_had_been_told_everything(*, restarts: bool, data: st.DataObject) -> None:
    """Whatever was told to which of the two, and whenever they are joined: one score, with the same explanation."""
    drawn = data.draw(histories(accounts=(NEW,), controls=False))
    items = _told_once([item for item in drawn if item.kind in ("signal", "profile_activated")])
    join = data.draw(st.integers(0, len(items)))
    olds = data.draw(st.sets(st.integers(0, max(join - 1, 0))))
    whole, joined = Partition(Engine(FOREVER), Memory()), Partition(Engine(FOREVER), Memory())
    if restarts:
        accounts = Restarting()
        joined = Partition(Engine(FOREVER), accounts)  # type: ignore[arg-type]
        accounts.partition = joined
    now = 0
    for at, item in enumerate([*items, None]):
        if at == join and joined.accounts.get(OLD) is not None:
            remains, _ = joined.end(alias(now), now)
            joined.join(alias(now), json.loads(json.dumps(remains)), now)
        if item is None:
            break
        now = max(now, item.record_time_ms)
        if item.profile_doc is not None:
            for partition in (whole, joined):
                partition.activate(compile_profile(item.profile_doc), now)
            continue
        assert item.signal is not None
        signal = core_signal(item.signal)
        whole.signal(signal, now)
        name = OLD if at < join and at in olds else NEW
        joined.signal(replace_account(signal, name), now)
    for partition in (whole, joined):
        partition.advance(now)
    state = whole.accounts.get(NEW)
    assert joined.accounts.get(OLD) is None
    for in_ in state.places if state else ():
        wanted, found = (stands(partition, NEW, in_, now) for partition in (whole, joined))
        assert found.score == pytest.approx(wanted.score, abs=1e-9)
        assert found.coverage == wanted.coverage
        assert [replace(one, points=0) for one in found.contributions] == [
            replace(one, points=0) for one in wanted.contributions
        ]
        assert found.reasons == wanted.reasons


def replace_account(signal: Signal, name: str) -> Signal:
    """The same signal, told of another account."""
    return Signal(name, signal.source, signal.id, signal.type, signal.time, signal.data)
