"""`tier-changes`: one CloudEvent a tier change (SPEC 7). Consumers that drop ids they have seen get each once."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from schemas.members import Identifier, Moment, Named
from schemas.standing import OutputEvent, Points, Published, Standing

TIER_CHANGED = "tierline.tier.changed"
Direction = Literal["enter", "up", "down", "disqualified", "requalified", "merged"]
Cause = Literal["signal", "fact", "decay", "retraction", "profile", "merge"]


class Trigger(Published):
    """The signal that moved the account."""

    id: Identifier
    source: Identifier
    type: Named
    occurred_at: Moment
    summary: str


class TierChange(Standing):
    """An account crossed a line in one profile."""

    account: Named
    profile: Named
    import_: Annotated[bool, Field(alias="import", description="made while history was brought in: alert nobody")]
    engine: Annotated[Named, Field(description="the engine version; replays are equal within one")]
    sequence: Annotated[int, Field(ge=1, description="counts per account and profile from 1 without a gap")]
    from_tier: str | None
    to_tier: Annotated[str | None, Field(description="null where the account ended in a merger")]
    direction: Direction
    cause: Cause
    previous_score: Points
    effective_at: Moment
    detected_at: Annotated[Moment, Field(description="when a worker made it; the one member that a replay changes")]
    trigger: Trigger | None
    summary: str


class TierChanged(OutputEvent):
    """The event on `tier-changes`; `time` equals `data.effective_at`."""

    type: Literal["tierline.tier.changed"]
    data: TierChange
