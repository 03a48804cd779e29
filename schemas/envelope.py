"""The CloudEvents 1.0 envelope of a signal (SPEC 3.1): what it must carry. ``schemas.reading`` reads it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.members import Identifier, Moment

TYPE_PREFIX = "tierline.signal."
LOG_PREFIX = "tierline.log."  # marks of our own in the log: ticks, profiles, imports (no signals, no account)
MOST_BYTES = 1_048_576  # a record over this is rejected as too_large


class SignalEvent(BaseModel):
    """One signal as it comes over the wire, structured mode. Extension attributes are kept and ignored."""

    model_config = ConfigDict(strict=True, extra="allow")

    specversion: Literal["1.0"]
    id: Identifier
    source: Identifier
    type: Annotated[str, Field(min_length=1, max_length=256)]
    subject: Annotated[str, Field(min_length=1, max_length=4_096, description="the account: domain, URL, e-mail")]
    time: Annotated[Moment, Field(description="occurred_at, with an offset")]
    recordedtime: Annotated[Moment | None, Field(description="record time, read in an import alone")] = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    data: dict[str, Any]
