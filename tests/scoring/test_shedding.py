"""Lists that lose their oldest say what plain lists say, however many have gone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from stream.scoring.columns import Column, Peak
from stream.scoring.decay import compile_decay
from stream.scoring.entries import Entry, Queue
from stream.scoring.shedding import MANY

steps = st.lists(st.tuples(st.sampled_from(("late", "new", "old", "any", "rush")), st.integers(0, 40)), max_size=40)
"""A signal that comes before others, or last; the oldest goes, or another; a gap's worth comes and goes."""


def times(step: str, number: int, held: list[int]) -> tuple[list[int], list[int]]:
    """Times that come with a step, and the places of those that go after that, one by one."""
    last = held[-1] if held else 0
    if step == "rush":
        return [last + place // 3 for place in range(MANY + number)], [0] * (MANY + number // 2)
    if step in ("late", "new"):
        return [number if step == "late" else last + number], []
    return [], ([0 if step == "old" else number % len(held)] if held else [])


@given(taken=steps)
def test_a_queue_is_a_sorted_list(taken: list[tuple[str, int]]) -> None:
    """A queue has its signals in order, finds how many happened by a moment, and tells what is not in it."""
    signals, plain, count = Queue(), list[Entry](), 0
    stranger = Entry(20, "s", "", "intent_surge", {})
    for step, number in taken:
        come, go = times(step, number, [entry.time for entry in plain])
        for time in come:
            count += 1
            plain.append(Entry(time, "s", f"{count:05d}", "intent_surge", {}))
            signals.insert(plain[-1])
        plain.sort(key=lambda entry: entry.key)
        for place in go:
            assert signals.remove(plain.pop(place))
        assert not signals.remove(stranger)
        assert list(signals) == plain
        assert list(reversed(signals)) == plain[::-1]
        assert len(signals) == len(plain)
        assert all(signals.at(place) is entry for place, entry in enumerate(plain))
        for moment in range(-1, 42):
            assert signals.upto(moment) == sum(entry.time <= moment for entry in plain)


@given(taken=steps)
def test_columns_are_as_if_made_anew(taken: list[tuple[str, int]]) -> None:
    """Sums and peaks that lost signals are, to the last bit, those of what is left."""
    half, line = compile_decay({"half_life": "10ms", "grace": "3ms"}), compile_decay({"linear": "30ms"})
    kept = [Column(half), Column(line), Peak(half), Peak(line)]
    held: list[tuple[int, float]] = []
    for step, number in taken:
        come, go = times(step, number, [time for time, _ in held])
        new = [(time, 1.0 + (time + number) % 3) for time in come]
        held = sorted([*held, *new])
        gone = [held.pop(place) for place in go]
        fresh = [Column(half), Column(line), Peak(half), Peak(line)]
        for one, other in zip(kept, fresh, strict=True):
            for time, points in new:
                one.insert(time, points)
            for time, points in gone:
                one.remove(time, points)
            for time, points in held:
                other.insert(time, points)
            assert one.empty == (not held)
            assert one.reach() == other.reach()
            for now in range(0, 80, 3):
                assert one.value(now) == other.value(now)
