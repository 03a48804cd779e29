"""Installations for the tests of the worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from .processes import Installation


class Install(Protocol):
    """Makes an installation that is ended with the test."""

    def __call__(self, *profiles: str, **settings: Any) -> Installation: ...


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """A function that makes an installation from the text of its profiles."""
    made: list[Installation] = []

    def make(*profiles: str, **settings: Any) -> Installation:
        folder = tmp_path / f"installation-{len(made)}"
        directory = folder / "profiles"
        directory.mkdir(parents=True)
        for number, text in enumerate(profiles):
            (directory / f"p{number}.yaml").write_text(text)
        made.append(Installation(folder, directory, **settings))
        return made[-1]

    yield make
    for installation in made:
        installation.close()
