"""What becomes of a record that could not be used: a document that keeps it, and that always fits into the log."""

from __future__ import annotations

import base64
from typing import Any

from schemas.rejected import BESIDE_UP_TO, content_of
from schemas.times import format_time
from stream.events import Headers
from stream.wire import Refusal

KEPT_OF_KEY = 4_096
"""Bytes of a rejected record's key: no account's is as long."""
LONGEST_MESSAGE = 8_192
"""Characters: a message may quote what was sent."""


def kept_key(key: bytes | None) -> bytes | None:
    """The key that a rejected record has on its topic: as it came, unless it is larger than keys are."""
    return None if key is None else key[:KEPT_OF_KEY]


def rejected_document(
    refusal: Refusal, *, raw: bytes, key: bytes | None, headers: Headers, origin: dict[str, Any], rejected_at: int
) -> dict[str, Any]:
    """A record that could not be used, whole, as the document of ``schemas/rejected.py``.

    Whatever the record, the document fits into a record of Kafka's: else what is bad would stop what is good.
    """
    envelope = refusal.envelope or {}
    message, kept = refusal.message[:LONGEST_MESSAGE], headers
    beside = len(key or b"") + sum(map(_header_size, headers))
    if beside > BESIDE_UP_TO:
        kept = _first_of(headers)
        left = len(headers) - len(kept)
        message += f" (of its {beside:,} bytes of key and headers not all are kept here: {left} headers are left out)"
    return {
        "reason": refusal.reason,
        "message": message,
        "origin": origin,
        "key": _base64(kept_key(key)),
        **content_of(raw, cut=beside > BESIDE_UP_TO),
        "headers": [{"name": name, "value": _base64(value)} for name, value in kept],
        "sender": {name: _short_text(envelope.get(name)) for name in ("id", "source", "type", "subject")},
        "rejected_at": format_time(rejected_at),
    }


def _first_of(headers: Headers) -> Headers:
    """The first headers, as far as there is room for them."""
    kept, size = [], 0
    for header in headers:
        size += _header_size(header)
        if size > BESIDE_UP_TO // 2:
            break
        kept.append(header)
    return kept


def _header_size(header: tuple[str, bytes | None]) -> int:
    return len(header[0].encode()) + len(header[1] or b"") + 32  # and what writing it takes, however short it is


def _base64(value: bytes | None) -> str | None:
    return None if value is None else base64.b64encode(value).decode("ascii")


def _short_text(value: Any) -> str | None:
    return value[:512] if isinstance(value, str) else None
