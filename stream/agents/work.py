"""What a batch, a tick's flush or a rescoring brought about, before it is durable."""

from __future__ import annotations

from dataclasses import dataclass, field

from stream.scoring.values import TierChange
from stream.transports.records import Append


@dataclass(slots=True)
class Work:
    """What a batch, a tick's flush or a rescoring brought about."""

    appends: list[Append] = field(default_factory=list)
    changes: list[tuple[TierChange, bool, int | None]] = field(default_factory=list)
    """With import flag and, for what a live record caused, that record's append time (ms)."""
    outcomes: dict[tuple[str, str], int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    forwards: int = 0
    scores: int = 0
    stored: dict[bytes, bytes | None] = field(default_factory=dict)
    """What to put into the local store once the appends are durable."""
