"""What is told of a worker as accounts and their pasts grow."""

from __future__ import annotations

from ops.bench.growth import measure


def test_each_is_measured() -> None:
    """Accounts of the load and accounts that are all alike, and accounts with a past: each takes some time."""
    found = measure([40], [10, 70], lambda _: None, 2_400)
    assert list(found) == [
        "40 accounts, skewed as in the load",
        "40 accounts, all alike",
        "10 signals in the account's past",
        "70 signals in the account's past",
    ]
    assert all(1 < value < 10_000 for value in found.values())
