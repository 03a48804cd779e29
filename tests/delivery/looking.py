"""Looking at an installation that alerts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.worker.processes import Installation


def wait_for(what: Callable[[], bool], installation: Installation, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, installation.output.read_text()[-4000:]
        time.sleep(0.05)


def said(installation: Installation, type_: str) -> list[dict[str, Any]]:
    """What is on `alerts`, of one type."""
    return [one["data"] for one in installation.documents("alerts") if one["type"] == f"tierline.alert.{type_}"]
