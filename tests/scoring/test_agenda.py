"""Names and moments of many accounts: as a dict of them would answer, in a fraction of its memory."""

from __future__ import annotations

import os
import random
import tracemalloc
from array import array

import pytest

from stream.scoring.agenda import DAY, NEVER, Agenda
from stream.scoring.names import Names

ROUNDS = int(os.environ.get("ROUNDS", "250"))
NOW = 1_790_000_000_000
MANY = 30_000


def test_names_are_numbered_as_they_come() -> None:
    """The first is 0; a name that is added again keeps its number, and one that never was is not there."""
    words = [*(f"account-{number}.com" for number in range(3_000)), "", "ä", "ä.de", "\x00", "名前"]
    names = Names(words)
    assert [names.add(word) for word in reversed(words)] == list(reversed(range(len(words))))
    assert (list(names), len(names)) == (words, len(words))
    assert all(word in names and names[number] == word for number, word in enumerate(words))
    assert not any(word in names for word in ("account-", "account-3000.com", "a", "ä.d", "\x00\x00"))


def some_moment(rng: random.Random, now: int) -> int | None:
    """Mostly ahead, some at the same instant as others, some long over, and none at all."""
    return rng.choice([
        None,
        now + rng.randrange(400) * DAY,
        now + rng.randrange(3 * DAY),
        now + rng.randrange(5),
        NOW,
        rng.randrange(NOW),
        -rng.randrange(NOW),
    ])  # fmt: skip


def filled(agenda: Agenda, accounts: list[str], rng: random.Random) -> dict[str, int]:
    """A moment for each account, or none, put in at once, as a partition is taken up."""
    moments = [some_moment(rng, NOW) for _ in accounts]
    agenda.fill(array("q", [NEVER if moment is None else moment for moment in moments]))
    return {name: moment for name, moment in zip(accounts, moments, strict=True) if moment is not None}


def test_the_next_is_that_of_a_sorted_list() -> None:
    """Whatever was set before, and however often: the first moment, and at one moment the first by name."""
    rng = random.Random(1)
    for _ in range(max(1, ROUNDS // 5)):
        names, now = Names(), NOW
        agenda = Agenda(names)
        accounts = [f"a{number}" for number in range(rng.choice([2, 20, 300]))]
        taken = rng.choice([0.05, 0.3])
        plain: dict[str, int] = {}
        if rng.random() < 0.5:
            plain = filled(agenda, [name for name in accounts if names.add(name) >= 0], rng)
        for step in range(rng.choice([100, 100, 4_000])):
            account = rng.choice(accounts)
            moment = some_moment(rng, now)
            agenda.set(account, moment)
            plain.pop(account, None)
            if moment is not None:
                plain[account] = moment
            if step % 7 == 0:
                assert agenda.next == min(plain.values(), default=None)
            while rng.random() < taken and plain:
                first = min(plain, key=lambda one: (plain[one], one))
                assert (agenda.next, agenda.pop()) == (plain.pop(first), first)
            now += rng.randrange(DAY // 10)
        in_order = sorted(plain, key=lambda one: (plain[one], one))
        assert [agenda.pop() for _ in in_order] == in_order
        assert agenda.next is None
        with pytest.raises(IndexError):
            agenda.pop()


@pytest.mark.parametrize(("asked", "most"), [("never", 60_000), ("once", 300_000), ("always", 300_000)])
def test_what_is_heard_of_all_the_time_leaves_nothing_behind(asked: str, most: int) -> None:
    """A moment that is moved again and again, to and fro, soon and late, takes no more memory than one that is not."""
    rng = random.Random(1)
    agenda = Agenda(Names())
    accounts = [f"a{number}" for number in range(100)]
    for account in accounts:
        agenda.set(account, NOW + 200 * DAY)
    assert asked == "never" or agenda.next == NOW + 200 * DAY
    tracemalloc.start()
    try:
        for _ in range(MANY):
            account = rng.choice(accounts)
            agenda.set(account, None)
            agenda.set(account, NOW + rng.randrange(100 * DAY))
            assert asked != "always" or agenda.next is not None
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < most


@pytest.mark.parametrize("days", [1, 30, 400])
def test_an_account_takes_few_bytes(days: int) -> None:
    """Sixteen for its moment, whether all are in one day or in a year; forty for a name of twenty letters."""
    told = [f"account-{number:07d}.com" for number in range(MANY)]
    rng = random.Random(days)
    moments = [NOW + rng.randrange(days * DAY) for _ in told]
    tracemalloc.start()
    try:
        names = Names(told)
        for_names, _ = tracemalloc.get_traced_memory()
        agenda = Agenda(names)
        for name, moment in zip(told, moments, strict=True):
            agenda.set(name, moment)
        before_open, _ = tracemalloc.get_traced_memory()
        assert agenda.next == min(moments)
        opened, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert for_names < 40 * MANY
    assert before_open - for_names < 16 * MANY
    assert opened - for_names < 26 * MANY
