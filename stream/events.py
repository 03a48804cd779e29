"""CloudEvents from the bytes of a record: structured or binary mode, and nothing that could not be written back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from schemas.envelope import MOST_BYTES

Headers = Sequence[tuple[str, bytes | None]]
"""Kafka knows headers without a value."""

DEEPEST = 100
"""Lists and objects within each other; the encoder gives up at 254, and states nest what they remember deeper."""


class Unreadable(ValueError):
    """The bytes are no event. ``reason`` is one of ``schemas.rejected.REASONS``; the message says what to mend."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def read_event(value: bytes | None, headers: Headers = ()) -> Any:
    """The JSON document of a record; of one in binary mode, what its headers and its value make. Raises Unreadable."""
    if value is None:
        raise Unreadable("not_json", "the record has no value; send a CloudEvent as JSON")
    if len(value) > MOST_BYTES:
        raise Unreadable(
            "too_large", f"the record has {len(value):,} bytes, over {MOST_BYTES:,}; send what is needed of it"
        )
    try:
        document = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unreadable(
            "not_json", f"the record is not JSON: {error}; send one CloudEvent as a JSON object"
        ) from None
    if is_deeper(DEEPEST, value, document):
        raise Unreadable(
            "bad_member", f"the record nests lists and objects over {DEEPEST} deep; send what is needed of it, flatter"
        )
    return from_binary_mode(document, headers) if headers else document


def from_binary_mode(document: Any, headers: Headers) -> Any:
    """CloudEvents' Kafka binding: attributes in ``ce_*`` headers, data as the value. Raises Unreadable."""
    attributes: dict[str, Any] = {}
    pairs: Iterable[tuple[str, bytes | None]] = headers  # Kafka knows headers without a value
    for name, value in pairs:
        if name.startswith("ce_") and value is not None:
            try:
                attributes[name[3:]] = value.decode("utf-8")
            except UnicodeDecodeError:
                # guessing could make one id of two
                raise Unreadable("bad_envelope", f"header {name} is not UTF-8; send it in that encoding") from None
    return {**attributes, "data": document} if "specversion" in attributes else document


def is_deeper(most: int, value: bytes, document: Any) -> bool:
    """Whether a document that was read from ``value`` has more lists and objects than that within each other."""
    # counting brackets is cheap, and only a record with many of them can be deep
    return value.count(b"[") + value.count(b"{") > most and _depth(document) > most


def _depth(document: Any) -> int:
    depth, level = 0, [document]
    while level := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [inner for one in level for inner in (one.values() if isinstance(one, dict) else one)]
    return depth
