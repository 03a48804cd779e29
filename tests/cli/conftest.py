"""A place of its own for each test."""

from __future__ import annotations

from pathlib import Path

import pytest

from stream.settings import Settings, load_settings
from tests.cli.filling import fill


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as the working directory, and settings that point into it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIERLINE_BROKER", f"sqlite:///{tmp_path}/log.db")
    monkeypatch.setenv("TIERLINE_PROFILES", str(tmp_path / "profiles"))
    monkeypatch.setenv("TIERLINE_WEB_PORT", "1")  # nothing of ours answers there
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return tmp_path


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that place."""
    del home
    return load_settings()


@pytest.fixture
def filled(home: Path) -> Settings:
    """The settings of a log with four accounts."""
    del home
    return fill()
