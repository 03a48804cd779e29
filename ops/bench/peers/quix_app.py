"""Quix Streams, as its guide writes such an app: a stateful function over a topic, its RocksDB state, topics out.

Defaults throughout: changelog topics, a checkpoint every five seconds, at-least-once; with `processing_guarantee` in
the options also exactly-once.
"""

from __future__ import annotations

from typing import Any

from job import Job, read_job
from quixstreams import Application, State, message_context
from scorer import Scorer

from stream.wire import Refusal


def create_app(job: Job) -> Application:
    """The app and its one pipeline."""
    app = Application(
        broker_address=job.servers,
        consumer_group=job.group,
        auto_offset_reset="earliest",
        state_dir=job.folder,
        loglevel="WARNING",
        **job.options,
    )
    raw = {"key_deserializer": "bytes", "value_deserializer": "bytes"}
    out = {"key_serializer": "bytes", "value_serializer": "bytes"}
    scorer = Scorer(job.documents)

    def score(value: bytes, key: bytes, timestamp: int, headers: Any, state: State) -> list[tuple[str, bytes]]:
        del headers
        context = message_context()
        place = (context.topic, context.partition, context.offset)
        incoming = scorer.decode(value)
        if isinstance(incoming, Refusal):
            return [("rejected", scorer.rejection(incoming, value, key, place))]
        scored = scorer.score(scorer.load(state.get_bytes), incoming, timestamp)
        if scored.changed and scored.state is not None:
            for name, row in scorer.dump(scored.state):
                state.set_bytes(name, row)
        results = [("change", change) for change in scored.changes]
        if scored.refusal is not None:
            results.append(("rejected", scorer.rejection(scored.refusal, value, key, place)))
        return results

    results = app.dataframe(app.topic(job.signals, **raw)).apply(score, stateful=True, metadata=True, expand=True)
    changes, rejected = app.topic(job.changes, **out), app.topic(job.rejected, **out)
    results.filter(lambda result: result[0] == "change").apply(lambda result: result[1]).to_topic(changes)
    results.filter(lambda result: result[0] == "rejected").apply(lambda result: result[1]).to_topic(rejected)
    return app


if __name__ == "__main__":
    create_app(read_job()).run()
