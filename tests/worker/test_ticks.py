"""Time alone moves accounts: the worker tells of it within a second, at the exact moment, once, whatever happened."""

from __future__ import annotations

import time
from typing import Any

from schemas.times import parse_time
from stream.transports.records import Append
from stream.wire import encode_mark, read_mark

from .conftest import Install
from .desk import Desk, document
from .processes import Installation, records
from .pure import by_id, pure_changes
from .telling import append, changes, facts, funding, moves, now, profile, send, until

ON_KAFKA = True

FADING = profile(funding="{half_life: 1500ms}")
"""40 points fall below 25 after 1.017 s; with 20 for the size, 60 below 45 after 1.017 s and below 25 after 4.5 s."""


def _ticks(installation: Installation) -> int:
    with installation.log() as log:
        marks = [read_mark(record.value) for record in records(log, installation.settings.topic("signals"))]
    return sum(mark is not None and mark.kind == "tick" for mark in marks)


def _lateness(found: list[dict[str, Any]]) -> list[int]:
    return [parse_time(one["detected_at"]) - parse_time(one["effective_at"]) for one in found]


def test_a_decay_is_told_within_a_second_and_those_missed_after_a_restart_with_their_moment(install: Install) -> None:
    """Changes by time alone come within a second of their exact moment, or after a restart with that moment, once."""
    installation = install(FADING, partitions=2)
    installation.start()
    accounts = [f"fading-{number}.com" for number in range(6)]
    send(installation, *(funding(f"f-{name}", name) for name in accounts))
    cooled = until(lambda: [one for one in changes(installation) if one["cause"] == "decay"][5:] or None, 10)
    assert cooled
    live = [one for one in changes(installation) if one["cause"] == "decay"]
    assert {one["account"] for one in live} == set(accounts)
    late = _lateness(live)
    print(f"\nticks: {sorted(late)} ms late")
    assert min(late) >= 0
    assert max(late) < 1_000
    assert _ticks(installation) <= 2 * len(accounts) + 2, "no ticks without need"

    # down while the next ones come due: a hot one that would pass two lines
    send(installation, facts("size", "missed.com", employees=500), funding("missed", "missed.com"))
    until(lambda: changes(installation, "missed.com"), 10)
    installation.kill()
    time.sleep(1.2)  # its first line is passed now, its second one not yet
    started = now()
    installation.start()
    ready = now()  # on Kafka only once the one that was killed is missed
    until(lambda: changes(installation, "missed.com")[1:], 10)
    missed = changes(installation, "missed.com")[1]
    assert (missed["from_tier"], missed["to_tier"], missed["cause"]) == ("hot", "warm", "decay")
    assert parse_time(missed["effective_at"]) < started < parse_time(missed["detected_at"])
    until(lambda: changes(installation, "missed.com")[2:], 10)
    second = changes(installation, "missed.com")[2]
    assert parse_time(second["detected_at"]) < max(parse_time(second["effective_at"]), ready) + 1_000

    # ticks that nobody asked for: doubled, late, keyed, telling of the future, through a topic for signals
    before, ended = installation.documents("tier-changes"), now()
    tick = encode_mark("tick", {"time": "2099-01-01T00:00:00Z"}, source="evil", time=ended + 10**9, id_="x")
    signals = installation.settings.topic("signals")
    forged = [Append(signals, partition, key, tick) for partition in (0, 1) for key in (None, None, b"missed.com")]
    late_ones = [Append(signals, 0, None, tick, (), ended - 10**6), Append(signals, 1, None, tick, (), 1)]
    append(installation, *forged, *late_ones, Append(installation.settings.topic("signals.jobs"), 0, None, tick))
    send(installation, funding("after", "after.com"))
    installation.drain()
    until(lambda: changes(installation, "after.com"), 10)
    after = installation.documents("tier-changes")
    assert [one for one in after if one not in before and one["data"]["account"] != "after.com"] == []
    (refused,) = installation.documents("rejected")
    assert refused["reason"] == "bad_envelope", "a mark is for our own log alone"
    until(lambda: changes(installation, "after.com")[1:], 10)
    assert installation.stop() == 0

    found = by_id(installation.documents("tier-changes"))
    assert found == pure_changes(installation, now()), "every one of them is the pure engine's, to the millisecond"


def test_no_tick_is_made_while_an_import_is_open() -> None:
    """An open import makes no ticks, and one that was on its way does nothing; the close tells what came due."""
    desk = Desk(document(FADING))
    desk.tell(funding("one", "acme.com", desk.now))
    assert desk.shard.wants_tick(desk.now + 3_000)
    desk.mark("import_opened")
    desk.now += 3_000
    assert not desk.shard.wants_tick(desk.now)
    assert desk.documents("tier-changes", desk.mark("tick")) == []
    assert desk.documents("tier-changes", desk.beat()) == []
    closed = [one["data"] for one in desk.documents("tier-changes", desk.mark("import_closed"))]
    assert moves(closed) == [(2, "warm", "cold", "decay", True)]
    assert parse_time(closed[0]["effective_at"]) < desk.now - 1_000
    assert not desk.shard.wants_tick(desk.now), "nothing is due any more"


def test_a_clock_that_jumps_back_keeps_ticks_and_scores_going() -> None:
    """When the wall clock jumps back, what is due by the log's time is ticked, and owed scores are published."""
    desk = Desk(document(FADING))
    desk.tell(funding("one", "acme.com", desk.now))
    desk.tell(facts("size", "other.com", desk.now, name="Other"))
    desk.beat()
    owed = desk.now
    desk.tell(facts("again", "other.com", desk.now + 1, name="Other Inc"))
    log_time = desk.now + 3_000
    desk.now = log_time  # the log's time does not go back: a record that comes now has this one
    desk.tell(funding("two", "third.com", desk.now))
    desk.now = owed - 3_600_000
    assert desk.shard.wants_tick(desk.now), "the log says it is past: a tick is wanted"
    desk.now += 100
    work = desk.shard.flush(desk.now)
    assert work is not None, "a score that is owed does not wait for an hour"
    names = [one["subject"] for one in desk.documents("account-scores", work.appends)]
    assert "other.com" in names

