"""What holds for all tests."""

from __future__ import annotations

import pytest

from stream.compiled import behind


def pytest_configure(config: pytest.Config) -> None:
    """A test of what was compiled says nothing about a source that was changed since."""
    del config
    if changed := behind():
        pytest.exit(f"{changed[0]} is not what was compiled: run `make compiled`", returncode=2)
