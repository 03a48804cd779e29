"""What the pure engine makes of an installation's log: no ticks, no batches, no crashes."""

from __future__ import annotations

from typing import Any

from schemas.times import parse_time
from stream.scoring.engine import Engine, Limits
from stream.scoring.partition import Memory, Partition
from stream.scoring.profile import compile_profile
from stream.scoring.publish import standing
from stream.scoring.values import TierChange
from stream.wire import Incoming, change_document, decode, read_mark, scored_document

from .processes import Installation, records


def pure_partitions(installation: Installation) -> tuple[list[Partition], list[TierChange]]:
    """Every partition after all records of ``signals`` but the ticks, and the changes on the way; live records only."""
    settings = installation.settings
    found: list[TierChange] = []
    partitions = []
    with installation.log() as log:
        taken = records(log, settings.topic("signals"))
    for number in range(settings.partitions):
        partition = Partition(Engine(Limits(settings.horizon, settings.remembered)), Memory())
        partitions.append(partition)
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
    return partitions, found


def pure_changes(installation: Installation, until: int) -> dict[str, dict[str, Any]]:
    """Change id → document, without ``detected_at``, of everything up to ``until``; live records only."""
    partitions, found = pure_partitions(installation)
    for partition in partitions:
        found += partition.advance(until)
    source = installation.settings.source
    return by_id(change_document(one, source=source, importing=False, detected_at=0) for one in found)


def pure_score(installation: Installation, published: dict[str, Any]) -> dict[str, Any]:
    """The document of ``account-scores`` that should stand where ``published`` does, as of the same moment."""
    as_of = parse_time(published["time"])
    for partition in pure_partitions(installation)[0]:
        state = partition.accounts.get(published["subject"])
        if state is not None:
            partition.advance(as_of)
            places = [standing(state, place, as_of) for place in state.places.values()]
            return scored_document(state, places, source=installation.settings.source, as_of=as_of)
    raise AssertionError(f"no such account: {published['subject']}")


def by_id(documents: Any) -> dict[str, dict[str, Any]]:
    """Change documents by id, without ``detected_at``. Fails where an id is there twice."""
    found: dict[str, dict[str, Any]] = {}
    for document in documents:
        assert document["id"] not in found, f"{document['id']} is there twice"
        found[document["id"]] = {**document, "data": {**document["data"], "detected_at": None}}
    return found
