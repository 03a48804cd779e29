"""The profile directory is in force after the start: activated once, rescored as of the activation, never replaced by
something that cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from schemas.times import parse_time
from stream.wire import read_mark

from .conftest import Install
from .desk import Desk, document
from .processes import Installation, records
from .pure import by_id, pure_changes
from .telling import DAY, changes, facts, funding, latest, moves, now, profile, send, until

ON_KAFKA = True

def _marks(installation: Installation) -> list[tuple[int, str, int, dict[str, Any]]]:
    """(partition, kind, record time, data) of the marks about profiles."""
    found: list[tuple[int, str, int, dict[str, Any]]] = []
    with installation.log() as log:
        for record in records(log, installation.settings.topic("signals")):
            mark = read_mark(record.value)
            if mark is not None and mark.kind.startswith("profile"):
                found.append((record.partition, mark.kind, record.timestamp_ms, mark.data))
    return found


def _write(installation: Installation, name: str, text: str) -> Path:
    path = installation.settings.profiles / name
    path.write_text(text)
    return path


def test_versions_are_activated_once_rescored_in_the_background_and_retired(install: Install) -> None:
    """A raised version holds from its activation on, for touched accounts and idle ones; a removed one ends."""
    installation = install(profile(), profile(name="other"), partitions=2, scores_every="300ms")
    installation.start()
    names = [f"idle-{number}.com" for number in range(40)]
    send(installation, *(facts(f"f-{name}", name, employees=500) for name in [*names, "touched.com"]))
    send(installation, *(funding(f"r-{name}", name, now() - DAY) for name in [*names, "touched.com"]))
    until(lambda: len(changes(installation)) == 2 * 41, 15)  # none of the size alone: 20 points are cold
    assert installation.stop() == 0
    assert len(_marks(installation)) == 4, "two profiles, two partitions"
    installation.start()
    assert len(_marks(installation)) == 4, "a second start activates nothing"
    installation.kill()

    # version 2: the size gives nothing more, all fall to warm; the other profile is removed
    _write(installation, "p0.yaml", profile(2, big=0))
    (installation.settings.profiles / "p1.yaml").unlink()
    send(installation, facts("t-before", "touched.com", employees=501))  # waits in the log before the activation
    installation.start()
    send(installation, facts("t-after", "touched.com", employees=502))
    until(lambda: len(changes(installation)) == 3 * 41, 15)
    marks = _marks(installation)[:]
    activated = {partition: time for partition, kind, time, data in marks
                 if kind == "profile_activated" and data["profile"]["version"] == 2}  # fmt: skip
    retired = [(partition, data["profile"]) for partition, kind, _, data in marks if kind == "profile_retired"]
    assert retired == [(0, "other"), (1, "other")]
    new = [one for one in changes(installation) if one["cause"] == "profile"]
    assert {one["account"] for one in new} == {*names, "touched.com"}
    for one in new:
        assert (one["sequence"], one["from_tier"], one["to_tier"], one["profile_version"]) == (2, "hot", "warm", 2)
        assert one["profile"] == "quick"
        assert one["import"] is False
        assert parse_time(one["effective_at"]) in activated.values()
        assert one["score"] == 40
        assert one["previous_score"] == 60
    installation.drain()
    until(lambda: set(latest(installation)["touched.com"]["profiles"]) == {"quick"}, 5)
    page = installation.page("/metrics")[1]
    assert 'tierline_accounts{profile="quick",tier="warm"} 41.0' in page
    assert 'tierline_accounts{profile="other",tier="hot"} 0.0' in page
    assert "tierline_accounts_to_rescore 0.0" in page
    assert installation.stop() == 0
    assert by_id(installation.documents("tier-changes")) == pure_changes(installation, now())

    # the other one comes back: its numbers go on
    _write(installation, "p1.yaml", profile(2, big=0, name="other"))
    installation.start()
    until(lambda: len(changes(installation)) == 4 * 41, 15)
    back = [one for one in changes(installation, "touched.com") if one["profile"] == "other"]
    assert moves(back) == [(1, "cold", "hot", "signal", False), (2, "hot", "warm", "profile", False)]
    assert installation.stop() == 0


def test_a_directory_that_cannot_follow_stops_the_start_and_changes_nothing(install: Install) -> None:
    """Other content under one version, an older one, broken YAML: exit 1 with file, line and mend; the old stays."""
    installation = install(profile(3), partitions=1, scores_every="300ms")
    installation.start()
    send(installation, facts("f", "acme.com", employees=500))
    installation.drain()
    assert installation.stop() == 0
    before = _marks(installation)
    path = installation.settings.profiles / "p0.yaml"
    refused = {
        profile(3, big=30): ["p0.yaml:3: ", "version: 3 of quick is in force with other content", "raise version to 4"],
        profile(2): ["p0.yaml:3: ", "version: 2 is older than 3, which is in force", "raise version to 4"],
        profile(4).replace("points: 20", "points: lots"): ["p0.yaml:7: ", "points", "'lots' is not a number"],
        profile(4) + "tiers: [": ["p0.yaml:", "YAML"],
    }
    for text, words in refused.items():
        path.write_text(text)
        ended = installation.command("run")
        assert ended.returncode == 1, ended.stderr
        assert "Traceback" not in ended.stderr
        told = ended.stderr.splitlines()[-1]
        for word in words:
            assert word in told, ended.stderr
    path.unlink()
    ended = installation.command("run")
    assert ended.returncode == 1
    assert "has no profile; put files ending in .yaml" in ended.stderr
    assert _marks(installation) == before, "nothing was appended for any of them"

    # the old one is still in force, and works with what came meanwhile
    path.write_text("# only a comment more\n" + profile(3))
    send(installation, funding("r", "acme.com"))
    installation.start()
    assert moves(until(lambda: changes(installation, "acme.com"), 10)) == [(1, "cold", "hot", "signal", False)]
    assert _marks(installation) == before
    assert installation.stop() == 0


def test_a_version_activated_while_an_import_is_open_belongs_to_it() -> None:
    """What an activation moves while history is brought in carries the import's mark; later versions are live again."""
    desk = Desk(document(profile()))
    desk.tell(facts("size", "acme.com", desk.now, employees=500), funding("r", "acme.com", desk.now))
    desk.mark("import_opened")
    past = desk.now - 50 * DAY
    desk.tell(funding("p", "past.com", past))
    desk.activate(document(profile(2, big=0)))
    desk.restart()
    while desk.shard.partition.behind:
        desk.beat()
    desk.tell(funding("q", "later.com", past + DAY))
    desk.mark("import_closed")
    told = [one["data"] for one in desk.documents("tier-changes")]
    ours = [one for one in told if one["account"] == "acme.com"]
    assert moves(ours)[-1] == (2, "hot", "warm", "profile", True)
    assert parse_time(ours[-1]["effective_at"]) == desk.now, "the account's clock does not go back"
    (later,) = [one for one in told if one["account"] == "later.com" and one["to_tier"] == "warm"]
    assert parse_time(later["effective_at"]) == past + DAY, "history goes on where it was"
    desk.now += 1_000
    desk.activate(document(profile(3, big=20)))
    while desk.shard.partition.behind:
        desk.beat()
    ours = [one["data"] for one in desk.documents("tier-changes") if one["subject"] == "acme.com"]
    assert moves(ours)[-1] == (3, "warm", "hot", "profile", False)
    assert parse_time(ours[-1]["effective_at"]) == desk.now


def test_a_crash_in_the_midst_of_rescoring_loses_no_change() -> None:
    """Rescoring goes on after a crash: taken up from what is stored, all of them come, once."""
    desk = Desk(document(profile()))
    names = [f"a{number}.com" for number in range(20)]
    for name in names:
        desk.tell(facts(f"f-{name}", name, desk.now, employees=500), funding(f"r-{name}", name, desk.now))
    desk.now += 1_000
    desk.activate(document(profile(2, big=0)))
    activated = desk.now
    for _ in range(7):
        desk.now += 100
        work = desk.shard.rescore(2, desk.now)
        assert work is not None
        desk.done(work)
        desk.shard.rescore(2, desk.now)  # never durable: the process died
        desk.restart()
    while desk.shard.partition.behind:
        desk.beat()
    told = [one["data"] for one in desk.documents("tier-changes") if one["data"]["cause"] == "profile"]
    assert sorted(one["account"] for one in told) == sorted(names)
    assert {parse_time(one["effective_at"]) for one in told} == {activated}
