"""What each participant is told: a JSON file, named by its one argument."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(slots=True)
class Job:
    """Where to read from, where to write to, and under which profiles to score."""

    servers: str
    """``host:port``, or several with commas."""
    group: str
    signals: str
    changes: str
    rejected: str
    partitions: int
    folder: str
    """Where it may keep files."""
    documents: list[dict[str, Any]]
    """Profiles."""
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """For ``read_job``."""
        path.write_text(json.dumps(asdict(self)))


def read_job() -> Job:
    """The job of this process."""
    return Job(**json.loads(Path(sys.argv[1]).read_text()))
