"""``kill -9`` of the worker at any moment loses nothing and counts nothing twice."""

from __future__ import annotations

import os
import random
import time

import pytest

from .conftest import Install
from .load import PROFILE, Sender, counted_once, decayed

KILLS = int(os.environ.get("KILLS", "30"))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_killed_at_random_moments_while_signals_arrive(install: Install) -> None:
    """After 50 SIGKILLs under load every accepted signal counted once: changes and sequences are the reference's."""
    installation = install(PROFILE, partitions=3, scores_every="1s")
    rng = random.Random(11)
    installation.start()
    sender = Sender(installation)
    sender.start()
    for _ in range(KILLS):
        # while it starts, while it recovers, while it works
        time.sleep(rng.choice([rng.uniform(0.3, 1.2), rng.uniform(1.2, 2.2)]))
        installation.kill()
        installation.start(wait=False)
    sender.enough.set()
    sender.join(30)
    assert sender.error is None
    installation.wait_ready()
    decayed(installation)
    assert installation.stop() == 0
    changes = counted_once(installation, sender.told)
    assert changes > 4 * KILLS
    print(f"\n{KILLS} kills, {len(sender.told)} signals sent, {changes} changes, none lost, none twice")
