"""Accounts are joined while the worker is killed again and again: what was told of either counts once."""

from __future__ import annotations

import json
import os
import random
import time

import pytest

from .conftest import Install
from .telling import append, changes, event, latest, now, send, until
from .test_aliases import _alias, _to

ON_KAFKA = True
KILLS = int(os.environ.get("KILLS", "10"))
PAIRS = 12

SUMMING = """
profile: quick
version: 1
groups:
  - name: timing
    criteria:
      - {id: reading, signal: content_consumption, points: 1, cap: none}
tiers:
  - {name: hot, enter: 5}
  - {name: cold}
"""


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_every_signal_of_two_counts_once_for_the_one_that_is_left(install: Install) -> None:
    """Each reads its pages, some told twice, along a chain of three: the sum is that of all, whenever it was killed."""
    installation = install(SUMMING, partitions=3, scores_every="500ms")
    rng = random.Random(5)
    installation.start()
    names = [[f"{step}-{pair}.com" for step in ("first", "second", "last")] for pair in range(PAIRS)]
    told = 0
    for kill in range(KILLS):
        documents = []
        for chain in names:
            told += 1
            read = "content_consumption", {"topic": "crm"}, now()
            documents += [event(f"s{told}-{name}", name, *read) for name in chain]
        send(installation, *documents, *rng.sample(documents, 5))
        for pair in range(kill * PAIRS // KILLS, (kill + 1) * PAIRS // KILLS):
            first, second, last = names[pair]
            pairs = [(first, second), (second, last)]
            rng.shuffle(pairs)
            append(installation, *(_to(installation, "accounts", _alias(*one)) for one in pairs))
        time.sleep(rng.uniform(0.1, 1.5))
        installation.kill()
        installation.start(wait=False)
    installation.wait_ready()
    installation.drain()

    def scores() -> dict[str, float]:
        return {name: data["profiles"]["quick"]["score"] for name, data in latest(installation).items()}

    wanted = {chain[-1]: 3.0 * KILLS for chain in names}
    until(lambda: scores() == wanted, 30)
    found = changes(installation)
    ids = [document["id"] for document in installation.documents("tier-changes")]
    assert len(set(ids)) == len(ids)
    ended = sorted(one["account"] for one in found if one["direction"] == "merged")
    assert ended == sorted(name for chain in names for name in chain[:-1])
    assert installation.documents("rejected") == []
    assert installation.stop() == 0
    explained = json.loads(installation.command("explain", names[0][0], "--json").stdout)
    assert (explained["account"], explained["other_names"]) == (names[0][2], sorted(names[0][:2]))
    curve = [point["score"] for point in explained["profiles"]["quick"]["curve"]]
    assert curve[-1] == 3.0 * KILLS, "the curve has what was told of either"
