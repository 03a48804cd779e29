"""The assessment is right on examples made by hand."""

from __future__ import annotations

import pytest

from stream.sources.simulated import assess
from stream.sources.simulated.intervals import clipped
from stream.sources.simulated.rates import DAY


def days(*spans: tuple[float, float]) -> list[tuple[int, int]]:
    """Intervals given in days."""
    return [(int(a * DAY), int(b * DAY)) for a, b in spans]


def test_shares_and_lift() -> None:
    """Hot for 10 days of which 5 were buying, and 5 more buying in the other 190: a lift of 19."""
    found = assess({"a": days((10, 20))}, {"a": days((15, 25))}, ["a", "b"], 0, 100 * DAY)
    assert (found.accounts, found.total_days, found.hot_days) == (2, 200, 10)
    assert found.hot_buying == pytest.approx(0.5)
    assert found.rest_buying == pytest.approx(5 / 190)
    assert found.lift == pytest.approx(19.0)
    assert (found.windows, found.flagged, found.decided) == (1, 1, 1)
    assert found.lead_days == pytest.approx(5)
    assert found.flagged_by_chance == 0


def test_lead_is_counted_from_the_opening_of_the_window() -> None:
    """Being hot long before anybody buys is no lead; the first moment within the window is."""
    found = assess({"a": days((10, 20), (50, 60))}, {"a": days((0, 12), (14, 15), (57, 99))}, ["a"], 0, 100 * DAY)
    assert found.lead_days == pytest.approx((10 + 3) / 2)
    assert found.notice_days == pytest.approx((10 + 3) / 2)


def test_a_window_never_flagged_gives_no_notice() -> None:
    """The mean notice counts the missed ones as nothing; the median lead is of the flagged alone."""
    found = assess({"a": days((10, 20)), "b": days((10, 20))}, {"a": days((12, 13))}, ["a", "b"], 0, 100 * DAY)
    assert (found.windows, found.flagged) == (2, 1)
    assert found.lead_days == pytest.approx(8)
    assert found.notice_days == pytest.approx(4)


def test_chance_is_what_the_other_accounts_hot_times_would_have_done() -> None:
    """One of the other two accounts was hot in the window, four days before its end."""
    found = assess({"a": days((10, 20))}, {"b": days((16, 17)), "c": days((40, 50))}, ["a", "b", "c"], 0, 100 * DAY)
    assert found.flagged == 0
    assert found.flagged_by_chance == pytest.approx(1 / 2)
    assert found.notice_by_chance == pytest.approx(4 / 2)
    assert found.lead_days is None


def test_a_window_not_decided_yet_has_no_lead() -> None:
    """A window that ends after the time assessed can be flagged, but nobody knows how early yet."""
    found = assess({"a": days((90, 130))}, {"a": days((95, 100))}, ["a"], 0, 100 * DAY)
    assert (found.windows, found.flagged, found.decided, found.lead_days) == (1, 1, 0, None)
    assert found.hot_buying == pytest.approx(1.0)
    assert found.rest_buying == pytest.approx(5 / 95)


def test_time_outside_and_twice_told_does_not_count() -> None:
    """Intervals are joined and cut to the time assessed; accounts not asked about are left out."""
    hot = {"a": days((-5, 10), (5, 12), (30, 30), (99, 400)), "z": days((0, 100))}
    found = assess({"a": [], "z": days((0, 100))}, hot, ["a"], 0, 100 * DAY)
    assert found.hot_days == pytest.approx(13)
    assert (found.windows, found.hot_buying, found.rest_buying, found.lift) == (0, 0.0, 0.0, None)
    assert clipped(days((3, 4), (1, 2), (2, 3)), 0, 100 * DAY) == days((1, 4))


def test_sentences_are_plain_and_carry_the_figures() -> None:
    """Three sentences with the lift, the windows and the days; one sentence where there is nothing to say."""
    hot = {"a": days((12, 22)), "b": days((60, 70))}
    said = assess({"a": days((10, 20)), "c": days((70, 80))}, hot, "abcd", 0, 100 * DAY).sentences()
    assert len(said) == 3
    assert "40% of hot accounts" in said[0]
    assert "Of 2 times that a company was buying, 1 were flagged hot" in said[1]
    assert "a median of 8 days before it decided" in said[2]
    nothing = assess({"a": days((10, 20))}, {}, ["a"], 0, 100 * DAY).sentences()
    assert nothing == ["No account was ever hot, so there is nothing to compare."]
    always = assess({"a": days((10, 20))}, {"a": days((0, 100))}, ["a"], 0, 100 * DAY).sentences()
    assert always == ["Every account was hot all the time, so there is nothing to compare."]


def test_nothing_to_assess_is_an_error() -> None:
    """Without accounts or time there is no answer."""
    with pytest.raises(ValueError, match="nothing to assess"):
        assess({}, {}, [], 0, DAY)
    with pytest.raises(ValueError, match="nothing to assess"):
        assess({}, {}, ["a"], DAY, DAY)
