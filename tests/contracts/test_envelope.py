"""The CloudEvents envelope: what is read of it, and times as the contract has them."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.durations import parse_duration
from schemas.faults import BadEnvelope, ContractError, UnknownType
from schemas.reading import Envelope, read_envelope, read_signal, split_type
from schemas.times import EARLIEST, LATEST, format_time, parse_time

EVENT = {
    "specversion": "1.0", "id": "cb-8812", "source": "crunchbase", "type": "tierline.signal.funding_round",
    "subject": "https://www.acme.com/about", "time": "2026-11-20T09:00:00Z", "data": {"series": "B"},
}  # fmt: skip
NINE = 1_795_165_200_000


def test_an_envelope_comes_apart() -> None:
    """Times come as milliseconds, the type as suffix and version, the record time only where it was told."""
    assert read_envelope(EVENT) == Envelope(
        "cb-8812", "crunchbase", "funding_round", 1, "https://www.acme.com/about", NINE, None, {"series": "B"}
    )
    assert read_envelope({**EVENT, "recordedtime": "2026-11-20T10:00:00+01:00"}).recorded == NINE
    assert read_signal(EVENT).data == {"series": "b"}


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("tierline.signal.layoff", ("layoff", 1)),
        ("tierline.signal.layoff.v1", ("layoff", 1)),
        ("tierline.signal.layoff.v12", ("layoff", 12)),
        ("tierline.signal.layoff.v0", ("layoff.v0", 1)),
        ("tierline.signal.layoff.v", ("layoff.v", 1)),
    ],
)
def test_a_type_may_end_in_its_version(text: str, parts: tuple[str, int]) -> None:
    """No version is version 1."""
    assert split_type(text) == parts


@pytest.mark.parametrize("kind", ["layoff", "tierline.log.tick", "com.example.signal", "Tierline.signal.layoff"])
def test_what_is_no_signal_is_an_unknown_type(kind: str) -> None:
    """Other people's events, and our own marks in the log, are not signals."""
    with pytest.raises(UnknownType, match="is no signal"):
        read_envelope({**EVENT, "type": kind})


def test_binary_data_in_the_envelope_is_answered_with_the_mend() -> None:
    """`data_base64` is CloudEvents and yet not read: the message says what to send."""
    event = {name: value for name, value in EVENT.items() if name != "data"} | {"data_base64": "e30="}
    with pytest.raises(BadEnvelope, match="send data as a JSON object"):
        read_envelope(event)


@given(
    st.sampled_from(sorted(EVENT)),
    st.none() | st.integers() | st.text(max_size=20) | st.lists(st.integers(), max_size=2) | st.just("\x1f"),
)
def test_any_bad_attribute_is_refused_by_name(attribute: str, value: Any) -> None:
    """Whatever stands in an attribute, the envelope is read or refused in words: nothing else is raised."""
    with contextlib.suppress(ContractError):
        read_envelope({**EVENT, attribute: value})


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("2026-11-20t09:00:00z", NINE),
        ("2026-11-20T10:30:00.021999+01:30", NINE + 21),
        ("2026-11-20T09:00:00.9999999999Z", NINE + 999),
        ("1969-12-31T23:59:59.9999Z", -1),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000),
        ("2026-11-20T09:00:00-00:00", NINE),
    ],
)
def test_times_are_truncated_to_the_millisecond_before(text: str, time: int) -> None:
    """Any RFC 3339 time is a moment; digits beyond the third are cut, before 1970 too; leap seconds are read."""
    assert parse_time(text) == time


@pytest.mark.parametrize(
    "text",
    ["2026-11-20", "2026-11-20T09:00:00", "2026-11-20T09:00Z", "20261120T090000Z", "2026-02-30T00:00:00Z", "", None, 17,
     "2026-11-20T09:00:00+99:00", "0001-01-01T00:00:00+10:00", "２026-11-20T09:00:00Z", "2026-11-20T09:00:00Z\n"],
)  # fmt: skip
def test_what_is_no_moment_is_refused_with_an_example(text: object) -> None:
    """No offset, no such day, other forms: refused, and the message shows how to write one."""
    with pytest.raises(ValueError, match="2026-11-20T09:00:00Z"):
        parse_time(text)


@given(st.integers(EARLIEST, LATEST))
def test_a_moment_written_is_the_moment_read(time: int) -> None:
    """Writing and reading a moment gives it back, to the millisecond, in every year there is."""
    assert parse_time(format_time(time)) == time


@given(
    st.datetimes(datetime(1000, 1, 2), datetime(9998, 12, 31)),  # noqa: DTZ001
    st.integers(-23 * 60, 23 * 60),
)
def test_offsets_are_followed(naive: datetime, minutes: int) -> None:
    """The same moment told with another offset is the same moment."""
    there = naive.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    assert parse_time(there.isoformat()) == parse_time(naive.isoformat() + "Z")


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [("500ms", 500), ("1s", 1_000), ("1.5m", 90_000), ("1h", 3_600_000), ("30d", 2_592_000_000), ("2w", 1_209_600_000)],
)
def test_durations_are_whole_milliseconds(text: str, milliseconds: int) -> None:
    """A number and a unit."""
    assert parse_duration(text) == milliseconds


@pytest.mark.parametrize(
    "text", ["30", "d", "-1d", "0d", "1y", "1 d", "0.0001ms", "101w5d", "99999999w", "1e3s", "٣d", None, 3]
)
def test_other_durations_are_refused(text: object) -> None:
    """No unit, nothing, negative, a fraction of a millisecond, more than a century: refused in words."""
    with pytest.raises(ValueError, match="is no"):
        parse_duration(text)
