"""The signal types of SPEC 3.2: one model of `data` a type and version, and the fast way to validate one.

The models are the contract (and the JSON Schema). `validate_data` runs their pydantic-core validators without
building the model: a plain dict comes out, with defaults filled, enumerated values in lower case, `null` members
left out (absent and null both mean unknown) and members nobody knows kept as they came.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schemas.facts import FactsMember
from schemas.members import (
    Amount,
    Count,
    Day,
    Fraction,
    Identifier,
    Moment,
    Money,
    Named,
    OneOf,
    Percent,
    Stars,
    Text,
    Texts,
    Url,
)  # fmt: skip

SERIES = ("pre_seed", "seed", "a", "b", "c", "d", "e_plus", "debt", "grant", "private_equity", "ipo", "unknown")
Series = Annotated[str, OneOf(*SERIES)]
Seniority = Annotated[str, OneOf("c_level", "vp", "director")]


class Data(BaseModel):
    """What every type's `data` has in common: members are strict, and members nobody knows are kept."""

    model_config = ConfigDict(strict=True, extra="allow")


class FundingRound(Data):
    """Money was raised."""

    series: Series
    amount_usd: Money | None = None
    announced_on: Day | None = None
    investors: Annotated[Texts, Field(max_length=1_000)] | None = None


class ExecutiveHire(Data):
    """Somebody took a leading post."""

    title: Named
    person: Text | None = None
    seniority: Seniority | None = None
    department: Text | None = None
    previous_company: Text | None = None


class ExecutiveDeparture(Data):
    """Somebody left a leading post."""

    title: Named
    person: Text | None = None
    seniority: Seniority | None = None
    department: Text | None = None


class JobPosting(Data):
    """A post was advertised, or the advertisement taken down."""

    title: Named
    posting_id: Identifier
    state: Annotated[str, OneOf("opened", "closed")] | None = "opened"
    department: Text | None = None
    seniority: Seniority | None = None
    location: Text | None = None
    url: Url | None = None
    technologies: Texts | None = None


class ContentConsumption(Data):
    """Somebody of the account read, watched or searched."""

    topic: Named
    kind: Annotated[str, OneOf("page_view", "download", "webinar", "search", "review_view", "email_click")] | None = (
        None
    )
    url: Url | None = None
    person_id: Text | None = None
    weight: Amount | None = None


class IntentSurge(Data):
    """A vendor saw more interest in a topic than usual; `score` is the vendor's, 0 to 100."""

    topic: Named
    score: Percent
    baseline: Amount | None = None


class TechnologyChange(Data):
    """A technology came into use, or went out of it."""

    technology: Named
    change: Annotated[str, OneOf("adopted", "dropped")]
    category: Text | None = None


class CompetitorReview(Data):
    """Somebody of the account reviewed a competitor's product."""

    competitor: Named
    rating: Stars | None = None
    sentiment: Annotated[str, OneOf("negative", "neutral", "positive")] | None = None
    url: Url | None = None


class Layoff(Data):
    """People were let go; `fraction` of the staff is 0 to 1."""

    headcount: Count | None = None
    fraction: Fraction | None = None


class Expansion(Data):
    """A new office, market or subsidiary."""

    kind: Annotated[str, OneOf("office", "market", "subsidiary")] | None = None
    place: Text | None = None


class Acquisition(Data):
    """The account bought somebody, or was bought."""

    role: Annotated[str, OneOf("acquirer", "acquired")]
    counterparty: Text | None = None
    amount_usd: Money | None = None


class Announcement(Data):
    """The account said something in public."""

    kind: Annotated[str, OneOf("product_launch", "partnership", "strategic_pivot", "other")]
    title: Text | None = None
    url: Url | None = None


class WebsiteChange(Data):
    """The account's website changed."""

    kind: Annotated[str, OneOf("redesign", "new_content", "new_domain")] | None = None
    url: Url | None = None


class ConferenceAttendance(Data):
    """Somebody of the account was at an event."""

    event: Named
    role: Annotated[str, OneOf("attendee", "speaker", "sponsor")] | None = None


class AccountUpdate(Data):
    """Facts about the account: what is named is set, `null` makes it unknown again."""

    facts: FactsMember


class AccountAlias(Data):
    """`subject` is another name of the account `canonical`."""

    canonical: Named


class OpportunityOutcome(Data):
    """How far a deal came; sets the facts `last_outcome` and `last_outcome_at` too."""

    stage: Annotated[str, OneOf("open", "responded", "qualified", "won", "lost", "churned", "expanded")]
    amount_usd: Amount | None = None
    cycle_days: Count | None = None
    product: Text | None = None


class Retracted(Data):
    """The named signal of the same account is taken back; this may come before it."""

    signal_id: Identifier
    signal_source: Identifier
    signal_time: Moment


DATA_MODELS: dict[tuple[str, int], type[BaseModel]] = {
    ("funding_round", 1): FundingRound,
    ("executive_hire", 1): ExecutiveHire,
    ("executive_departure", 1): ExecutiveDeparture,
    ("job_posting", 1): JobPosting,
    ("content_consumption", 1): ContentConsumption,
    ("intent_surge", 1): IntentSurge,
    ("technology_change", 1): TechnologyChange,
    ("competitor_review", 1): CompetitorReview,
    ("layoff", 1): Layoff,
    ("expansion", 1): Expansion,
    ("acquisition", 1): Acquisition,
    ("announcement", 1): Announcement,
    ("website_change", 1): WebsiteChange,
    ("conference_attendance", 1): ConferenceAttendance,
    ("account_update", 1): AccountUpdate,
    ("account_alias", 1): AccountAlias,
    ("opportunity_outcome", 1): OpportunityOutcome,
    ("retracted", 1): Retracted,
}
SIGNAL_TYPES: frozenset[str] = frozenset(suffix for suffix, _ in DATA_MODELS)
ABOUT_ACCOUNTS: frozenset[str] = frozenset({"account_update", "account_alias", "opportunity_outcome"})
COUNTED_TYPES: frozenset[str] = SIGNAL_TYPES - {"account_update", "account_alias", "retracted"}
"""What a criterion can be about: the rest sets facts, renames, or takes back."""


def members_of(suffix: str, version: int = 1) -> frozenset[str]:
    """The names of the members that the contract of a type knows; KeyError where there is no such type."""
    return frozenset(DATA_MODELS[suffix, version].model_fields)
