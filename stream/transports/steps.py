"""The steps of making a batch durable, named, so that the tests can have a worker die between any two of them."""

from __future__ import annotations

from collections.abc import Callable

watchers: list[Callable[[str], None]] = []
"""Called with the name of each step passed. Empty but in tests."""

STEPS = ("begun", "sent", "acknowledged", "positioned", "committed", "stored")
"""In this order: a transaction began; its records were sent; the brokers have them; so has the group its position; the
transaction is committed; the local rows have what it wrote."""


def passed(step: str) -> None:
    """Called where a step has been passed."""
    for watch in watchers:
        watch(step)
