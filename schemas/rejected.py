"""`rejected`: a record that could not be used, whole, with the reason and where it came from (SPEC 3.5)."""

from __future__ import annotations

import base64
import hashlib
from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from schemas.members import Moment
from schemas.standing import Published

Reason = Literal[
    "not_json",
    "bad_envelope",
    "unknown_type",
    "bad_member",
    "unidentifiable_account",
    "in_future",
    "too_late",
    "not_retractable",
    "too_large",
    "alias_loop",
    "unexpected",
]
REASONS: tuple[str, ...] = get_args(Reason)

WHOLE_UP_TO = 1_048_576  # a record up to here is kept byte for byte
KEPT_OF_LARGER = 65_536  # of a larger one the beginning, with the digest of the whole
BESIDE_UP_TO = 65_536  # of key and headers together; where they are larger, all of the record is cut

Base64 = Annotated[str, Field(pattern=r"^[A-Za-z0-9+/]*={0,2}$", json_schema_extra={"contentEncoding": "base64"})]


class TopicOrigin(Published):
    """A place in the log."""

    topic: Annotated[str, Field(min_length=1)]
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]


class FileOrigin(Published):
    """A line, from 1, of a file."""

    file: Annotated[str, Field(min_length=1)]
    line: Annotated[int, Field(ge=1)]


class Header(Published):
    """One header of the record as it came."""

    name: str
    value: Base64 | None


class Sender(Published):
    """What could be read of the envelope: null where that was not possible."""

    id: str | None
    source: str | None
    type: str | None
    subject: str | None


class Rejected(Published):
    """A rejected record."""

    reason: Reason
    message: Annotated[str, Field(min_length=1, description="what to mend")]
    origin: TopicOrigin | FileOrigin
    key: Base64 | None
    raw: Base64
    raw_size: Annotated[int, Field(ge=0, description="bytes of the whole record")]
    sha256: Annotated[str | None, Field(pattern="^[0-9a-f]{64}$", description="of the whole, where raw is cut")]
    headers: list[Header]
    sender: Sender
    rejected_at: Moment


def content_of(raw: bytes, *, cut: bool = False) -> dict[str, Any]:
    """The members `raw`, `raw_size`, `sha256` for a record: whole up to 1 MiB, else its first 64 KiB and digest.

    ``cut``: something else of the record was left out, so that it is not whole, however small its value.
    """
    cut = cut or len(raw) > WHOLE_UP_TO
    return {
        "raw": base64.b64encode(raw[:KEPT_OF_LARGER] if cut else raw).decode("ascii"),
        "raw_size": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest() if cut else None,
    }
