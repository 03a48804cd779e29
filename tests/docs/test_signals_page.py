"""The page on signals has every type, member and fact and no other, and its examples can be sent as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.envelope import SignalEvent
from schemas.facts import KNOWN_FACTS
from schemas.members import OneOf
from schemas.reading import read_signal
from schemas.rejected import REASONS
from schemas.signals import DATA_MODELS
from stream.identity import canonical_account
from stream.sources.csvfile import convert
from stream.sources.report import Report

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "signals.md").read_text("utf-8")
NAME = re.compile(r"`([a-z_]+)`")
REQUIRED = re.compile(r"\*\*`([a-z_]+)`\*\*")


def section(title: str) -> str:
    """The text under a heading."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows(text: str) -> list[list[str]]:
    """The cells of the first table's rows, without its head."""
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines() if line[:3] == "| `"]


def blocks(language: str) -> list[str]:
    """The examples in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


TYPES = {NAME.findall(cells[0])[0]: cells[2] for cells in rows(section("Types"))}


def test_every_type_is_told_and_no_other() -> None:
    """The table has one row for each type of the contract."""
    assert set(TYPES) == {suffix for suffix, _ in DATA_MODELS}


@pytest.mark.parametrize(("suffix", "version"), sorted(DATA_MODELS))
def test_every_member_is_told_and_no_other(suffix: str, version: int) -> None:
    """A type's row has its members, the required ones in bold, and every word of a closed list."""
    fields: dict[str, Any] = dict(DATA_MODELS[suffix, version].model_fields)
    assert set(NAME.findall(TYPES[suffix])) == set(fields)
    assert set(REQUIRED.findall(TYPES[suffix])) == {name for name, field in fields.items() if field.is_required()}
    for name, field in fields.items():
        parts = [field, *getattr(field.annotation, "__args__", ())]
        rules = [rule for part in parts for rule in getattr(part, "metadata", getattr(part, "__metadata__", ()))]
        for rule in rules:
            if isinstance(rule, OneOf):
                assert f"`{name}`" in TYPES[suffix]
                assert re.search(rf"`{name}`(\*\*)? \({', '.join(rule.words)}[;)]", TYPES[suffix]), (name, rule.words)


def test_every_fact_is_told_and_no_other() -> None:
    """The table of facts names each."""
    told = {name for cells in rows(section("Facts")) for name in NAME.findall(cells[0])}
    assert told == KNOWN_FACTS | {"custom"}


def test_every_attribute_that_is_required_is_in_bold() -> None:
    """The table of the envelope agrees with its model."""
    lines = [line for line in section("The envelope").splitlines() if line.startswith(("| **", "| `"))]
    told = {name for line in lines for name in REQUIRED.findall(line.split(" | ")[0])}
    assert told == {name for name, field in SignalEvent.model_fields.items() if field.is_required()}


def test_every_reason_of_a_refusal_is_told() -> None:
    """No reason comes as a surprise."""
    assert set(NAME.findall(section("Late, early, unusable"))) >= set(REASONS)


def test_examples_of_lines_are_signals() -> None:
    """Every JSON line is a signal by the contract, about an account."""
    lines = [line for block in blocks("jsonl") for line in block.splitlines()]
    assert len(lines) == 6
    assert {canonical_account(read_signal(orjson.loads(line)).subject) for line in lines} == {
        "acme.com", "acme-software.com",
    }  # fmt: skip


def test_examples_of_tables_are_signals(tmp_path: Path) -> None:
    """Every table converts without a bad line into signals by the contract."""
    made = []
    for number, block in enumerate(blocks("csv")):
        path, report = tmp_path / f"{number}.csv", Report()
        path.write_text(block, encoding="utf-8")
        made.append([read_signal(record).suffix for record in convert(path, report=report)])
        assert report.ok
        assert not report.left_out
    assert made == [["funding_round", "intent_surge"], ["account_update", "account_update"]]


def test_links_lead_somewhere() -> None:
    """Every file that the pages on signals and sources link to exists, and they know each other."""
    for page in ("signals.md", "sources.md"):
        targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", (DOCS / page).read_text("utf-8"))
        assert all((DOCS / target).exists() for target in targets), targets
        assert {"signals.md", "sources.md"} - {page} <= set(targets)


def test_no_page_sends_its_reader_elsewhere() -> None:
    """The pages speak for themselves: no contract is named that a reader does not have."""
    assert [page.name for page in DOCS.glob("*.md") if "SPEC" in page.read_text("utf-8")] == []
