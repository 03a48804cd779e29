"""Aliases: other names of an account, followed to their end, never in a circle."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.identity import Aliases, AliasLoop, AliasRefused
from stream.identity.aliases import DEEPEST


def test_a_chain_is_followed_to_its_end() -> None:
    """a → b → c: whoever says a means c, in whatever order the two aliases were told."""
    for order in ([("a", "b"), ("b", "c")], [("b", "c"), ("a", "b")]):
        aliases = Aliases()
        assert all(aliases.add(*pair) for pair in order)
        assert [aliases.resolve(name) for name in "abcx"] == ["c", "c", "c", "x"]
        assert aliases.names_of("c") == ["a", "b"]


def test_the_same_alias_again_is_no_news() -> None:
    """A second delivery changes nothing."""
    aliases = Aliases()
    assert aliases.add("a", "b")
    assert not aliases.add("a", "b")
    assert len(aliases) == 1


def test_a_later_alias_of_a_name_replaces_the_earlier() -> None:
    """A name stands for one account at a time: the newer alias corrects the older."""
    aliases = Aliases({"a": "b"})
    aliases.add("a", "c")
    assert aliases.resolve("a") == "c"
    assert aliases.names_of("b") == []
    aliases.add("b", "a")
    assert aliases.resolve("b") == "c"


def test_of_two_the_newer_holds_in_whatever_order_they_are_told() -> None:
    """By time, then source and id; one that says again what holds is news where it is newer, so that it is kept."""
    older, newer = (1, "crm", "x"), (2, "crm", "a")
    for order in ([("b", older), ("c", newer)], [("c", newer), ("b", older)]):
        aliases = Aliases()
        news = [aliases.add("a", canonical, told) for canonical, told in order]
        assert aliases.resolve("a") == "c"
        assert news == ([True, True] if order[0][0] == "b" else [True, False])
        assert not aliases.add("a", "c", newer), "a second delivery"
        assert aliases.add("a", "c", (3, "crm", "z"))
        assert not aliases.add("a", "b", (2, "crm", "b"))
    assert not Aliases({"a": "b"}).add("a", "b")
    assert Aliases({"a": "b"}).add("a", "c", older), "what nobody is known to have told gives way"


def test_an_alias_in_force_is_not_taken_back() -> None:
    """Who told it is known, until a newer one corrects it."""
    aliases = Aliases()
    aliases.add("a", "b", (1, "crm", "x"))
    with pytest.raises(AliasRefused, match="crm/x is of type account_alias") as caught:
        aliases.refuse_taking_back("crm", "x")
    assert caught.value.reason == "not_retractable"
    aliases.add("a", "c", (2, "crm", "y"))
    aliases.refuse_taking_back("crm", "x")
    with pytest.raises(AliasRefused):
        aliases.refuse_taking_back("crm", "y")
    with pytest.raises(AliasLoop):
        aliases.restore({"x": "y", "y": "x"})
    with pytest.raises(AliasRefused):
        aliases.refuse_taking_back("crm", "y")
    aliases.remove("a")
    aliases.refuse_taking_back("crm", "y")


@pytest.mark.parametrize("told", [[("a", "a")], [("a", "b"), ("b", "a")], [("a", "b"), ("b", "c"), ("c", "a")]])
def test_a_loop_is_refused_and_changes_nothing(told: list[tuple[str, str]]) -> None:
    """The alias that would close a circle is refused with what to do; those before it hold."""
    aliases = Aliases(dict(told[:-1]))
    before = aliases.snapshot()
    with pytest.raises(AliasLoop, match="send the alias the other way round"):
        aliases.add(*told[-1])
    assert aliases.snapshot() == before


def test_a_chain_without_end_is_refused() -> None:
    """However a chain is put together, from its end, its beginning or its middle, it stays bounded."""
    forward = Aliases({f"n{i}": f"n{i + 1}" for i in range(DEEPEST)})
    with pytest.raises(AliasLoop, match="more than 64 names"):
        forward.add("before", "n0")
    with pytest.raises(AliasLoop, match="more than 64 names"):
        forward.add(f"n{DEEPEST}", "after")


def test_a_snapshot_is_restored_as_it_was() -> None:
    """State goes into a snapshot and comes out of it; a damaged one is refused and what there was is kept."""
    aliases = Aliases({"a": "b", "b": "c"})
    other = Aliases()
    other.restore(aliases.snapshot())
    assert other.snapshot() == aliases.snapshot()
    with pytest.raises(AliasLoop):
        other.restore({"x": "y", "y": "x"})
    assert other.names_of("c") == ["a", "b"]
    other.remove("b")
    other.remove("b")
    assert other.resolve("a") == "b"


def test_many_aliases_are_added_in_reasonable_time() -> None:
    """A hundred thousand names of one account cost no search through all of them."""
    aliases = Aliases({f"n{i}": "acme.com" for i in range(100_000)})
    assert len(aliases.names_of("acme.com")) == 100_000


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=30))
def test_no_sequence_of_aliases_makes_a_loop(pairs: list[tuple[str, str]]) -> None:
    """Whatever is told, every name has an end, the end stands for itself, and names_of is resolve's inverse."""
    aliases = Aliases()
    for pair in pairs:
        try:
            aliases.add(*pair)
        except AliasLoop:
            continue
    for name in "abcdef":
        end = aliases.resolve(name)
        assert aliases.resolve(end) == end
        assert end == name or name in aliases.names_of(end)
    restored = Aliases(aliases.snapshot())
    assert restored.snapshot() == aliases.snapshot()
