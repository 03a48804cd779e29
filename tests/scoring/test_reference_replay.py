"""The reference on what a worked example cannot say: several profiles, activations, marks, and what is rejected."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from .conformance import DAY_MS, START_MS, moment
from .histories import histories
from .reference import Item, PlainSignal, clamped, iso, replay

ACCOUNT = "acme.com"

HALF = {"id": "c", "signal": "content_consumption", "points": 40, "decay": {"half_life": "10d"}}
HOT_COLD = [{"name": "hot", "enter": 20}, {"name": "cold"}]


def doc(name: str, version: int = 1, *, tiers: list[dict[str, Any]] | None = None, **changed: Any) -> dict[str, Any]:
    """A profile of one criterion: 40 points that halve in 10 days; hot from 20."""
    groups = [{"name": "g", "criteria": [{**HALF, **changed}]}]
    return {"profile": name, "version": version, "groups": groups, "tiers": tiers or HOT_COLD}


def activated(days: float, profile: dict[str, Any]) -> Item:
    """An activation."""
    return Item("profile_activated", moment(days), profile_doc=profile)


def told(
    days: float, name: str, *, kind: str = "content_consumption", record: float | None = None, **data: Any
) -> Item:
    """A signal of that day, recorded then or on another."""
    account, _, rest = name.rpartition("/")
    signal = PlainSignal(account or ACCOUNT, "x", rest, kind, moment(days), data or {"topic": "crm"})
    return Item("signal", moment(days if record is None else record), signal.account, signal)


def taken_back(days: float, name: str, of: str, when: float) -> Item:
    """A retraction."""
    target = {"signal_source": "x", "signal_id": of, "signal_time": iso(moment(when))}
    return Item("signal", moment(days), ACCOUNT, PlainSignal(ACCOUNT, "x", name, "retracted", moment(days), target))


def short(change: dict[str, Any]) -> tuple[Any, ...]:
    """A change in a line: account, profile, version, sequence, from, to, cause, day."""
    names = ("account", "profile", "profile_version", "sequence", "from_tier", "to_tier", "cause")
    return (*(change[name] for name in names), round((change["effective_at"] - START_MS) / DAY_MS, 6))


def test_profiles_side_by_side() -> None:
    """Each profile has its own tier and sequence; of one moment the profiles come in order of their names."""
    slow = doc("b", decay={"half_life": "20d"})
    changes = replay([activated(0, slow), activated(0, doc("a")), told(0, "1"), Item("tick", moment(30))]).changes
    assert [short(change) for change in changes] == [
        (ACCOUNT, "a", 1, 1, None, "hot", "signal", 0),
        (ACCOUNT, "b", 1, 1, None, "hot", "signal", 0),
        (ACCOUNT, "a", 1, 2, "hot", "cold", "decay", 10),
        (ACCOUNT, "b", 1, 2, "hot", "cold", "decay", 20),
    ]


def test_ticks_advance_every_account_in_order_of_time() -> None:
    """What a tick finds due is published by time, then account; a signal advances only its own account."""
    items = [
        activated(0, doc("p")),
        told(0, "b.com/1"),
        told(0, "a.com/1"),
        told(5, "c.com/1"),
        told(14, "b.com/2"),
        Item("tick", moment(40)),
    ]
    decays = [short(change) for change in replay(items).changes if change["cause"] == "decay"]
    assert [(each[0], each[-1]) for each in decays] == [("b.com", 10), ("a.com", 10), ("c.com", 15), ("b.com", 24)]


def test_activation() -> None:
    """What is due comes first, by the old version; then every account is judged by the new one at that moment."""
    items = [
        activated(0, doc("p")),
        told(0, "1"),
        activated(20, doc("p", 2, tiers=[{"name": "hot", "enter": 8}, {"name": "cold"}])),
        Item("tick", moment(60)),
    ]
    changes = replay(items).changes
    assert [short(change) for change in changes] == [
        (ACCOUNT, "p", 1, 1, None, "hot", "signal", 0),
        (ACCOUNT, "p", 1, 2, "hot", "cold", "decay", 10),
        (ACCOUNT, "p", 2, 3, "cold", "hot", "profile", 20),
        (ACCOUNT, "p", 2, 4, "hot", "cold", "decay", 23.219281),  # 40 × 2^(-t/10) = 8
    ]
    assert changes[2]["trigger"] is None
    assert changes[2]["previous_score"] == 10.0


def test_a_new_profile_meets_known_accounts() -> None:
    """They enter it with the activation; into the lowest tier without a word."""
    items = [told(0, "a.com/1"), told(-12, "b.com/1"), activated(0, doc("p"))]
    assert [short(change) for change in replay(items).changes] == [("a.com", "p", 1, 1, None, "hot", "profile", 0)]


def test_a_vanished_tier() -> None:
    """The account is placed afresh and this is announced, unless nothing was so far and the tier is the lowest."""
    renamed = doc("p", 2, tiers=[{"name": "burning", "enter": 80}, {"name": "warm", "enter": 20}, {"name": "ice"}])
    items = [activated(0, doc("p")), told(0, "a.com/1"), told(-12, "b.com/1", record=0), activated(1, renamed)]
    outcome = replay(items)
    assert [(*short(change), change["direction"]) for change in outcome.changes] == [
        ("a.com", "p", 1, 1, None, "hot", "signal", 0, "enter"),
        ("a.com", "p", 2, 2, "hot", "warm", "profile", 1, "enter"),
    ]
    assert outcome.accounts["b.com"].profiles["p"].tier == "ice"


def test_a_profile_that_returns() -> None:
    """While it is retired nothing happens in it; then the sequence goes on from the tier the account had."""
    items = [
        activated(0, doc("p")),
        told(0, "1"),
        Item("profile_retired", moment(5), profile_doc={"profile": "p"}),
        Item("tick", moment(30)),
        activated(40, doc("p", 2)),
    ]
    assert [short(change) for change in replay(items).changes] == [
        (ACCOUNT, "p", 1, 1, None, "hot", "signal", 0),
        (ACCOUNT, "p", 2, 2, "hot", "cold", "profile", 40),
    ]


def test_import_marks() -> None:
    """What happened until an import closes belongs to it, also what time alone did."""
    items = [
        activated(0, doc("p")),
        Item("import_opened", moment(0)),
        told(0, "1"),
        Item("import_closed", moment(15)),
        told(16, "2"),
    ]
    assert [(change["to_tier"], change["import"]) for change in replay(items).changes] == [
        ("hot", True),
        ("cold", True),
        ("hot", False),
    ]


def test_rejected_and_repeated() -> None:
    """Each record that cannot be used is told with its place and its reason, and changes nothing."""
    items = [
        activated(0, doc("p", cap="none")),
        told(200, "1"),
        told(200, "1"),
        told(200 + 11 / 1440, "2", record=200),
        told(19, "3", record=200),
        taken_back(200, "4", "5", 19),
        told(10, "6", kind="account_update", record=200, facts={"country": "US"}),
        told(200, "7", kind="account_update", facts={"employees": 5}),
        taken_back(200, "8", "7", 200),
        taken_back(200, "9", "8", 200),
        told(30, "10", record=200),
        taken_back(200, "11", "9", 200),
    ]
    outcome = replay(items)
    assert outcome.duplicates == [2]
    assert outcome.rejected == [
        (3, "in_future"),
        (4, "too_late"),
        (5, "too_late"),
        (8, "not_retractable"),
        (11, "not_retractable"),
    ]
    assert outcome.accounts[ACCOUNT].facts == {"country": "US", "employees": 5}


def test_only_so_many_are_remembered() -> None:
    """Beyond the bound the oldest are forgotten: they go on counting, but nothing before the oldest kept comes in."""
    items = [activated(0, doc("p", cap="none", points=1, decay="none"))]
    items += [told(day, str(day)) for day in range(5)]
    items += [told(1.5, "late", record=4), told(1, "1", record=4), taken_back(4, "r", "0", 0), told(2, "2", record=4)]
    outcome = replay(items, max_remembered=3)
    assert outcome.rejected == [(6, "too_late"), (7, "too_late"), (8, "too_late")]
    assert outcome.duplicates == [9]
    assert outcome.accounts[ACCOUNT].profiles["p"].score == 5.0


def test_the_clock_never_goes_back() -> None:
    """A record time before the account's clock takes effect at the clock; a file's counts as its predecessor."""
    items = [activated(0, doc("p", points=10, cap="none")), told(3, "1"), told(2, "2"), told(2, "3")]
    for history in (items, clamped(items)):
        (change,) = replay(history).changes
        assert short(change)[-1] == 3.0
    assert [item.record_time_ms for item in clamped(items)] == [moment(0), moment(3), moment(3), moment(3)]


@settings(max_examples=100, deadline=None)
@given(histories())
def test_ticks_change_nothing_but_when_it_is_told(items: list[Item]) -> None:
    """With a tick after every record each account has the same changes: time alone decides when they take effect."""
    items = clamped(items)
    ticked = [each for item in items for each in (item, Item("tick", item.record_time_ms))]
    end = items[-1].record_time_ms + 30 * DAY_MS if items else START_MS
    plain, often = replay(items, until=end), replay(ticked, until=end)
    for account in plain.accounts:
        assert [change for change in often.changes if change["account"] == account] == [
            change for change in plain.changes if change["account"] == account
        ]
