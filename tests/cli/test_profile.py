"""`tierline profile`: what is wrong with a profile, at a line; and what it says, in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from stream.cli import words
from tests.cli.both import both_logs
from tests.cli.filling import PROFILE, write_profile
from tests.cli.running import tierline

BROKEN = """profile: broken
version: 1
groups:
  - name: fit
    criteria:
      - {id: size, when: {employees: {gte: 100}}, points: many}
tiers:
  - {name: hot, enter: 60}
  - {name: cold}
"""


def test_errors_name_line_and_mend(home: Path) -> None:
    """file:line: error: what; mend, for every file of a directory, the good ones beside a bad one, too; exit 1."""
    folder = home / "profiles"
    write_profile(folder)
    (folder / "broken.yaml").write_text(BROKEN)
    ran = tierline("profile", "lint", folder)
    assert ran.code == 1
    assert f"{folder}/broken.yaml:6: error: groups.0.criteria.0.points" in ran.out
    assert f"{folder}/crm.json:" in ran.out
    assert "2 files: 1 error, 1 warning." in ran.err


def test_warnings_fail_only_where_asked_to(home: Path) -> None:
    """A tier without `leave` above fading points is a warning: exit 0, and 1 with --strict."""
    path = write_profile(home / "profiles")
    assert tierline("profile", "lint", path).code == 0
    assert tierline("profile", "lint", "--strict", path).code == 1
    document = tierline("profile", "lint", "--json", path).json
    assert document["files"] == 1
    assert document["errors"] == []
    assert [one["code"] for one in document["warnings"]] == ["hovering"]
    assert document["warnings"][0]["line"] > 1


def test_a_directory_without_profiles_is_an_error(home: Path) -> None:
    """An empty directory is a wrong path far more often than it is meant."""
    (home / "profiles").mkdir()
    ran = tierline("profile", "lint", home / "profiles")
    assert ran.code == 1
    assert "has no profile" in ran.out


@both_logs
@pytest.mark.usefixtures("filled")
def test_a_profile_in_words(home: Path) -> None:
    """A file, or the profile in force by its name, is shown with points, decay, tiers and gates in words."""
    path = write_profile(home / "profiles")
    for what in (path, "crm"):
        ran = tierline("profile", "show", what)
        assert ran.code == 0, ran.err
        for part in (
            "employees is at least 100",
            "40 points",
            "signal executive_hire where title matches CRO; halves every 30 days",
            "from 70 points; stays down to 65",
            "everybody else",
            "signal layoff, within the last 90 days",
        ):
            assert part in ran.out, part
    assert "in force since" in ran.out
    assert tierline("profile", "show", "crm", "--json").json == PROFILE


def test_a_profile_that_is_nowhere(home: Path) -> None:
    """A name that is neither a file nor in force says where was looked."""
    ran = tierline("profile", "show", "nobody")
    assert ran.code == 1
    assert "there is no file nobody" in ran.err
    assert tierline("profile", "show", home / "none.yaml").code == 1


@pytest.mark.parametrize("columns", [60, 120])
def test_every_shipped_profile_can_be_read(columns: int) -> None:
    """The examples are shown at any width, no line wider than the terminal."""
    for path in sorted(Path("examples/profiles").rglob("*.yaml")):
        ran = tierline("profile", "show", path, columns=columns)
        assert ran.code == 0
        assert max(map(len, ran.out.splitlines())) <= columns


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        (None, "for ever"),
        ({"half_life": "30d"}, "halves every 30 days"),
        ({"linear": "1w", "grace": "1d"}, "fades evenly to nothing over 1 week, after 1 day of grace"),
        ({"window": "12h"}, "whole for 12 hours, then nothing"),
        ({"steps": [{"after": "30d", "keep": 0.9}]}, "90% from 30 days on"),
    ],
)
def test_decay_in_words(rule: Any, text: str) -> None:
    """Each kind of decay reads as a sentence would say it."""
    assert words.decay(rule) == text


@pytest.mark.parametrize(
    ("node", "text"),
    [
        ({"a": {"gt": 1000}, "b": {"in": ["x", "y"]}}, "a is more than 1,000 and b is one of x, y"),
        ({"any": [{"a": {"eq": True}}, {"b": {"exists": False}}]}, "(a is true or b is not known)"),
        ({"not": {"a": {"between": [1, 2.5]}}}, "not (a is between 1 and 2.5)"),
    ],
)
def test_conditions_in_words(node: Any, text: str) -> None:
    """Conditions read as a sentence would say them."""
    assert words.condition(node) == text
