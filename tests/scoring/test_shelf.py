"""Few remembered signals are looked through, many have indexes: whoever asks cannot tell."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from stream.scoring.entries import Entry
from stream.scoring.shelf import FEW, Shelf

TYPES = ("funding_round", "job_posting", "layoff")
steps = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(TYPES), st.booleans()), max_size=4 * FEW)
"""Time, type, and whether it goes again instead, if something has that time."""
MANY = [((7 * number) % 31, TYPES[number % 3], number % 4 == 3) for number in range(4 * FEW)]


@given(steps=steps)
@example(steps=MANY)
def test_few_and_many_answer_alike(steps: list[tuple[int, str, bool]]) -> None:
    """Signals that come in any order and go again are found by identity, by type, before a moment, and oldest first."""
    shelf, model = Shelf(), list[Entry]()
    for number, (time, type_, goes) in enumerate(steps):
        gone = next((entry for entry in model if entry.time == time), None) if goes else None
        if gone is not None:
            shelf.take(gone)
            model.remove(gone)
        else:
            entry = Entry(time, f"s{number % 2}", f"id{number}", type_, {})
            shelf.put(entry)
            model.append(entry)
        model.sort(key=lambda entry: entry.key)
        assert len(shelf) == len(model)
        assert sorted(shelf, key=lambda entry: entry.key) == model
        assert set(shelf.types()) == {entry.type for entry in model}
        assert not model or shelf.oldest is model[0]
        for one in TYPES:
            assert shelf.of(one) == [entry for entry in model if entry.type == one]
            assert shelf.before(one, 15) == [entry for entry in model if entry.type == one and entry.time < 15]
        assert all(shelf.find(entry.source, entry.id) is entry for entry in model)
        assert shelf.find("s0", "id1") is None
