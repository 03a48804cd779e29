"""History brought in between its marks gives what ``tierline replay`` gives of the same file, and alerts nobody."""

from __future__ import annotations

import json
import random
import subprocess
from pathlib import Path
from typing import Any

from schemas.times import format_time, parse_time
from stream.transports.records import Append
from stream.wire import encode_mark, read_mark

from .conftest import Install
from .desk import Desk, document
from .processes import RUN, Installation, records
from .telling import (
    DAY,
    HOUR,
    MINUTE,
    append,
    changes,
    event,
    facts,
    funding,
    keyed,
    latest,
    moves,
    now,
    profile,
    send,
    until,
)

ON_KAFKA = True

FADING = profile(funding="{linear: 20d}")


def history(start: int, end: int) -> list[dict[str, Any]]:
    """Some months of twelve companies: late, repeated, retracted, in any order, with and without a record time."""
    rng = random.Random(5)
    told: list[dict[str, Any]] = []
    for number in range(400):
        at = start + (end - start) * number // 400
        account, id_ = f"www.past-{rng.randrange(12)}.com", f"h{number}"
        happened = at - rng.choice([0, 0, HOUR, 5 * DAY])
        kind = rng.random()
        if kind < 0.25:
            one = funding(id_, account, happened, rng.choice(["a", "b", "seed"]))
        elif kind < 0.55:
            one = event(id_, account, "content_consumption", {"topic": "crm"}, happened)
        elif kind < 0.75:
            one = facts(id_, account, happened, employees=rng.choice([20, 500, None]))
        elif kind < 0.82:
            one = event(id_, account, "layoff", {}, happened)
        elif kind < 0.9 and told:
            other = rng.choice(told)
            taken = {"signal_id": other["id"], "signal_source": "test", "signal_time": other["time"]}
            one = event(id_, other["subject"], "retracted", taken, at)
        else:
            one = rng.choice(told) if told else funding(id_, account, happened)
        if rng.random() < 0.7:
            one = {**one, "recordedtime": format_time(at)}
        told.append(one)
    return told


def _canonical(documents: list[dict[str, Any]]) -> list[str]:
    """Change documents as text without ``detected_at``, in order of their ids."""
    for one in documents:
        assert one["data"].pop("detected_at")
    return sorted(json.dumps(one) for one in documents)


def _closed_at(installation: Installation) -> str:
    """When the last partition was closed: brokers stamp each as it arrives, a moment apart."""
    with installation.log() as log:
        times = {
            record.timestamp_ms
            for record in records(log, installation.settings.topic("signals"))
            if (mark := read_mark(record.value)) is not None and mark.kind == "import_closed"
        }
    assert max(times) - min(times) < 1000
    return format_time(max(times))


def test_an_import_is_what_replay_gives_of_the_file(install: Install, tmp_path: Path) -> None:
    """Every change of an import is byte for byte replay's, all say so, and live signals after it do not."""
    installation = install(FADING, partitions=3)
    installation.start()
    # an account that lives already: history is added to it, and its clock does not go back
    send(installation, facts("live-1", "living.com", employees=500))
    until(lambda: "living.com" in latest(installation), 15)
    born = now()
    file = tmp_path / "history.jsonl"
    past = history(born - 120 * DAY, born - 2 * DAY)
    file.write_text("".join(json.dumps(one) + "\n" for one in past))
    old = funding("old", "living.com", born - 3 * DAY)
    whole = tmp_path / "whole.jsonl"
    whole.write_text(file.read_text() + json.dumps(old) + "\n")
    sent = installation.command("send", "--import", str(whole))
    assert sent.returncode == 0, sent.stderr
    installation.drain()

    closed = _closed_at(installation)
    replayed = subprocess.run(
        [*RUN, "replay", "--profiles", str(installation.settings.profiles), "--signals", str(file), "--until", closed],
        env=installation.environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    wanted = [json.loads(line) for line in replayed.stdout.splitlines()]
    found = [one for one in installation.documents("tier-changes") if one["subject"] != "living.com"]
    assert {one["data"]["import"] for one in found} == {True}
    assert {one["data"]["cause"] for one in found} == {"signal", "fact", "decay", "retraction"}
    assert len(found) > 100
    assert _canonical(found) == _canonical(wanted)

    # of what lived before: moved at the account's own clock, as part of the import
    (living,) = changes(installation, "living.com")
    assert (living["from_tier"], living["to_tier"], living["import"]) == ("cold", "hot", True)
    assert born - MINUTE < parse_time(living["effective_at"]) <= born

    # after the close everything is live again, for old accounts and new ones
    until(lambda: "tierline_importing_partitions 0.0" in installation.page("/metrics")[1], 2)
    send(installation, funding("new-1", "past-1.com"), facts("new-2", "past-1.com", employees=900))
    send(installation, funding("n", "new.com"))
    assert until(lambda: [one for one in changes(installation, "past-1.com") if not one["import"]], 10)
    assert moves(until(lambda: changes(installation, "new.com"), 10)) == [(1, None, "warm", "signal", False)]
    sequences = [one["sequence"] for one in changes(installation, "past-1.com")]
    assert sequences == list(range(1, len(sequences) + 1))
    assert installation.stop() == 0


def test_an_import_whose_sender_died_stays_open_until_the_next_one_closes_it(install: Install, tmp_path: Path) -> None:
    """Until it is closed nothing ticks and live records belong to it, over a restart too; an empty import ends it."""
    installation = install(profile(funding="{half_life: 2s}"), partitions=2)
    installation.start()
    send(installation, funding("live", "cooling.com"))
    until(lambda: changes(installation, "cooling.com"), 10)
    _mark(installation, "import_opened")
    _mark(installation, "import_opened")  # a second sender
    past = now() - 10 * DAY
    append(installation, keyed(installation, funding("past", "past.com", past, recordedtime=format_time(past))))
    installation.drain()
    installation.kill()
    installation.start()
    until(lambda: "tierline_importing_partitions 2.0" in installation.page("/metrics")[1], 2)
    send(installation, funding("in it", "late.com"), facts("size", "late.com", employees=500))
    until(lambda: len(changes(installation, "late.com")) == 2, 10)
    until(lambda: now() > parse_time(changes(installation, "cooling.com")[0]["effective_at"]) + 3_000, 5)
    assert len(changes(installation, "cooling.com")) == 1, "it is past its moment, and nothing ticks"
    assert _kinds(installation).count("tick") == 0

    empty = tmp_path / "empty.jsonl"
    empty.touch()
    assert installation.command("send", "--import", str(empty)).returncode == 0
    installation.drain()
    assert moves(changes(installation, "cooling.com")) == [
        (1, None, "warm", "signal", False),
        (2, "warm", "cold", "decay", True),
    ]
    assert moves(changes(installation, "past.com"))[0] == (1, None, "warm", "signal", True)
    late = changes(installation, "late.com")
    assert moves(late)[:2] == [(1, None, "warm", "signal", True), (2, "warm", "hot", "fact", True)]
    _mark(installation, "import_closed")  # once more: nothing
    send(installation, funding("after", "after.com"))
    until(lambda: len(changes(installation, "after.com")) == 2, 10)
    assert moves(changes(installation, "after.com")) == [
        (1, None, "warm", "signal", False),
        (2, "warm", "cold", "decay", False),
    ]
    assert installation.stop() == 0


def _mark(installation: Installation, kind: Any) -> None:
    value = encode_mark(kind, {}, source="tierline", time=now(), id_=f"{kind}/{now()}")
    topic = installation.settings.topic("signals")
    partitions = range(installation.settings.partitions)
    append(installation, *(Append(topic, partition, None, value) for partition in partitions))


def _kinds(installation: Installation) -> list[str]:
    with installation.log() as log:
        marks = [read_mark(record.value) for record in records(log, installation.settings.topic("signals"))]
    return [mark.kind for mark in marks if mark is not None]


def test_history_cannot_lie_in_the_future() -> None:
    """A slip of the year in an import is rejected, and does not take the clock of everybody else along."""
    desk = Desk(document(FADING))
    desk.mark("import_opened")
    slip = desk.now + 700 * DAY
    desk.tell(
        funding("past", "past.com", desk.now - DAY),
        funding("slip", "slip.com", slip),
        funding("recorded", "slip.com", desk.now - DAY, recordedtime=format_time(slip)),
    )
    desk.mark("import_closed")
    assert [one["reason"] for one in desk.documents("rejected")] == ["in_future", "in_future"]
    for one in desk.documents("rejected"):
        assert "mend recordedtime, or time where that is absent" in one["message"]
    desk.now += 1_000
    desk.tell(funding("live", "today.com", desk.now))
    live = desk.documents("tier-changes")[-1]
    assert (live["subject"], parse_time(live["time"])) == ("today.com", desk.now)


def test_what_was_due_before_an_import_is_told_as_live_and_what_came_due_in_it_as_history() -> None:
    """The open mark tells first what was due by then, live; the close what came due while history was brought in."""
    desk = Desk(document(profile(funding="{half_life: 2s}")))
    desk.tell(funding("one", "before.com", desk.now), funding("two", "within.com", desk.now + 3_000))
    desk.now += 2_000
    desk.mark("import_opened")
    desk.restart()
    desk.now += 60_000
    desk.mark("import_closed")
    told = [one["data"] for one in desk.documents("tier-changes")]
    assert [(one["account"], one["to_tier"], one["import"]) for one in told] == [
        ("before.com", "warm", False),
        ("before.com", "cold", False),
        ("within.com", "warm", True),
        ("within.com", "cold", True),
    ]
    desk.now += 1_000
    desk.tell(funding("three", "after.com", desk.now))
    (after,) = [one for one in desk.documents("tier-changes") if one["subject"] == "after.com"]
    assert after["data"]["import"] is False
    assert parse_time(after["time"]) == desk.now, "the record time is the log's again"
