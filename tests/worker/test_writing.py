"""What is written of an account batch by batch is what would be written of it anew."""

from __future__ import annotations

import tracemalloc
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from stream.agents.writing import Writing
from stream.scoring.engine import Limits
from tests.scoring.builders import Desk, line, profile

told = st.one_of(
    st.tuples(st.just("read"), st.integers(1, 40)),
    st.tuples(st.just("fact"), st.integers(0, 3)),
    st.tuples(st.just("round"), st.integers(0, 5)),
    st.tuples(st.just("back"), st.integers(0, 80)),
)
"""So many pages that were read; a fact; an event that may have been told before; one taken back."""
ORPHAN = [[("round", 0)], [("read", 66)], [("round", 0)], [("read", 6)], [("read", 1)]]
"""The first telling of an event is forgotten while the second is in the header."""


@given(batches=st.lists(st.lists(told, max_size=4), max_size=12))
@example(batches=ORPHAN)
def test_bytes_that_are_kept_are_those_of_all(batches: list[list[tuple[str, int]]]) -> None:
    """Whether signals come, are sealed, forgotten or orphaned, or facts change: not a byte is another."""
    desk = Desk(profile(line(), line("funding_round")), Limits(remembered=70))
    desk.tell(0)
    writing, count = Writing(), 0
    for batch in batches:
        for kind, number in batch:
            now = count / 100
            if kind == "read":
                for _ in range(number):
                    count += 1
                    desk.tell(count / 100, id_=f"k{count}")
            elif kind == "fact":
                desk.tell(now, "account_update", facts={"employees": number})
            elif kind == "round":
                desk.tell(now - number / 100, "funding_round", record=now, series="a")
            else:
                desk.take_back(now, f"k{max(count - number, 0)}", max(count - number, 0) / 100)
        extra: dict[str, Any] = {"pending": bool(count % 2), "drift": None}
        dirty = set(desk.state.dirty)
        header, chunks = writing.write(desk.state, extra)
        assert header == orjson.dumps(desk.state.to_stored(beside=extra)[0])
        assert chunks.keys() == dirty
        for number, rows in chunks.items():
            held = desk.state.chunks.get(number)
            assert (orjson.loads(rows)[0][2] if rows else None) == (held[0].id if held else None)


def test_what_is_written_takes_the_memory_of_its_bytes() -> None:
    """The encoder's buffer, several times as large, is not kept with a row that waits or a record under way."""
    desk = Desk(profile(line()))
    for number in range(20):
        desk.tell(number / 100, id_=f"k{number}")
    assert desk.state is not None
    tracemalloc.start()
    try:
        rows = [Writing().write(desk.state, {})[0] for _ in range(100)]
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * sum(len(row) for row in rows)
