"""Runbooks tell what is so: the tests, lines, metrics, settings and commands that they name are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import click
import pytest
from prometheus_client import CollectorRegistry

from stream.cli.main import cli
from stream.metrics import Metrics
from stream.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "ops" / "runbooks"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path.name != "README.md")
PROOF = re.compile(r"`(tests/[a-z_/]+\.py)::(test_[a-z0-9_]+)`")
SECTIONS = ["## What you see", "## What to do", "## What not to do", "## Proof"]


@pytest.fixture(scope="module")
def sentences() -> list[str]:
    """Every text in the product's sources."""
    found = []
    for path in (ROOT / "stream").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
        found += [text for text in texts if isinstance(text, str)]
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_names_the_tests_that_prove_it(page: Path) -> None:
    """What you see, what to do, what not to do; and tests that exist."""
    text = page.read_text("utf-8")
    assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    proofs = PROOF.findall(text)
    assert proofs
    for file, name in proofs:
        assert re.search(rf"^(async )?def {name}\(", (ROOT / file).read_text("utf-8"), re.MULTILINE), f"{file}::{name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_line_it_shows_is_one_that_is_said(page: Path, sentences: list[str]) -> None:
    """Each line of a ``log`` block is in the sources, word for word, but for what the three dots stand for."""
    for block in re.findall(r"```log\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        for line in block.splitlines():
            for part in filter(None, map(str.strip, line.split("…"))):
                assert any(part in sentence for sentence in sentences), f"{page.name}: nobody says {part!r}"


def test_metrics_settings_and_commands_are_those_there_are() -> None:
    """No page names one that is not there."""
    registry = CollectorRegistry()
    Metrics(registry)
    metrics = {family.name + ("_total" if family.type == "counter" else "") for family in registry.collect()}
    settings = {f"{PREFIX}{name.upper()}" for name in Settings.model_fields}
    for page in FOLDER.glob("*.md"):
        text = page.read_text("utf-8")
        assert set(re.findall(r"`(tierline_[a-z_]+)", text)) <= metrics, page.name
        assert set(re.findall(rf"{PREFIX}[A-Z_]+[A-Z]", text)) <= settings, page.name
        for command in re.findall(r"`tierline ([a-z][a-z ]*)", text):
            _there(command.split(), page.name)


def _there(words: list[str], page: str) -> None:
    at: click.Command = cli
    for word in words:
        if not isinstance(at, click.Group):
            return
        below = at.get_command(click.Context(at), word)
        assert below is not None, f"{page}: tierline {' '.join(words)}"
        at = below


def test_every_page_is_in_the_index_and_every_link_leads_somewhere() -> None:
    """Nobody has to guess a file's name at night."""
    index = (FOLDER / "README.md").read_text("utf-8")
    assert set(re.findall(r"\]\(([a-z-]+\.md)\)", index)) == {page.name for page in PAGES}
    for page in FOLDER.glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            assert (FOLDER / link).exists(), f"{page.name}: {link}"
