"""`alerts`: of every tier change, to whom it was told or why not; and of every message, what became of it (SPEC 7).

Two events. `tierline.alert.decided` says of a change what each route made of it. `tierline.alert.delivery` says what
became of a message, attempt by attempt. They meet in `alert`, the idempotency key of the message.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import Field

from schemas.members import Identifier, Moment, Named
from schemas.standing import OutputEvent, Published

ALERT_DECIDED = "tierline.alert.decided"
ALERT_DELIVERY = "tierline.alert.delivery"

Reason = Literal[
    "importing",
    "already_sent",
    "no_route",
    "wrong_direction",
    "customer",
    "snoozed",
    "profile_rollout",
    "cooldown",
    "quiet_hours",
    "ceiling",
    "superseded",
    "sent",
]
REASONS: tuple[str, ...] = get_args(Reason)
"""In the order in which they are asked; `superseded` is said of an earlier change when a newer one comes."""

Delivery = Literal["delivered", "failed", "parked", "retried", "dropped"]
DELIVERIES: tuple[str, ...] = get_args(Delivery)


class RoutesSaying(Published):
    """Routes that all say the same of the change, whoever their recipients are."""

    reason: Reason
    routes: Annotated[list[Named], Field(description="empty where no routes were in force")]
    until: Annotated[Moment | None, Field(description="when what holds it back ends, where that is known")]
    by: Annotated[str | None, Field(description="the id of the newer change that supersedes it")]


class RecipientDecision(Published):
    """What a route says of the change to one of its recipients."""

    reason: Reason
    route: Named
    channel: Named
    recipient: str | None
    alert: Annotated[str | None, Field(description="idempotency key of the message that tells it, now or later")]
    until: Moment | None
    by: str | None


class AlertDecided(Published):
    """What became of a tier change in alerting. One that is superseded gets a second event that says so."""

    account: Named
    change: Annotated[Identifier, Field(description="the id of the tier change")]
    profile: Named
    from_tier: str | None
    to_tier: str | None
    summary: str
    effective_at: Moment
    routes: list[RoutesSaying]
    recipients: list[RecipientDecision]


class AlertDelivery(Published):
    """What became of a message, or of one attempt to deliver it."""

    alert: Annotated[str, Field(min_length=1, description="idempotency key, the same for every attempt and repeat")]
    state: Delivery
    kind: Literal["single", "digest", "overflow"]
    route: Named
    channel: Named
    recipient: str | None
    changes: Annotated[list[str], Field(description="ids of the tier changes that it carries")]
    count: Annotated[int, Field(ge=0, description="how many it stands for, where it does not carry all")]
    attempt: Annotated[int, Field(ge=0, description="counts from 1; 0 before the first")]
    says: Annotated[str, Field(description="what the far side answered, or what went wrong; never a secret")]
    again_at: Annotated[Moment | None, Field(description="when it is tried again")]


class AlertDecidedEvent(OutputEvent):
    """The event that says what became of a tier change."""

    type: Literal["tierline.alert.decided"]
    data: AlertDecided


class AlertDeliveryEvent(OutputEvent):
    """The event that says what became of a message."""

    type: Literal["tierline.alert.delivery"]
    data: AlertDelivery
