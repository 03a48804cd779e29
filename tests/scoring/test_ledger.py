"""Which signals count is the same whether an account has few, which are looked through, or many, which have indexes."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import example, given
from hypothesis import strategies as st

from stream.scoring.entries import Entry
from stream.scoring.ledger import Ledger, SameEvent
from stream.scoring.shelf import FEW

DAY = 86_400_000
RULES = {"funding_round": SameEvent(("round",), 10 * DAY), "acquisition": SameEvent(("round",), None)}
TYPES = (*RULES, "job_posting")

steps = st.lists(
    st.one_of(
        st.tuples(st.just("tell"), st.integers(0, 40), st.sampled_from(TYPES), st.integers(0, 2)),
        st.tuples(st.just("back"), st.integers(0, 40), st.just("retracted"), st.integers(0, 3 * FEW)),
        st.tuples(st.just("forget"), st.just(0), st.sampled_from((*TYPES, "retracted")), st.just(0)),
    ),
    max_size=3 * FEW,
)
"""An event is told once more; the signal of a number, come or to come, is taken back; the oldest is forgotten."""
BACK = [("tell", 1, "acquisition", 0), ("back", 2, "retracted", 0), ("tell", 3, "acquisition", 0)]
"""What is taken back is no telling any more: the next one counts."""
GROWN = [
    *(("tell", 2 * number, "acquisition", number % 2) for number in range(FEW - 1)),
    ("back", 0, "retracted", 0),
    ("tell", 9, "acquisition", 0),
    ("forget", 0, "acquisition", 0),
    ("tell", 1, "acquisition", 0),
]
"""Few become many while some are repeats and one was taken back."""


def crowded() -> Ledger:
    """A ledger that has many signals of another type."""
    ledger = Ledger(RULES)
    for number in range(FEW + 1):
        ledger.add(Entry(number, "s", f"other{number}", "layoff", {}))
    return ledger


def ids(entries: Iterable[Entry]) -> list[str]:
    """The ids of entries."""
    return sorted(entry.id for entry in entries)


@given(steps=steps)
@example(steps=BACK)
@example(steps=GROWN)
def test_few_and_many_count_alike(steps: list[tuple[str, int, str, int]]) -> None:
    """Told, told again, taken back, forgotten, in any order: the same begin and cease to count, and repeat the same."""
    few, many = Ledger(RULES), crowded()
    for number, (step, day, type_, which) in enumerate(steps):
        if step == "forget":
            oldest = few.of(type_)[:1]
            assert ids(oldest) == ids(many.of(type_)[:1])
            for entry in oldest:
                assert ids(few.drop(entry)) == ids(many.drop(many.of(type_)[0]))
            continue
        data = {"round": which} if step == "tell" else {"signal_source": "s", "signal_id": f"id{which}"}
        shifts = [ledger.add(Entry(day * DAY, "s", f"id{number}", type_, data)) for ledger in (few, many)]
        assert ids(shifts[0].added) == ids(shifts[1].added)
        assert ids(shifts[0].removed) == ids(shifts[1].removed)
        for one in TYPES:
            for entry, twin in zip(few.of(one), many.of(one), strict=True):
                assert entry.id == twin.id
                assert few.counts(entry) == many.counts(twin)
                assert ids(few.repeats(entry)) == ids(many.repeats(twin))
