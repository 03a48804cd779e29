"""What differs between the profiles written and those in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from stream.profiles import InForce, LoadedProfile, difference, digest_of
from stream.profiles.document import Document
from tests.profiles.building import profile


def loaded(**members: Any) -> LoadedProfile:
    document = profile(**members)
    return LoadedProfile(Path("p.yaml"), document, digest_of(document), Document(document, {("version",): (2, 1)}))


def test_what_is_new_or_raised_is_activated() -> None:
    """A profile that is not in force, and a higher version of one that is."""
    new, raised, same = loaded(profile="new"), loaded(profile="raised", version=3), loaded(profile="same")
    found = difference(
        [new, raised, same],
        {("raised", "live"): InForce(2, "other"), ("same", "live"): InForce(1, same.digest)},
    )
    assert (found.activate, found.unchanged, found.retire, found.errors) == ([new, raised], [same], [], [])


def test_other_content_under_the_same_version_is_an_error() -> None:
    """History would have two profiles of one number: the file must raise its version."""
    found = difference([loaded(version=4)], {("p", "live"): InForce(4, "other")})
    assert found.activate == []
    assert [str(error) for error in found.errors] == [
        "p.yaml:2: version: 4 of p is in force with other content; raise version to 5"
    ]


def test_an_older_version_is_an_error() -> None:
    """Going back is going forward under a new number."""
    found = difference([loaded(version=2)], {("p", "live"): InForce(7, loaded(version=2).digest)})
    assert [error.mend for error in found.errors] == ["raise version to 8"]


def test_a_shadow_stands_beside_the_live_one() -> None:
    """A candidate of the same name and version is another profile: it neither clashes nor retires anything."""
    live, shadow = loaded(), loaded(mode="shadow")
    found = difference([live, shadow], {("p", "live"): InForce(1, live.digest)})
    assert (found.activate, found.unchanged, found.retire) == ([shadow], [live], [])


def test_what_is_no_longer_written_is_named_for_retirement() -> None:
    """Whether to retire it is the caller's decision."""
    assert difference([], {("b", "live"): InForce(1, ""), ("a", "shadow"): InForce(1, "")}).retire == [
        ("a", "shadow"), ("b", "live"),
    ]  # fmt: skip
