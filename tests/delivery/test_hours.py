"""Quiet hours and times of day where the recipient lives, through both changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from stream.delivery.hours import Hours

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = Hours(BERLIN, (18 * 60, 8 * 60))
SMALL_HOURS = Hours(BERLIN, (60, 2 * 60 + 30))


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def text(moment: int) -> str:
    return datetime.fromtimestamp(moment / 1000, UTC).isoformat()[:16]


@pytest.mark.parametrize(
    ("hours", "moment", "opens"),
    [
        pytest.param(NIGHT, "2026-11-23T16:59", "2026-11-23T16:59", id="winter: a minute before the night"),
        pytest.param(NIGHT, "2026-11-23T17:00", "2026-11-24T07:00", id="winter: until 8 in the morning"),
        pytest.param(NIGHT, "2026-07-01T16:30", "2026-07-02T06:00", id="summer: the same hours, another offset"),
        pytest.param(NIGHT, "2026-03-28T22:00", "2026-03-29T06:00", id="the night that is an hour short"),
        pytest.param(NIGHT, "2026-10-24T22:00", "2026-10-25T07:00", id="the night that is an hour long"),
        pytest.param(SMALL_HOURS, "2026-03-29T00:30", "2026-03-29T01:00", id="ends in the hour that never comes"),
        pytest.param(SMALL_HOURS, "2026-10-25T00:30", "2026-10-25T00:30", id="ends in the hour that comes twice: once"),
        pytest.param(SMALL_HOURS, "2026-10-25T01:00", "2026-10-25T01:30", id="and is quiet again the second time"),
        pytest.param(Hours(BERLIN), "2026-11-23T03:00", "2026-11-23T03:00", id="no quiet hours"),
        pytest.param(
            Hours(BERLIN, (18 * 60, 8 * 60), quiet_weekends=True), "2026-11-20T17:30", "2026-11-23T07:00",
            id="a weekend",
        ),
        pytest.param(
            Hours(ZoneInfo("Asia/Kathmandu"), (12 * 60 + 7, 13 * 60 + 11)), "2026-11-23T06:30", "2026-11-23T07:26",
            id="a zone of quarters, hours of odd minutes",
        ),
    ],
)  # fmt: skip
def test_when_quiet_hours_end(hours: Hours, moment: str, opens: str) -> None:
    """The first moment at which somebody may be disturbed is told by the clock on their wall."""
    assert text(hours.opens(ms(moment))) == opens


def test_every_minute_of_a_year() -> None:
    """What is said to open is not quiet, the minute before it is, and the last minute of the year is no exception."""
    for moment in range(ms("2026-01-01T00:00"), ms("2027-01-01T00:00"), 37 * 60_000):
        opens = SMALL_HOURS.opens(moment)
        assert not SMALL_HOURS.is_quiet(opens)
        assert opens == moment or SMALL_HOURS.is_quiet(opens - 60_000)


@pytest.mark.parametrize(
    ("moment", "at"),
    [
        ("2026-11-23T07:29", "2026-11-23T07:30"),
        ("2026-11-23T07:30", "2026-11-24T07:30"),
        ("2026-03-28T20:00", "2026-03-29T06:30"),
        ("2026-10-24T20:00", "2026-10-25T07:30"),
    ],
)
def test_the_time_of_a_digest(moment: str, at: str) -> None:
    """A digest at half past eight comes at half past eight on the wall, in summer and in winter."""
    assert text(Hours(BERLIN).next_at(ms(moment), 8 * 60 + 30)) == at


def test_a_digest_time_that_never_comes() -> None:
    """On the day that skips it a digest comes an hour later, and on the day that repeats it once."""
    assert text(Hours(BERLIN).next_at(ms("2026-03-28T20:00"), 150)) == "2026-03-29T01:30"
    first = Hours(BERLIN).next_at(ms("2026-10-24T20:00"), 150)
    assert text(first) == "2026-10-25T00:30"
    assert text(Hours(BERLIN).next_at(first, 150)) == "2026-10-26T01:30"


def test_a_digest_waits_for_the_end_of_the_quiet() -> None:
    """A digest at an hour that is quiet comes when that ends."""
    assert text(NIGHT.next_at(ms("2026-11-23T12:00"), 6 * 60)) == "2026-11-24T07:00"
