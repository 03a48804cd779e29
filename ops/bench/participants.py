"""Who is compared, and how each is started."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from stream.bench.workers import RUN

ROOT = Path(__file__).resolve().parents[2]
PEERS = Path(__file__).parent / "peers"

Way = Literal["signals", "families", "file"]
"""Where the load comes in: the canonical log on Kafka, the topics of the families (two hops), an embedded log."""


@dataclass(frozen=True, slots=True)
class Participant:
    """One row of the table."""

    name: str
    title: str
    command: tuple[str, ...]
    ours: bool = False
    way: Way = "signals"
    workers: int = 1
    slow: bool = False
    """Whether it gets a shorter load: a beginning of the same."""
    options: Mapping[str, Any] = field(default_factory=dict)


def participants(quix: Path | None) -> list[Participant]:
    """Everybody, in the order of a round. ``quix``: the interpreter that has Quix Streams, if there is one."""
    here = sys.executable
    plain = (here, str(PEERS / "plain.py"))
    loop = (here, str(PEERS / "loop.py"))
    found = [
        Participant("tierline", "Tierline", RUN, ours=True),
        Participant("loop", "loop by hand", loop),
    ]
    if quix is not None:
        command = (str(quix), str(PEERS / "quix_app.py"))
        once = {"processing_guarantee": "exactly-once"}
        found += [
            Participant("quix", "Quix Streams", command),
            Participant("quix-once", "Quix Streams, exactly-once", command, options=once),
        ]
    found += [
        Participant("faust", "stock Faust", (here, str(PEERS / "faust_app.py")), slow=True),
        Participant("tierline-plain", "Tierline, without transactions", plain, ours=True),
        Participant("loop-kept", "loop by hand, states to a changelog", loop, options={"keep": True}),
        Participant("tierline-families", "Tierline, from the families", RUN, ours=True, way="families"),
        Participant("tierline-two", "Tierline, two workers", RUN, ours=True, workers=2),
        Participant("tierline-file", "Tierline, embedded log", RUN, ours=True, way="file"),
    ]
    return found
