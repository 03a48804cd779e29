"""Loading profiles: every fault with its line, nothing hostile taken, one document however it is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stream.profiles import ProfileError, ProfileErrors, digest_of, load_profile, load_profiles
from stream.profiles.document import read_document
from tests.profiles.building import profile
from tests.shared_data import ROOT

if TYPE_CHECKING:
    from pathlib import Path

HEAD = "profile: p\nversion: 1\n"
TAIL = "tiers:\n  - {name: hot, enter: 10}\n  - {name: cold}\n"
GOOD = HEAD + "groups:\n  - name: g\n    criteria:\n      - {id: c, when: {country: {eq: NO}}, points: 10}\n" + TAIL


def refused(directory: Path, text: str | bytes, name: str = "p.yaml") -> ProfileErrors:
    path = directory / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(ProfileErrors) as raised:
        load_profile(path)
    return raised.value


def test_a_profile_comes_with_its_lines(tmp_path: Path) -> None:
    """Norway stays text, and every member knows the line it stands on."""
    path = tmp_path / "p.yaml"
    path.write_text(GOOD)
    loaded = load_profile(path)
    assert loaded.document["groups"][0]["criteria"][0]["when"] == {"country": {"eq": "NO"}}
    assert (loaded.name, loaded.version, loaded.mode) == ("p", 1, "live")
    assert loaded.line(("groups", 0, "criteria", 0, "points")) == 6
    assert loaded.line(("tiers", 1)) == 9
    assert loaded.line(("tiers", 1, "no", "such")) == 9


def test_several_faults_are_told_together_in_order_of_line(tmp_path: Path) -> None:
    """One run of the loader shows all there is to mend."""
    text = (
        GOOD.replace("points: 10", "points: ten")
        .replace("enter: 10", "enter: '10'")
        .replace("version: 1", "version: x")
    )
    error = refused(tmp_path, text)
    assert [(fault.line, fault.message.split(":")[0]) for fault in error.errors] == [
        (2, "version"), (6, "groups.0.criteria.0.points"), (8, "tiers.0.enter"),
    ]  # fmt: skip
    first = str(error).splitlines()[0]
    assert first == f"{tmp_path}/p.yaml:2: version: 'x' is not a whole number; write it without quotes"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        (GOOD + "version: 2\n", 10, "version: is written twice (first on line 2)"),
        (GOOD.replace("name: g", "name: g\n    name: h"), 5, "name: is written twice (first on line 4)"),
        (HEAD + "groups: [\n" + TAIL, None, "is not YAML"),
        (HEAD + "\tgroups: []\n", 3, "is not YAML"),
        ("- profile: p\n", 1, "is not a profile; begin with profile: <name>"),
        ("", None, "is empty"),
        ("# only a comment\n", None, "is empty"),
        (GOOD + "---\n" + GOOD, None, "is not YAML"),
        (GOOD.replace("groups:", "groups: !!python/object:os.system"), 3, "tag"),
        (GOOD + "<<: {a: 1}\n", 10, "<< (merge) is not read; write the members out"),
        (GOOD + "? [a]\n: b\n", 10, "has a key that is not text"),
        (GOOD + 'name: "\\ud800"\n', 10, "half a character"),
        (GOOD.replace("points: 10", "points: .nan"), 6, "nan is not a number"),
        (GOOD + "exclude:\n", 10, "exclude: has no value; write one, or leave the member out"),
        (GOOD + "name: *nobody\n", 10, "is not YAML"),
        (GOOD + "name: &a {x: *a}\n", None, "deep"),
        (b"profile: \xff\n", 1, "is not UTF-8"),
        (b"profile: \x00\n", None, "is not YAML"),
        ("a: " + "[" * 3_000 + "]" * 3_000, None, "deep"),
        ("x: " + "9" * 5_000, None, "int"),
        (GOOD + "x: " + "y" * 1_100_000, None, "a profile has at most 1048576"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_place(
    tmp_path: Path, text: str | bytes, line: int | None, says: str
) -> None:
    """Broken, hostile or merely odd YAML: refused in words, on the line where it is."""
    error = refused(tmp_path, text)
    assert says in str(error)
    if line is not None:
        assert error.errors[0].line == line


def test_an_alias_bomb_is_refused(tmp_path: Path) -> None:
    """A small file whose aliases write out to millions of values is refused before they are."""
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    bomb += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9))
    assert "when aliases are written out" in str(refused(tmp_path, bomb))


def test_an_alias_that_is_used_honestly_is_read(tmp_path: Path) -> None:
    """Naming a list once and using it twice is what aliases are for."""
    text = GOOD.replace("{country: {eq: NO}}", "{country: {in: &lands [NO, SE]}, region: {in: *lands}}")
    (tmp_path / "p.yaml").write_text(text)
    when = load_profile(tmp_path / "p.yaml").document["groups"][0]["criteria"][0]["when"]
    assert when["country"]["in"] == when["region"]["in"] == ["NO", "SE"]


def test_dates_and_odd_keys_are_what_json_would_have(tmp_path: Path) -> None:
    """A date stays text and a key is the text it was written as: the document is carried as JSON."""
    text = GOOD.replace(
        "when: {country: {eq: NO}}, points: 10", "signal: competitor_review, points_by: {rating: {5: 1, true: 2}}"
    )
    (tmp_path / "p.yaml").write_text(text + "revised: 2026-10-01\n")
    document = load_profile(tmp_path / "p.yaml").document
    assert document["revised"] == "2026-10-01"
    assert document["groups"][0]["criteria"][0]["points_by"] == {"rating": {"5": 1, "true": 2}}
    assert json.loads(json.dumps(document)) == document


def test_json_is_read_with_its_lines(tmp_path: Path) -> None:
    """JSON is accepted, tabs and all; faults carry the line."""
    document = profile()
    (tmp_path / "p.json").write_text(json.dumps(document, indent="\t"))
    assert load_profile(tmp_path / "p.json").document == document
    document["version"] = 0
    assert refused(tmp_path, json.dumps(document, indent=2), "p.json").errors[0].line == 3
    assert refused(tmp_path, '{"profile": "p",\n "version" 1}', "p.json").errors[0].line == 2
    assert "is written twice" in str(refused(tmp_path, '{"profile": "p", "profile": "q"}', "p.json"))
    assert "deep" in str(refused(tmp_path, "[" * 200_000, "p.json"))


def test_a_pattern_that_re2_cannot_run_is_refused_on_its_line(tmp_path: Path) -> None:
    """Lookaround and unclosed brackets are found when the profile is loaded, not when a signal comes."""
    for pattern in ("(?=a)", "[a", "(a)\\1", "a{2000}"):
        error = refused(tmp_path, GOOD.replace("eq: NO", f"matches: '{pattern}'"))
        assert error.errors[0].line == 6
        assert "is not a pattern RE2 can run" in str(error)
        assert "groups.0.criteria.0.when.country.matches" in str(error)


@pytest.mark.parametrize(
    ("pattern", "mend"),
    [
        ("(chief", "close the group with )"),
        ("chief)", "open a group with ("),
        ("[a", "close the set with ]"),
        ("*a", "put what is repeated before it"),
        ("a**", "write one of * + ? {n,m}"),
        ("a{2000}", "1,000 times at most"),
        ("[z-a]", "write the lower end first"),
        ("\\p{Foo}", "knows no such class of characters"),
        ("\\q", "leave the backslash out"),
        ("(a)\\1", "no backreferences"),
        ("(?!a)b", "no lookaround"),
        ("(?<=a)b", "no lookaround"),
        ("(?y)b", "write (?i) to ignore case"),
    ],
)
def test_the_mend_of_a_pattern_fits_its_fault(tmp_path: Path, pattern: str, mend: str) -> None:
    """An open bracket is told to be closed; lookaround is spoken of only where there is some."""
    error = refused(tmp_path, GOOD.replace("eq: NO", f"matches: '{pattern}'"))
    assert mend in error.errors[0].mend
    assert ("lookaround" in str(error)) == ("lookaround" in mend)


@pytest.mark.parametrize(
    ("right", "wrong", "says"),
    [
        (
            "points: 10",
            "poinst: 10",
            "poinst: is not known here; check the spelling: did you mean points? (criterion c)",
        ),
        ("points: 10", "points: 10, zzz: 1", "known here: id, description, when, signal"),
        ("enter: 10", "entre: 10", "did you mean enter? (tier hot)"),
        ("name: g\n", "name: g\n    wieght: 10\n", "did you mean weight? (group g)"),
        ("when: {country: {eq: NO}}", "signal: layof", "did you mean layoff? (criterion c)"),
        (
            "when: {country: {eq: NO}}",
            "signal: layoff, decay: {half_life: 3d, gracee: 1d}",
            "decay.gracee: is not known here; check the spelling: did you mean grace? (criterion c)",
        ),
    ],
)
def test_a_misspelt_member_is_told_what_was_meant(tmp_path: Path, right: str, wrong: str, says: str) -> None:
    """The known member it is like, or all of them; and the criterion, group or tier by its own name."""
    assert says in str(refused(tmp_path, GOOD.replace(right, wrong)))


def test_a_fault_is_told_once(tmp_path: Path) -> None:
    """No line of the message is there twice, however many rules find the same."""
    same = ProfileErrors([ProfileError("a.yaml", 1, 1, "is wrong"), ProfileError("a.yaml", 1, 1, "is wrong")])
    assert str(same) == "a.yaml:1: is wrong"
    lines = str(refused(tmp_path, GOOD.replace("points: 10", "points: ten, poinst: x, cap: []"))).splitlines()
    assert len(lines) == len(set(lines)) == 3


def test_a_directory_is_loaded_whole_or_not_at_all(tmp_path: Path) -> None:
    """All faults of all files at once; other files, hidden ones and folders are left alone."""
    (tmp_path / "a.yaml").write_text(GOOD)
    (tmp_path / "b.yml").write_text(GOOD.replace("profile: p", "profile: q"))
    (tmp_path / "c.yaml").write_text(GOOD.replace("profile: p", "profile: p") + "mode: shadow\n")
    (tmp_path / ".d.yaml").write_text("broken: [")
    (tmp_path / "notes.txt").write_text("broken: [")
    (tmp_path / "e.yaml").mkdir()
    assert [(p.name, p.mode) for p in load_profiles(tmp_path)] == [("p", "live"), ("q", "live"), ("p", "shadow")]
    (tmp_path / "f.yaml").write_text("#\n" + GOOD)
    (tmp_path / "g.yaml").write_text("")
    with pytest.raises(ProfileErrors) as raised:
        load_profiles(tmp_path)
    assert "f.yaml:2: profile: p (live) is in a.yaml already; rename one" in str(raised.value)
    assert "g.yaml: is empty" in str(raised.value)


def test_no_profile_at_all_is_an_error(tmp_path: Path) -> None:
    """An empty directory and a path that is not there are wrong paths, not an empty set of profiles."""
    with pytest.raises(ProfileErrors, match=r"has no profile; put files ending in \.yaml"):
        load_profiles(tmp_path)
    with pytest.raises(ProfileErrors, match="cannot be read: No such file"):
        load_profiles(tmp_path / "nowhere")


def test_the_digest_is_of_what_is_said() -> None:
    """Comments, order and layout do not change a profile; one point does."""
    one = read_document("a.yaml", GOOD.encode()).value
    two = read_document("b.yaml", ("# a comment\n" + TAIL + GOOD.removesuffix(TAIL)).encode()).value
    assert digest_of(one) == digest_of(two)
    two["groups"][0]["criteria"][0]["points"] = 11
    assert digest_of(one) != digest_of(two)


def test_the_examples_load() -> None:
    """The profiles that we ship load."""
    names = {loaded.name for loaded in load_profiles(ROOT / "examples" / "profiles")}
    assert {"points", "matrix", "fit"} <= names


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode), st.sampled_from([".yaml", ".json"]))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
def test_no_bytes_raise_anything_else(content: bytes, ending: str) -> None:
    """Any bytes are a document or ProfileErrors: a broken file never takes the loader down."""
    try:
        read_document("any" + ending, content)
    except ProfileErrors as error:
        assert str(error)  # noqa: PT017


@given(st.integers(0, len(GOOD)), st.text(alphabet="{}[]:,&*!|>%@`'\"#-? \n\tab\u2028\x85\ud7ff", max_size=6))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
def test_no_slip_of_the_pen_raises_anything_else(at: int, slip: str) -> None:
    """A good profile with a few wrong characters in it is read or refused, never more."""
    try:
        read_document("p.yaml", (GOOD[:at] + slip + GOOD[at:]).encode())
    except ProfileErrors as error:
        assert error.errors  # noqa: PT017
