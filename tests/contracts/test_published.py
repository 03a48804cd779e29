"""The published schemas are what the models say, and later ones are held against those of the last release."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from schemas.compat import breaking_changes
from schemas.publish import BASELINE, OUTPUTS, drift, main, schemas, write

if TYPE_CHECKING:
    from pathlib import Path


def test_published_schemas_are_up_to_date() -> None:
    """`python -m schemas.publish` has been run since the models last changed."""
    assert drift() == [], "run python -m schemas.publish"


def test_drift_is_noticed(tmp_path: Path) -> None:
    """A stale file, a missing one and one of nobody's are each told."""
    write(tmp_path)
    assert drift(tmp_path) == []
    (tmp_path / "rejected.json").write_text("{}")
    (tmp_path / "signal.json").unlink()
    (tmp_path / "old.json").write_text("{}")
    assert drift(tmp_path) == ["old.json", "rejected.json", "signal.json"]


def test_check_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """`--check` answers by its exit code and prints nothing where all is well."""
    assert main(["--check"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", sorted(schemas()))
def test_schema_is_a_schema(name: str) -> None:
    """Each published file is valid JSON Schema 2020-12 whose references all resolve."""
    schema = schemas()[name]
    Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    for definition in {part.split('"')[0] for part in text.split('"#/$defs/')[1:]}:
        assert definition in schema["$defs"]
    assert "x-reference" not in text


@pytest.mark.parametrize("name", sorted(path.stem for path in BASELINE.glob("*.json")))
def test_nothing_breaks_what_was_released(name: str) -> None:
    """A change that breaks a sender or a consumer of the last release needs a new type version instead."""
    now = schemas()
    assert name in now, f"the contract {name} was released and is gone"
    released = json.loads((BASELINE / f"{name}.json").read_text("utf-8"))
    assert breaking_changes(released, now[name], "output" if name in OUTPUTS else "input") == []


def test_the_baseline_is_whole() -> None:
    """Every contract of the release is in the baseline: an empty directory would let everything pass."""
    assert len(list(BASELINE.glob("*.json"))) >= len(OUTPUTS) + 2
