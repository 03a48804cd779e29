"""The published schemas are what the models say, and later ones are held against those of the last release."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

from schemas.compat import breaking_changes
from schemas.publish import ASYNCAPI, BASELINE, OUTPUTS, contents, drift, main, schemas, write
from schemas.topics import TOPICS, topic_name

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


@pytest.mark.parametrize("name", sorted(path.stem for path in BASELINE.glob("*.json") if path.name != ASYNCAPI))
def test_nothing_breaks_what_was_released(name: str) -> None:
    """A change that breaks a sender or a consumer of the last release needs a new type version instead."""
    now = schemas()
    assert name in now, f"the contract {name} was released and is gone"
    released = json.loads((BASELINE / f"{name}.json").read_text("utf-8"))
    assert breaking_changes(released, now[name], "output" if name in OUTPUTS else "input") == []


def test_the_baseline_is_whole() -> None:
    """Every contract of the release is in the baseline: an empty directory would let everything pass."""
    assert len(list(BASELINE.glob("*.json"))) >= len(OUTPUTS) + 2


def test_every_public_topic_is_in_the_asyncapi_document() -> None:
    """The topics that others use are described with their contracts, and every reference in it leads somewhere."""
    document = json.loads(contents()[ASYNCAPI])
    assert document["channels"].keys() == {topic.name for topic in TOPICS.values() if not topic.internal}
    references = re.findall(r'"\$ref": "#/([^"]+)"', json.dumps(document))
    assert len(references) > 20
    for reference in references:
        node = document
        for part in reference.split("/"):
            node = node[part]


def test_topics_take_a_prefix() -> None:
    """All names take the installation's prefix; a name nobody declared and a prefix no broker takes are refused."""
    assert topic_name("acme.", "tier-changes") == "acme.tier-changes"
    assert topic_name("", "signals") == "signals"
    with pytest.raises(KeyError):
        topic_name("", "signal")
    with pytest.raises(ValueError, match="letters, digits, dot"):
        topic_name("a b/", "signals")


def test_topics_are_kept_as_their_purpose_asks() -> None:
    """The canonical log is kept for ever, what is compacted never expires, and what needs one order has it."""
    assert TOPICS["signals"].config["retention.ms"] == "-1"
    assert TOPICS["signals"].config["message.timestamp.type"] == "LogAppendTime"
    for topic in TOPICS.values():
        assert topic.name == topic.name.lower()
        if topic.compacted:
            assert (topic.retention, topic.config["cleanup.policy"]) == (None, "compact")
    one = {"accounts", "profiles", "aliases", "alert-queue", "alert-state"}
    assert {name for name, topic in TOPICS.items() if topic.partitions == "one"} == one
