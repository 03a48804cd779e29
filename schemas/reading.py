"""Reading a signal's envelope (SPEC 3.1) on the hot path; ``schemas.envelope`` has the contract itself."""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from pydantic import ValidationError

from schemas.envelope import TYPE_PREFIX, SignalEvent
from schemas.faults import BadEnvelope, UnknownType, quote, render
from schemas.signals import DATA_MODELS
from schemas.times import parse_time
from schemas.validation import validate_data

SOURCES = 1_000
"""Names of sources that are shared at most; anybody can make up new ones."""
_SOURCES: dict[str, str] = {}


class Envelope(NamedTuple):
    """A validated envelope. `time` and `recorded` are epoch milliseconds; `data` is still as it came."""

    id: str
    source: str
    suffix: str
    version: int
    subject: str
    time: int
    recorded: int | None
    data: dict[str, Any]


def split_type(text: str) -> tuple[str, int]:
    """(suffix, version) of `tierline.signal.funding_round.v1`; no version is 1. Raises UnknownType."""
    suffix = text.removeprefix(TYPE_PREFIX)
    if suffix == text:
        raise UnknownType(f"type {quote(text)} is no signal (write {TYPE_PREFIX}<type>, as {TYPE_PREFIX}funding_round)")
    name, dot, version = suffix.rpartition(".v")
    if dot and version.isascii() and version.isdecimal() and len(version) < 7 and version[0] != "0":
        return name, int(version)
    return suffix, 1


_TYPES = {TYPE_PREFIX + suffix: (suffix, version) for suffix, version in DATA_MODELS if version == 1}
_TYPES |= {f"{TYPE_PREFIX}{suffix}.v{version}": (suffix, version) for suffix, version in DATA_MODELS}


def read_envelope(document: object) -> Envelope:
    """The envelope of a decoded JSON document (structured mode; of binary mode, what the headers and value make).

    Raises BadEnvelope (what is missing or bad, how to mend it) or UnknownType (no signal at all).
    """
    return Envelope(*parts_of(document))


def read_signal(document: object) -> Envelope:
    """`read_envelope`, with `data` validated and normalised by its type's contract. Raises any ContractError."""
    identity, source, suffix, version, subject, time, recorded, data = parts_of(document)
    return Envelope(identity, source, suffix, version, subject, time, recorded, validate_data(suffix, version, data))


def parts_of(document: object) -> tuple[str, str, str, int, str, int, int | None, dict[str, Any]]:
    """`read_envelope` for the hot path: the members of an Envelope, in their order, without one. Raises the same."""
    if not isinstance(document, dict):
        raise BadEnvelope(f"{quote(document)} is not a CloudEvent (write one JSON object a record)")
    get = document.get
    identity, source, kind, subject, data = get("id"), get("source"), get("type"), get("subject"), get("data")
    # the common case by hand, at a fifth of the cost; whatever is odd goes the long way, which has the words for it
    if not (
        get("specversion") == "1.0"
        and type(identity) is str and 0 < len(identity) <= 512 and not identity.isspace()
        and type(source) is str and 0 < len(source) <= 512 and not source.isspace()
        and type(kind) is str and 0 < len(kind) <= 256
        and type(subject) is str and 0 < len(subject) <= 4_096
        and type(data) is dict
    ):  # fmt: skip
        _complain(document)
    try:
        time = parse_time(get("time"))
        recorded = get("recordedtime")
        if recorded is not None:
            recorded = parse_time(recorded)
    except ValueError:
        _complain(document)
    parts = _TYPES.get(kind)
    if parts is None:
        parts = split_type(kind)
    return identity, _shared(source), *parts, subject, time, recorded, data


def _shared(source: str) -> str:
    """One string for all that comes from a source: accounts remember it with each signal."""
    if len(_SOURCES) == SOURCES:
        _SOURCES.clear()
    return _SOURCES.setdefault(source, source)


def _complain(document: dict[str, Any]) -> NoReturn:
    """Raise BadEnvelope with the reasons."""
    if "data_base64" in document and "data" not in document:
        raise BadEnvelope("bad envelope data: is missing, and data_base64 is not read (send data as a JSON object)")
    try:
        SignalEvent.model_validate(document)
    except ValidationError as error:
        raise BadEnvelope(render(error.errors(include_url=False), "", "bad envelope attribute")) from None
    raise BadEnvelope("the envelope is not a CloudEvent 1.0 (see the published schema signal)")
