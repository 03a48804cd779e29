"""What every transport of ours shares: agents are handed whole fetched batches, and settle them themselves.

Faust's own consumer makes two tasks and a wait for each record. Here one Faust message carries all that was fetched
of a partition, so Faust's agents, tables, assignment and recovery stay, and the cost is by the batch. The rules:

- A topic is read in batches if it is a `BatchTopic`; any other is delivered record by record, as Faust does.
- A batch is settled by `commit_batch` or `ack`, once its effects are safe, and by nothing else: neither the end of the
  loop body nor an exception acknowledges it. An agent that leaves one unsettled stops the worker.
- What may be committed is the end of the unbroken run of settled messages, in the order they were delivered. Faust's
  own rule takes offsets that are missing from the log for lost acknowledgements, and is off by one where it counts.
- At most `limits.in_flight` unsettled batches a partition: that is the back-pressure.
"""



from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, Protocol, cast

import faust
from faust.transport.conductor import Conductor
from faust.types import TP, EventT, TopicT
from faust.types.tuples import ConsumerMessage, Message

from stream.transports.records import Append, Record


class BatchLimits(NamedTuple):
    """How much is handed over at once."""

    records: int = 4_096
    bytes: int = 4 * 1024 * 1024
    """Keys, values and headers together; the record that passes it still belongs to the batch."""
    in_flight: int = 2
    """Unsettled batches a partition before it is no longer read."""


class Batch:
    """Consecutive records of one partition, as an agent gets them.

    Offsets may have holes (compaction, retention); `start` is the first record's, `end` the one after the last.
    """

    __slots__ = ("__weakref__", "end", "message", "records", "start", "tp")

    def __init__(self, tp: TP, records: Sequence[Record]) -> None:
        self.tp = tp
        self.records = records
        self.start = records[0].offset
        self.end = records[-1].offset + 1
        self.message: Message

    def __len__(self) -> int:
        return len(self.records)

    def __repr__(self) -> str:
        return f"<Batch {self.tp.topic}/{self.tp.partition} {self.start}..{self.end - 1} of {len(self.records)}>"


def message_of(batch: Batch, generation: int) -> ConsumerMessage:
    """The one Faust message that carries a batch."""
    last = batch.records[-1]
    message = ConsumerMessage(
        *batch.tp, last.offset, last.timestamp_ms / 1000, 1, None, None, cast("Any", batch), None, 0, 0, batch.tp,
        generation_id=generation,
    )  # fmt: skip
    # Ours, beside one reference a channel: so neither the loop's end nor an exception acknowledges the batch.
    message.refcount = 1
    batch.message = message
    return message


class StaleBatch(Exception):
    """The batch is no longer this worker's to settle: its partition was revoked, or read anew from the position.

    Nothing was written for it. Drop it: it is, or will be, delivered again to whoever should have it.
    """


class BatchAbandoned(Exception):
    """An agent went on, or failed, without settling a batch. The worker stops; the batch comes again at its restart."""


class CommitsBatches(Protocol):
    """The contract of `app.transport` for agents. Every transport of ours fulfils it."""

    limits: BatchLimits
    outputs: list[faust.Topic]

    async def commit_batch(self, appends: Sequence[Append], batch: Batch, *, follows: bool = False) -> list[int]:
        """Makes the effects of a batch durable, moves the group's position past it, and settles it.

        ``follows``: ``appends`` say themselves up to where the partition is applied. Then the position may come within
        the commit interval, as after `ack`; should the batch come again, it is the caller's to leave it out.

        Called by the agent that got the batch, on the event loop, at most once at a time for a partition and in the
        order of the batches. Waits for the disk or the broker; the event loop goes on meanwhile.

        On return all of `appends` are acknowledged and the position is behind the batch, unless it ``follows``. It is
        one transaction, on the embedded log as on Kafka: after a crash all of it is there, or nothing. Give outputs
        first, then changelog records, and put into local tables only after the return.

        Returns the offsets of `appends`. Raises StaleBatch (drop the batch and go on), or the transport's error (for
        the embedded log a LogError, such as LogFull): then the batch is still open, nothing of it is visible on the
        embedded log, and the same call may be made again after a pause. ValueError: an earlier batch of the partition
        is still open.
        """
        ...

    async def append(self, appends: Sequence[Append]) -> list[int]:
        """Appends records outside any batch; on return they are durable. Any task may call it. Raises as above."""
        ...

    async def append_for(self, tp: TP, appends: Sequence[Append]) -> list[int]:
        """Appends what came of a partition of ours between batches, all or nothing, unless somebody else has it by now.

        Raises as `commit_batch`: StaleBatch means that nothing was written, and that what is known of the partition's
        state is not what is stored.
        """
        ...

    def ack(self, batch: Batch) -> None:
        """Settles a batch whose effects need no transaction; its position is committed within the commit interval.

        Never blocks. After a crash the batch may come again. Raises StaleBatch.
        """
        ...

    def lock_worker(self) -> None:
        """Makes sure that this process may run on the log. Raises WorkerRunning. On Kafka any number may."""
        ...

    def unlock_worker(self) -> None:
        """Lets the next worker in."""
        ...

    def close(self) -> None:
        """Closes what no service of Faust closes."""
        ...

    def partition_for(self, topic: str, key: bytes | None) -> int:
        """The partition that `key` has in `topic`, which must exist. Never blocks for long."""
        ...


class BatchTopic(faust.Topic):
    """A topic whose agents get `Batch`es; Faust never looks into them."""

    reads_batches: ClassVar[bool] = True

    def _compile_decode(self) -> None:
        app = self.app

        # Faust passes `propagate`; nothing here can fail to decode.
        async def decode(message: Message, *, propagate: bool = False) -> EventT[Any]:  # noqa: ARG001
            return app.create_event(None, cast("Any", message.value), None, message)

        # Faust assigns the compiled function over the method, too.
        self.decode = decode  # type: ignore[method-assign]


class BatchingConductor(Conductor):
    """Knows which topics are read in batches."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        super().__init__(app, **kwargs)
        self.batched: set[str] = set()
        self._plain: set[str] = set()

    def add(self, topic: TopicT) -> None:
        """Registers a topic; raises ValueError if one agent wants its batches and another its single records."""
        mine, other = (
            (self.batched, self._plain) if getattr(topic, "reads_batches", False) else (self._plain, self.batched)
        )
        mixed = other.intersection(topic.topics)
        if mixed:
            raise ValueError(
                f"{sorted(mixed)} cannot be read both in batches and record by record: use BatchTopic for both."
            )
        mine.update(topic.topics)
        super().add(topic)


def batch_topic(app: faust.App, name: str, *, partitions: int, **options: Any) -> BatchTopic:
    """The topic `name`, read in batches; created with so many partitions where it does not exist.

    `options` are those of `faust.Topic`, such as `retention` (seconds) and `compacting`.
    """
    return BatchTopic(app, topics=[name], partitions=partitions, **options)


def output_topic(app: faust.App, name: str, *, partitions: int, **options: Any) -> faust.Topic:
    """The topic `name`, which agents append to; created before the first batch where it does not exist.

    Faust itself creates only what is read, and runs `@app.task` when agents are at work already.
    """
    topic = faust.Topic(app, topics=[name], partitions=partitions, **options)
    cast("CommitsBatches", app.transport).outputs.append(topic)
    return topic
