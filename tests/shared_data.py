"""Where the real data lies that tests are held against: outside the repository, not everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def shared_data(name: str) -> Path:
    """The directory or file `name` of the shared data; skips the test, with one line, where it is absent.

    `TIERLINE_SHARED_DATA` says where the data is; without it, `../shared/data` beside the repository.
    """
    told = os.environ.get("TIERLINE_SHARED_DATA")
    path = (Path(told) if told else ROOT.parent / "shared" / "data") / name
    if not path.exists():
        pytest.skip(f"no shared data {name}: set TIERLINE_SHARED_DATA to the directory that has it")
    return path
