"""`account-scores`: the latest standing of an account in each profile (SPEC 7), compacted by account."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from schemas.members import Moment, Named
from schemas.standing import OutputEvent, Published, Standing

ACCOUNT_SCORED = "tierline.account.scored"


class ProfileStanding(Standing):
    """The account in one profile: its tier, and since when."""

    tier: Named
    since: Moment


class AccountScore(Published):
    """An account: its facts, and its standing in each profile as of one moment."""

    account: Named
    as_of: Moment
    facts: Annotated[dict[str, Any], Field(description="facts as known; custom ones under custom")]
    profiles: dict[str, ProfileStanding]


class AccountScored(OutputEvent):
    """The event on `account-scores`; a tombstone says the account has ended (merged or erased)."""

    type: Literal["tierline.account.scored"]
    data: AccountScore
