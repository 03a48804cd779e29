"""How well "hot" found the accounts that were really buying: the hidden truth against what a profile said."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING, Final

from stream.sources.simulated.intervals import Chance, Interval, clipped, lead, length, shared

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

_DAY: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Assessment:
    """What calling the hot accounts would have been worth. Shares are 0 to 1, and None where there is nothing to share.

    Over account-time: `hot_buying` and `rest_buying` are the shares of hot time and of all other time in which the
    account was really buying; `hot_days` and `total_days` the account-days they are taken from.
    Over windows of buying: `flagged` of `windows` were hot at some time of theirs; `flagged_by_chance` is the share to
    expect had the same hot times fallen to any other account.
    Over windows decided before the end: `notice_days` is the mean time from getting hot (not counted from before the
    window opens) to the decision, 0 for one never flagged; `notice_by_chance` the same for any other account's hot
    times; `lead_days` the median of the flagged ones alone.
    """

    accounts: int
    total_days: float
    hot_days: float
    hot_buying: float | None
    rest_buying: float | None
    windows: int
    flagged: int
    flagged_by_chance: float | None
    decided: int
    lead_days: float | None
    notice_days: float | None
    notice_by_chance: float | None

    @property
    def lift(self) -> float | None:
        """How many times likelier a hot account was to be buying than one that was not hot."""
        if self.hot_buying is None or not self.rest_buying:
            return None
        return self.hot_buying / self.rest_buying

    def sentences(self) -> list[str]:
        """The same in two or three plain sentences."""
        if self.hot_buying is None or self.rest_buying is None:
            which = "No account was ever hot" if self.hot_buying is None else "Every account was hot all the time"
            return [f"{which}, so there is nothing to compare."]
        times = f", {self.lift:.1f} times as likely" if self.lift is not None else ""
        precision = (
            f"On a day picked at random, {self.hot_buying:.0%} of hot accounts were really buying and "
            f"{self.rest_buying:.1%} of the others{times} "
            f"({self.hot_days:,.0f} hot account-days of {self.total_days:,.0f})."
        )
        said = [precision]
        if self.flagged_by_chance is not None:
            recall = (
                f"Of {self.windows:,} times that a company was buying, {self.flagged:,} were flagged hot "
                f"({self.flagged / self.windows:.0%}; the same alerts on other accounts would have met "
                f"{self.flagged_by_chance:.0%})."
            )
            said.append(recall)
        if self.lead_days is not None and self.notice_days is not None and self.notice_by_chance is not None:
            lead_time = (
                f"Where it was flagged, the account was hot a median of {self.lead_days:.0f} days before it decided; "
                f"over all {self.decided:,} decisions that is {self.notice_days - self.notice_by_chance:.0f} days "
                "more notice than chance would give."
            )
            said.append(lead_time)
        return said


def assess(
    truth: Mapping[str, Sequence[Interval]],
    hot_intervals: Mapping[str, Sequence[Interval]],
    accounts: Collection[str],
    start: int,
    end: int,
) -> Assessment:
    """Judge `hot_intervals` by `truth` for `accounts` over [start, end) in epoch milliseconds.

    An account that either mapping lacks never bought, or was never hot. Intervals may overlap each other and reach
    outside [start, end). Raises ValueError where there are no accounts or no time.
    """
    if not accounts or end <= start:
        raise ValueError("there is nothing to assess: no accounts, or no time")
    hot = {account: clipped(hot_intervals.get(account, ()), start, end) for account in accounts}
    # whole windows for what is counted by window, the part within [start, end) for what is counted by time
    windows = {
        account: [window for window in sorted(truth.get(account, ())) if window[0] < end and window[1] > start]
        for account in accounts
    }
    total = len(accounts) * (end - start)
    hot_time = sum(length(spans) for spans in hot.values())
    buying = {account: clipped(spans, start, end) for account, spans in windows.items()}
    buying_time = sum(length(spans) for spans in buying.values())
    both = sum(shared(hot[account], buying[account]) for account in accounts)
    chance = Chance(hot)

    count = flagged = 0
    by_chance: list[float] = []
    leads: list[float] = []
    notices: list[float] = []
    notices_by_chance: list[float] = []
    for account, spans in windows.items():
        for window in spans:
            seen = (max(window[0], start), min(window[1], end))
            ahead = lead(hot[account], seen)
            count += 1
            flagged += ahead is not None
            expected, expected_lead = chance.of(account, seen)
            by_chance.append(expected)
            if window[1] <= end:
                notices.append((ahead or 0) / _DAY)
                notices_by_chance.append(expected_lead / _DAY)
                if ahead is not None:
                    leads.append(ahead / _DAY)
    rest_time = total - hot_time
    return Assessment(
        accounts=len(accounts),
        total_days=total / _DAY,
        hot_days=hot_time / _DAY,
        hot_buying=both / hot_time if hot_time else None,
        rest_buying=(buying_time - both) / rest_time if rest_time else None,
        windows=count,
        flagged=flagged,
        flagged_by_chance=fmean(by_chance) if by_chance else None,
        decided=len(notices),
        lead_days=median(leads) if leads else None,
        notice_days=fmean(notices) if notices else None,
        notice_by_chance=fmean(notices_by_chance) if notices_by_chance else None,
    )
