"""The smallest whole app on a transport of ours: counts words per key, exactly, across crashes.

Run it: `python -m tests.transports.example_app sqlite:///example.db "" worker --without-web -l info`
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import gettempdir

import faust

from stream.transports.batching import Batch, StaleBatch, batch_topic, output_topic
from stream.transports.kafka_transport import KafkaTransport
from stream.transports.records import Append
from stream.transports.recovery import BatchTableManager

PARTITIONS = 2


def create_app(broker: str, prefix: str = "", *, partitions: int = PARTITIONS) -> faust.App:
    """An app that keeps, per key of `in`, how many records it has seen, and sends each new count to `out`."""
    app = faust.App(
        f"{prefix}example",
        broker=broker,
        env={},
        store="memory://",
        TableManager=BatchTableManager,
        topic_partitions=partitions,
        topic_disable_leader=True,
        stream_wait_empty=True,
        web_enabled=False,
        datadir=Path(gettempdir()) / "tierline-tests",
    )
    source = batch_topic(app, f"{prefix}in", partitions=partitions)
    output_topic(app, f"{prefix}out", partitions=partitions)
    counts = app.Table("counts", key_type=bytes, value_type=bytes, partitions=partitions)

    @app.agent(source)
    async def count(batches: faust.StreamT[Batch]) -> None:
        transport = app.transport
        async for batch in batches:
            fresh: dict[bytes, bytes] = {}
            effects: list[Append] = []
            for record in batch.records:
                key = record.key or b""
                now = int(fresh.get(key) or counts.data.get(key) or b"0") + 1
                fresh[key] = b"%d" % now
                effects.append(Append(f"{prefix}out", batch.tp.partition, key, fresh[key]))
            # One changelog record for each key that changed, in the partition that the input came from.
            changelog = counts.changelog_topic_name
            effects += [Append(changelog, batch.tp.partition, key, value) for key, value in fresh.items()]
            try:
                await transport.commit_batch(effects, batch)
            except StaleBatch:
                continue
            for key, value in fresh.items():
                counts.data[key] = value  # the store itself: `counts[key] = value` would send a changelog record

    app.counts = counts
    return app


if __name__ == "__main__":
    app = create_app(sys.argv.pop(1), sys.argv.pop(1))
    if isinstance(app.transport, KafkaTransport):
        app.transport.instance = "example"  # one that takes the place of one that was killed need not wait
    app.main()
