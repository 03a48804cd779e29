"""One worker for several partitions: while one of them is far behind, what can wait in the others does."""

from __future__ import annotations

import json

from schemas.times import parse_time
from stream.transports.records import partition_for

from .conftest import Install
from .processes import Installation, records
from .telling import append, changes, event, funding, keyed, profile, send, until

MANY = 60_000
READ = {"topic": "crm"}


def test_scores_wait_while_another_partition_of_the_worker_is_behind(install: Install) -> None:
    """A partition with a handful of signals is scored at once, and published once the other has been caught up with."""
    installation = install(profile(), partitions=2, batch=500)
    names = [f"company-{number}.com" for number in range(400)]
    here, *others = [name for name in names if partition_for(name.encode(), 2) == 0]
    busy = [name for name in names if partition_for(name.encode(), 2) == 1]
    piled = [event(str(at), busy[1 + at % 100], "content_consumption", READ) for at in range(MANY)]
    piled[-4_000] = funding("late", busy[0])
    installation.start()
    append(installation, *(keyed(installation, one) for one in piled))
    until(lambda: _lag(installation, 1) > MANY // 2, every=0.01)
    send(installation, event("here", here, "content_consumption", READ), funding("there", others[0]))
    until(lambda: changes(installation, others[0]), every=0.01)
    assert _lag(installation, 1) > 4_000, "its signal is scored, and the other partition far from done"
    (late,) = until(lambda: changes(installation, busy[0]))
    published = until(lambda: _scored(installation).get(here))
    assert published > parse_time(late["detected_at"])
    assert _scored(installation)[others[0]] < published, "that of a tier change has come with it"
    assert installation.stop() == 0


def _lag(installation: Installation, partition: int) -> float:
    """Signals that wait in a partition, as the worker shows it."""
    wanted = f'tierline_lag_records{{partition="{partition}",topic="signals"}} '
    lines = installation.page("/metrics")[1].splitlines()
    return sum(float(line.removeprefix(wanted)) for line in lines if line.startswith(wanted))


def _scored(installation: Installation) -> dict[str, int]:
    """When each account's score was last appended."""
    with installation.log() as log:
        found = records(log, installation.settings.topic("account-scores"))
    return {json.loads(one.value)["subject"]: one.timestamp_ms for one in found}
