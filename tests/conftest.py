"""What holds for all tests."""

from __future__ import annotations

import gc

import pytest

from stream.compiled import behind


def pytest_configure(config: pytest.Config) -> None:
    """A test of what was compiled says nothing about a source that was changed since."""
    del config
    gc.set_threshold(50_000, 20)  # as the command line does: much of what tests make lives as long as they run
    if changed := behind():
        pytest.exit(f"{changed[0]} is not what was compiled: run `make compiled`", returncode=2)
