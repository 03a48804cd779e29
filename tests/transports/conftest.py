"""Fixtures of the transport tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from stream.transports.log import EmbeddedLog
from tests.transports.rig import EmbeddedRig, Rig

RIGS = {"embedded": EmbeddedRig}


@pytest.fixture(params=sorted(RIGS))
def rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Rig]:
    """A transport to run apps on; every behavioural test runs on each."""
    made = RIGS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[EmbeddedLog]:
    """A fresh embedded log."""
    with EmbeddedLog(tmp_path / "log.db") as made:
        yield made
