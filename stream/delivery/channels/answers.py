"""From an HTTP answer to an outcome: what is worth another attempt, when, and what is not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from stream.delivery.channels.http import Answer, Fault
from stream.delivery.channels.secrets import Redactor
from stream.delivery.message import Delivered, Disabled, Outcome, Refused, TryAgain
from stream.delivery.rendering.text import one_line

LONGEST_WAIT_MS = 24 * 3_600_000
"""A far side that asks for more patience than this gets this much."""

_MESSAGE_AT_FAULT = frozenset({400, 413, 415, 422})
"""Answers that will not change however often the same message is sent."""

Clock = Callable[[], float]
"""Seconds since the epoch."""


def outcome_of(answer: Answer | Fault, note: str | None, clock: Clock, redact: Redactor) -> Outcome:
    """What an answer means. Of the body's beginning is told what ``redact`` leaves."""
    if isinstance(answer, Fault):
        return Refused(answer.reason) if answer.forbidden else TryAgain(answer.reason)
    told = f"HTTP {answer.status}"
    if 200 <= answer.status < 300:
        return Delivered(told, note)
    body = one_line(redact(answer.body[:2_000].decode("utf-8", "replace")), 120)
    reason = f"{told}: {body}" if body else told
    if answer.status == 410:
        return Disabled(f"{reason} (the far side wants no more: mend the address, then turn the channel on again)")
    if 300 <= answer.status < 400:
        return Refused(f"{reason}: redirects are not followed (write the address it leads to)")
    if answer.status in _MESSAGE_AT_FAULT:
        return Refused(reason)
    if answer.status in (401, 403, 404):
        reason += " (check the address and keys of the channel)"
    return TryAgain(reason, retry_after(answer, clock))


def retry_after(answer: Answer, clock: Clock) -> int | None:
    """Milliseconds that Retry-After asks for, in seconds or as an HTTP date; None where it says nothing usable."""
    value = answer.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:12]) * 1000, LONGEST_WAIT_MS)
    try:
        moment = parsedate_to_datetime(value)
    except (TypeError, ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    wait = (moment - datetime.fromtimestamp(clock(), UTC)).total_seconds()
    return max(0, min(round(wait * 1000), LONGEST_WAIT_MS))
