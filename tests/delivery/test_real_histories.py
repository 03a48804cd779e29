"""What a team would have got: the real directory, and a simulated market, through routes as a team has them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from stream.delivery.reading import history_of_file
from stream.delivery.rehearse import Rehearsal, rehearse
from stream.sources.formats import FORMATS
from stream.sources.report import Report
from stream.sources.simulated import simulate
from tests.shared_data import shared_data

from .building import DAY, HOUR, MONDAY, routes

EXAMPLES = Path(__file__).parents[2] / "examples" / "profiles"
TABLE = """
defaults: {{timezone: America/New_York, cooldown: 7d, ceiling: 10{quiet}}}
routes:
  - {{route: hot, tiers: [hot], to: [sales]}}
  - {{route: cooled, tiers: [hot], direction: down, cooldown: 30d, to: [mail]}}
"""
QUIET = ", quiet_hours: {from: '18:00', until: '08:00', weekends: true}"


def directory() -> Iterator[bytes]:
    """The real companies' history as signals."""
    for document in FORMATS["yc-directory"].convert(shared_data("yc_companies"), report=Report()):
        yield orjson.dumps(document)


def market() -> Iterator[bytes]:
    """A simulated market's."""
    for _, _, value in simulate(600, 120, 7, MONDAY - 120 * DAY).records:
        yield value


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("signals", "profile", "most"), [(directory, "yc", 24), (market, "demo", 24)])
def test_a_history_is_no_flood(signals: object, profile: str, most: int, tmp_path: Path) -> None:
    """Whatever moved at once, a recipient gets ten messages an hour at most, few a day, and every change is told of."""
    assert callable(signals)
    (tmp_path / "signals.jsonl").write_bytes(b"".join(line + b"\n" for line in signals()))
    run = [sys.executable, "-c", "from stream.cli.main import main; main()", "replay", "--scores"]
    with (tmp_path / "changes.jsonl").open("wb") as output:
        subprocess.run(
            [*run, "--profiles", str(EXAMPLES / profile), "--signals", str(tmp_path / "signals.jsonl")],
            stdout=output, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
    changes, facts, _ = history_of_file(tmp_path / "changes.jsonl")
    for quiet in ("", QUIET):
        found = rehearse(
            [(at, change, facts.get(change.account, {})) for at, change in changes], routes(TABLE.format(quiet=quiet))
        )
        check(found, most)
        print(f"\n{profile}{', quiet at night' if quiet else ''}: {len(changes):,} changes")
        for target in found.targets():
            count = sum(1 for _, message in found.messages if message.target.id == target)
            print(f"  {target}: {count:,} messages, at most {found.most_in(target, DAY)} in 24 hours")


def check(found: Rehearsal, most: int) -> None:
    for target, route in (("sales", "hot"), ("mail", "cooled")):
        assert found.most_in(target, HOUR) <= 10
        assert 0 < found.most_in(target, DAY) <= most
        told = sum(message.count for _, message in found.messages if message.target.id == target)
        wanted = sum(found.reasons[route, reason] for reason in ("sent", "quiet_hours", "ceiling"))
        assert told == wanted - found.reasons[route, "superseded"]
