"""After a profile version went into force, everything that readers see is of that version; and the example consumer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from stream.transports.records import Append, partition_for

from .conftest import Install
from .processes import Installation

PROFILE = """
profile: size
version: {version}
groups:
  - name: fit
    criteria: [{{id: big, when: {{employees: {{gte: 100}}}}, points: {points}}}]
tiers: [{{name: hot, enter: 50}}, {{name: cold}}]
"""
EXAMPLE = Path(__file__).parents[2] / "examples" / "follow_tier_changes.py"


def tell_facts(installation: Installation, account: str, employees: int) -> None:
    """Append the facts of an account."""
    event = {
        "specversion": "1.0", "id": f"{account}-facts", "source": "crm", "type": "tierline.signal.account_update",
        "subject": account, "time": "2026-01-01T00:00:00Z", "data": {"facts": {"employees": employees}},
    }  # fmt: skip
    key = account.encode()
    with installation.log() as log:
        partition = partition_for(key, installation.settings.partitions)
        log.append([Append("signals", partition, key, json.dumps(event).encode())])


def latest(installation: Installation) -> dict[str, tuple[int, float, str]]:
    """Version, score and tier of every account, as published last."""
    newest = {event["subject"]: event["data"]["profiles"] for event in installation.documents("account-scores")}
    standings = {account: profiles["size"] for account, profiles in newest.items()}
    return {account: (one["profile_version"], one["score"], one["tier"]) for account, one in standings.items()}


def test_scores_of_a_new_version_are_published_where_no_tier_changes(install: Install) -> None:
    """An account that stays in its tier under a new version is published with that version's score, and not alerted."""
    installation = install(PROFILE.format(version=1, points=60))
    for number in range(20):
        tell_facts(installation, f"company-{number}.com", 200 if number % 2 else 10)
    installation.start()
    installation.drain()
    assert installation.stop() == 0  # which publishes what is owed
    assert set(latest(installation).values()) == {(1, 60.0, "hot"), (1, 0.0, "cold")}
    before = len(installation.documents("tier-changes"))
    (installation.settings.profiles / "p0.yaml").write_text(PROFILE.format(version=2, points=80))
    installation.start()
    installation.drain()
    assert installation.stop() == 0
    assert set(latest(installation).values()) == {(2, 80.0, "hot"), (2, 0.0, "cold")}
    assert len(installation.documents("tier-changes")) == before


def test_the_example_consumer_sees_each_change_once(install: Install) -> None:
    """examples/follow_tier_changes.py prints what changed, and goes on from there when it is started again."""
    installation = install(PROFILE.format(version=1, points=60))
    tell_facts(installation, "acme.com", 200)
    installation.start()
    installation.drain()
    assert installation.stop() == 0
    command = [sys.executable, str(EXAMPLE), str(installation.settings.path), "--once"]
    told = [subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)]
    assert told == ["acme.com hot The profile changed: 0 → 60, now hot.\n", ""]
