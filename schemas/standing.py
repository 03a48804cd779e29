"""What the two score contracts share: an account in one profile, and why."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.members import Fraction, Identifier, Moment, Named, Number

Points = Annotated[float, Number(-1e15, 1e15)]
Share = Fraction
Why = Literal["unknown", "not met", "no signal", "faded", "below the cap"]


class Published(BaseModel):
    """A contract that others read: members are added over time, so readers must ignore what they do not know."""

    model_config = ConfigDict(strict=True, extra="allow")


class Contribution(Published):
    """What one criterion gives now, before its group's cap and weight."""

    criterion: Named
    group: Named
    points: Points
    of: Annotated[Points | None, Field(description="the most it can give; null without a bound")]
    change: Annotated[Points, Field(description="against the score just before, or the last published one")]
    evidence: Annotated[list[str], Field(description="source/id of the signals it stands on, oldest first")]


class Gap(Published):
    """What is missing to the most a criterion can give."""

    criterion: Named
    group: Named
    points: Annotated[Points, Field(description="so many are missing")]
    of: Points
    why: Why


class Standing(Published):
    """An account in one profile at one moment."""

    profile_version: Annotated[int, Field(ge=1)]
    score: Points
    grade: str | None
    coverage: Annotated[Share, Field(description="the share of criteria that could be decided")]
    sequence: Annotated[int, Field(ge=0, description="tier changes announced in this profile, without a gap")]
    contributions: list[Contribution]
    gaps: list[Gap]
    reasons: Annotated[list[str], Field(description="why the account is disqualified; empty otherwise")]
    next_transition_at: Annotated[Moment | None, Field(description="when the tier changes if nothing else happens")]
    next_tier: str | None


class OutputEvent(Published):
    """The CloudEvents envelope of what Tierline publishes."""

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    subject: Annotated[Named, Field(description="the account")]
    time: Moment
