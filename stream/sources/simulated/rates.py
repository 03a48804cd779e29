"""How often things happen in the simulated market, and how often its feeds go wrong: every number, in one place.

The market is a set of companies, each with a hidden state: quiet → stirring → buying → done or lapsed → quiet.
Nobody can see the state. What can be seen is what it makes more likely (`HAPPENINGS`), and the rates overlap on
purpose: a quiet company reads, hires and raises money too, so a good profile finds buyers well, never perfectly.

Rates are events per 30 days for a company of ordinary attention and 500 people; durations are days; the rest are
probabilities.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal

SECOND: Final = 1_000
HOUR: Final = 3_600 * SECOND
DAY: Final = 24 * HOUR
MONTH: Final = 30 * DAY


class State(StrEnum):
    """What a company is really up to."""

    QUIET = "quiet"
    STIRRING = "stirring"
    BUYING = "buying"
    DONE = "done"
    LAPSED = "lapsed"


Scale = Literal["attention", "size", "steady"]


@dataclass(frozen=True, slots=True)
class Rate:
    """How often one kind of thing happens in each state, and what about a company multiplies it."""

    quiet: float
    stirring: float
    buying: float
    scale: Scale = "steady"

    def at(self, state: State) -> float:
        """Events per 30 days in `state`; after a decision or a lapse a company is as it is when quiet."""
        if state is State.BUYING:
            return self.buying
        return self.stirring if state is State.STIRRING else self.quiet


HAPPENINGS: Final[dict[str, Rate]] = {
    # what people there read of the seller's, in the seller's own web analytics
    "page_view": Rate(1.3, 2.8, 4.0, "attention"),
    "pricing_view": Rate(0.18, 0.55, 1.0, "attention"),
    "download": Rate(0.22, 0.45, 0.75, "attention"),
    "webinar": Rate(0.09, 0.22, 0.40, "attention"),
    "search": Rate(0.18, 0.4, 0.65, "attention"),
    "review_view": Rate(0.08, 0.3, 0.7, "attention"),
    "email_click": Rate(0.30, 0.6, 0.9, "attention"),
    # what an intent vendor sees elsewhere
    "surge": Rate(0.36, 0.70, 0.90),
    # hiring: data people when a data project is coming; all the others whatever happens
    "data_job": Rate(0.38, 0.80, 0.95, "size"),
    "other_job": Rate(0.9, 0.9, 0.9, "size"),
    "data_hire": Rate(0.03, 0.08, 0.09),
    "other_hire": Rate(0.10, 0.12, 0.12, "size"),
    "departure": Rate(0.06, 0.08, 0.08, "size"),
    # money, plans and places
    "funding": Rate(0.025, 0.06, 0.06),
    "expansion": Rate(0.04, 0.06, 0.08, "size"),
    "acquisition": Rate(0.010, 0.010, 0.010, "size"),
    "announcement": Rate(0.12, 0.15, 0.18, "size"),
    "website": Rate(0.12, 0.12, 0.14),
    # technology and rivals
    "adopt": Rate(0.10, 0.25, 0.30),
    "drop": Rate(0.08, 0.10, 0.12),
    "rival_drop": Rate(0.008, 0.04, 0.15),
    "rival_review": Rate(0.03, 0.15, 0.45),
    "conference": Rate(0.06, 0.14, 0.22),
    # the one thing that buying makes rarer
    "layoff": Rate(0.030, 0.015, 0.008),
}

# -- the hidden process ------------------------------------------------------------------------------------------

BURN_IN: Final = 300  # days lived before the first record, so that the first day is like any other
QUIET_DAYS: Final = 210.0  # mean; divided by a company's appetite, so that companies that fit stir more often
STIRRING_DAYS: Final = (24.0, 0.4)  # median and spread of a log-normal
BUYING_DAYS: Final = (42.0, 0.4)
DONE_DAYS: Final = (150.0, 0.3)
LAPSED_DAYS: Final = (90.0, 0.3)
STIRRING_BUYS: Final = 0.55  # of what stirs at a company that fits perfectly; the rest goes quiet again
BUYING_DECIDES: Final = 0.75  # of buying that ends by itself; the rest lapses
LAYOFF_STOPS: Final = 0.7  # of layoffs at a company that stirs or buys

CATALYSTS: Final[dict[str, float]] = {
    # the chance, at a company that fits perfectly, that this event moves quiet to stirring or stirring to buying
    "data_hire": 0.55,
    "rival_drop": 0.50,
    "funding": 0.40,
    "adopt": 0.10,
    "expansion": 0.10,
    "announcement": 0.05,
    "other_hire": 0.05,
}

# -- the feeds and their faults ----------------------------------------------------------------------------------

TWIN: Final[dict[str, float]] = {
    # the same event told by a second source under another id, up to TWIN_DAYS later
    "funding": 0.6,
    "data_hire": 0.4,
    "other_hire": 0.4,
    "departure": 0.3,
    "data_job": 0.25,
    "other_job": 0.25,
}
TWIN_DAYS: Final = 8.0
LATE: Final = 0.03  # of signals, delivered LATE_DAYS after they happened and not within hours
LATE_DAYS: Final = (1.0, 21.0)
REPEAT: Final = 0.015  # of records, delivered again byte for byte up to REPEAT_DAYS later
REPEAT_DAYS: Final = 3.0
KEY_NONE: Final = 0.02  # of records, without a key
KEY_WRONG: Final = 0.01  # of records, under another company's key or an uncanonical one
SUBJECT_ODD: Final = 0.35  # of records, whose subject is a URL, www, an e-mail address or in capitals
ALIASED: Final = 0.01  # of companies, with a second domain that an alias record joins to the first
ALIAS_USED: Final = 0.3  # of such a company's records after that, under the second domain
RUMOUR: Final = 0.05  # per company and 30 days: something told that never happened, and is taken back
RETRACTED_FIRST: Final = 0.3  # of retractions, that arrive before what they take back
MALFORMED: Final = 0.05  # per company and 30 days: a record nobody can use
CLOSED_DAYS: Final = (38.0, 0.6)  # a job posting stays open: median and spread
REFRESH_DAYS: Final = 75.0  # mean days between two rows of one company from the firmographic vendor
REWRITE_AT: Final = 0.6  # of the way through, that vendor reformats its whole file and sends it again in one day
REWRITE_SHARE: Final = 0.9  # of companies in that file
COMPETITORS: Final = 0.01  # of companies, that read everything and never buy
NO_TECHNOLOGIES: Final = 0.12  # of companies, whose technologies no vendor knows
NO_HEADCOUNT: Final = 0.04  # of companies, whose size no vendor knows
