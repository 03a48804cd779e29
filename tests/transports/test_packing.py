"""Rows in memory are packed, and come out as they went in."""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given
from hypothesis import strategies as st

from stream.transports.packing import SAMPLE, Packing
from stream.transports.rows import MemoryRows

MAGIC = b"\x28\xb5\x2f\xfd"


def account(number: int) -> bytes:
    """A row like an account's, with words of its own."""
    rng = random.Random(number)
    words = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=8)) for _ in range(12)]
    facts = {name: [word, 0] for name, word in zip(("name", "industry", "owner", "stage"), words, strict=False)}
    times = [1_790_000_000_000 + rng.randrange(10**9) for _ in words]
    signals = [[time, "crm", word, "funding_round", {"series": "b"}] for time, word in zip(times, words, strict=True)]
    return json.dumps({"v": 1, "account": f"{words[0]}.com", "facts": facts, "signals": signals}).encode()


rows_of_all_kinds = st.binary(max_size=600) | st.integers(0, 60).map(account) | st.binary().map(MAGIC.__add__)


@given(st.lists(rows_of_all_kinds, max_size=60))
def test_any_row_comes_out_as_it_went_in(rows: list[bytes]) -> None:
    """Before and after the dictionary is full, small and large, also one that looks as if it were packed."""
    kept = MemoryRows(lately=3)
    rows = [*rows, *map(account, range(30)), *rows]
    kept.write({b"%d" % number: row for number, row in enumerate(rows)}, 1)
    assert list(kept.items()) == [(b"%d" % number, row) for number, row in enumerate(rows)]
    assert all(kept[b"%d" % number] == row for number, row in enumerate(rows))
    assert all(kept.size(b"%d" % number) == len(row) for number, row in enumerate(rows))
    assert kept.size(b"none") is None


@given(st.lists(st.lists(st.tuples(st.integers(0, 8), st.none() | rows_of_all_kinds), max_size=8), max_size=20))
def test_the_last_row_written_is_the_one_that_is_read(writes: list[list[tuple[int, bytes | None]]]) -> None:
    """Written again before it was packed or after, deleted, and made anew: as a dict has it."""
    kept, wanted = MemoryRows(lately=3), dict[bytes, bytes]()
    for rows in writes:
        batch = {b"%d" % number: row for number, row in rows}
        kept.write(batch, 1)
        wanted = {key: row for key, row in (wanted | batch).items() if row is not None}
        assert dict(kept.items()) == wanted
        assert [kept.get(b"%d" % number) for number in range(9)] == [wanted.get(b"%d" % n) for n in range(9)]
        assert (len(kept), sum(kept.size(key) or 0 for key in wanted)) == (len(wanted), sum(map(len, wanted.values())))


def test_rows_that_are_alike_are_less_than_half_as_large() -> None:
    """Of accounts with words of their own what they have in common is held once."""
    packing = Packing()
    rows = [account(number) for number in range(400)]
    kept = [packing.pack(row) for row in rows]
    assert sum(map(len, kept[200:])) < sum(map(len, rows[200:])) / 2
    assert sum(len(row) for row, packed in zip(rows, kept, strict=True) if row == packed) < 2 * SAMPLE


def test_what_is_closed_holds_nothing() -> None:
    """A partition that moves away takes its rows and its dictionary with it."""
    kept = MemoryRows()
    kept.write({b"%d" % number: account(number) for number in range(50)}, 7)
    kept.close()
    assert (len(kept), kept.end, list(kept.items())) == (0, None, [])


def test_two_threads_may_read_the_same_rows() -> None:
    """A partition is taken up in a thread; the loop may look at it meanwhile."""
    kept = MemoryRows(lately=1_000)
    kept.write({b"%d" % number: account(number) for number in range(2_000)}, 1)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: list(kept.items()), range(12)):
            assert found == [(b"%d" % number, account(number)) for number in range(2_000)]


def test_two_threads_may_write_the_same_rows() -> None:
    """What is recovered is taken in by a thread; whatever the loop writes or deletes meanwhile, nothing is torn."""
    kept = MemoryRows(lately=3)
    kept.write({b"%d" % number: account(number) for number in range(40)}, 1)

    def write(seed: int) -> None:
        dice = random.Random(seed)
        for _ in range(300):
            keys = dice.sample(range(40), 8)
            kept.write({b"%d" % key: account(key) if dice.random() < 0.7 else None for key in keys}, 1)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as pool:
            assert list(pool.map(write, range(2))) == [None, None]
    finally:
        sys.setswitchinterval(before)
    assert all(row == account(int(key)) for key, row in kept.items())
