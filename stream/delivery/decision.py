"""What alerting says of a tier change and of a message: the closed lists, as values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.alerts import Delivery, Reason
from stream.delivery.kept import Message
from stream.delivery.routes import Target


@dataclass(frozen=True, slots=True)
class Decision:
    """Why a change is told, or not told, by a route, or to one of its recipients."""

    change: Mapping[str, Any]
    """The event as published."""
    reason: Reason
    route: str
    target: Target | None = None
    """None: of the route as a whole."""
    alert: str | None = None
    """The idempotency key of the message that tells it, now or later."""
    until: int | None = None
    """When what holds it back ends (ms), where that is known."""
    by: str | None = None
    """The id of the newer change, where it is superseded."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a message, or of an attempt to deliver it."""

    message: Message
    state: Delivery
    says: str
    """What the far side answered, or what went wrong."""
    again_at: int | None = None
    """When it is tried again (ms)."""
