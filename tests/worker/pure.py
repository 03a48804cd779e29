"""The tier changes that the pure engine gives for what an installation's log holds: no ticks, no batches, no crashes."""

from __future__ import annotations

from typing import Any


from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.values import TierChange
from stream.wire import Incoming, change_document, decode, read_mark

from .processes import Installation, records


def pure_changes(installation: Installation, until: int) -> dict[str, dict[str, Any]]:
    """Change id → document, without ``detected_at``, of everything up to ``until``; live records only."""
    settings = installation.settings
    found: list[TierChange] = []
    with installation.log() as log:
        taken = records(log, settings.topic("signals"))
    for number in range(settings.partitions):
        partition = Partition(Engine(Limits(settings.horizon, settings.remembered)), Memory())
        for record in taken:
            if record.partition != number:
                continue
            mark = read_mark(record.value)
            if mark is None:
                incoming = decode(record.value, record.headers)
                if isinstance(incoming, Incoming) and record.key == incoming.signal.account.encode():
                    found += partition.signal(incoming.signal, record.timestamp_ms).changes
            elif mark.kind == "profile_activated":
                partition.activate(compile_profile(mark.data["profile"]), record.timestamp_ms)
            elif mark.kind == "profile_retired":
                partition.retire(mark.data["profile"], record.timestamp_ms)
        found += partition.advance(until)
    return by_id(change_document(one, source=settings.source, importing=False, detected_at=0) for one in found)


def by_id(documents: Any) -> dict[str, dict[str, Any]]:
    """Change documents by id, without ``detected_at``. Fails where an id is there twice."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        assert document["id"] not in found, f"{document['id']} is there twice"
        found[document["id"]] = {**document, "data": {**document["data"], "detected_at": None}}
    return found
