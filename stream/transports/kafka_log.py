"""A log on Kafka, for everything but the workers' hot path: the command line, preparations, looking.

Its consumer leaves out what was not committed; its producer is idempotent and waits for all copies in sync. Topics are
never created here (`kafka_admin`).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from kafka import TopicPartition
from kafka.errors import KafkaError, TopicAuthorizationFailedError

from stream.holding import Holder
from stream.transports.errors import Fenced, LogRefused, UnknownTopic
from stream.transports.kafka_clients import Clients, close, sent
from stream.transports.kafka_connection import Connection
from stream.transports.kafka_errors import translated
from stream.transports.kafka_hold import KafkaHold, holder
from stream.transports.kafka_reader import AT_ONCE, Reader
from stream.transports.logcore import now_ms
from stream.transports.records import Append, Record, partition_for

PATIENCE = 10.0
"""Seconds to wait for an answer; an append is tried again for twice as long."""
ATTEMPTS = 20
HELD_BYTES = 64 << 20
"""Bytes of the newest records of a partition that a scan keeps; beyond that it reads the partition twice."""


class KafkaLog:
    """An append-only log on a Kafka cluster. Thread-safe: one reading and one writing call at a time run on it.

    `group` is the name of the installation's consumer group; transactional ids begin with it.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        group: str = "tierline",
        patience: float = PATIENCE,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        """Makes no connection yet. Raises LogInsecure where a certificate cannot be read."""
        self.name = "kafka://" + ",".join(connection.servers)
        self.group = group
        self.clock = clock
        self._patience = patience
        self.clients = Clients(connection, self.name, patience)
        self._reader = Reader(self.clients, self.name, patience)
        self._writing = threading.RLock()
        self._known: dict[str, int] = {}

    def close(self) -> None:
        """Closes every connection; calling it again does nothing."""
        self.clients.close()

    def __enter__(self) -> Self:
        """The log itself; it closes at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Closes the log."""
        self.close()

    def brokers(self) -> list[int]:
        """The numbers of the brokers that are up."""
        with translated(self.name):
            found = self.clients.ask(lambda admin: admin.describe_cluster())["brokers"]
        return sorted(one["broker_id"] for one in found if not one.get("is_fenced"))

    # Topics

    def topics(self) -> list[str]:
        """The names of all topics that this user may see."""
        return sorted(self._look())

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises UnknownTopic."""
        found = self._known.get(topic) or self._look().get(topic)
        if found is None:
            self.check_seen([topic])
            raise UnknownTopic(
                f"{self.name}: no topic {topic!r}. `tierline topics create` makes those there are to be."
            )
        return found

    def incarnation(self, topic: str) -> str:
        """The topic's id: another one where the topic was deleted and made again. Raises UnknownTopic."""
        self.partitions(topic)
        with translated(self.name):
            [described] = self.clients.ask(lambda admin: admin.describe_topics([topic]))
        return str(described["topic_id"])

    def check_seen(self, topics: list[str]) -> None:
        """Raises LogRefused where this user may not see one of these topics: it may be there, or not."""
        with translated(self.name):
            told = self.clients.ask(lambda admin: admin.describe_topics(topics))
        if hidden := [one["name"] for one in told if one["error_code"] == TopicAuthorizationFailedError.errno]:
            raise LogRefused(
                f"{self.name}: this user may not see topic {min(hidden)!r}, if it is there. Allow it Read on the topics"
                " (Describe, for `tierline topics`): docs/kafka.md has the table of all that is needed."
            )

    def _look(self) -> dict[str, int]:
        with translated(self.name):
            described = self.clients.ask(lambda admin: admin.describe_topics())
        self._known = {one["name"]: len(one["partitions"]) for one in described if not one["error_code"]}
        return self._known

    def _place(self, topic: str, partition: int) -> Any:
        count = self.partitions(topic)
        if not 0 <= partition < count:
            raise UnknownTopic(f"{self.name}: topic {topic!r} has partitions 0 to {count - 1}, not {partition}.")
        return TopicPartition(topic, partition)

    # Writing

    def append(self, records: Sequence[Append]) -> list[int]:
        """Appends the records and gives their offsets; all copies in sync have them when it returns.

        After a LogError some of them may be in the log, or may yet come into it.
        """
        if not records:
            return []
        for record in records:
            self._place(record.topic, record.partition)
        with self._writing, translated(self.name):
            try:
                return sent(self.clients.producer(), records, 3 * self._patience)
            except BaseException:
                self.clients.drop("producer")  # the next begins with a sequence of its own
                raise

    def exclusively(self, name: str, work: Callable[[], Sequence[Append]]) -> list[int]:
        """Appends what `work` gives in one transaction, all of it or nothing, and gives the offsets.

        `work` only reads, and sees all that was appended under the same `name` before. Where another process comes in
        between, this one's transaction is taken back, and `work` is called again. Raises Fenced where that goes on.
        """
        for attempt in range(ATTEMPTS):
            with suppress(Fenced):
                return self._once(f"{self.group}.{name}", work)
            time.sleep(random.uniform(0.05, 0.2) * min(attempt + 1, 5))  # noqa: S311  (so that two do not meet again)
        raise Fenced(f"{self.name}: others came in between {ATTEMPTS} times. Nothing was written; try again later.")

    def _once(self, id_: str, work: Callable[[], Sequence[Append]]) -> list[int]:
        producer = self.clients.transactional(id_)
        try:
            with translated(self.name):
                producer.init_transactions()  # from here on those before us are fenced, and what they did is decided
            appends = work()
            if not appends:
                return []
            for record in appends:
                self._place(record.topic, record.partition)
            return self.in_transaction(producer, appends)
        finally:
            close(producer)

    def in_transaction(
        self, producer: Any, records: Sequence[Append], offsets: dict[str, Any] | None = None, *, timed: bool = False
    ) -> list[int]:
        """Appends records in a transaction of that producer's; `offsets`: what each group is to commit with it.

        `timed`: raises OtherTimes, and nothing was appended, where the records would not keep their times.
        """
        with translated(self.name):
            producer.begin_transaction()
            try:
                found = sent(producer, records, 3 * self._patience, timed=timed)
                for group, committed in (offsets or {}).items():
                    producer.send_offsets_to_transaction(committed, group)
                producer.commit_transaction()
            except BaseException:
                with suppress(KafkaError):
                    producer.abort_transaction()
                raise
            return found

    # Who is at it

    def hold(self, name: str, first: Sequence[Append]) -> KafkaHold:
        """Take hold of `name` and append the first records. Raises Held where another living process has it."""
        return KafkaHold(self, name, first)

    def holder(self, name: str) -> Holder | None:
        """Who has hold of `name`, or ended without releasing it; None where nobody has."""
        return holder(self, name)

    def members(self, group: str) -> list[str]:
        """Who consumes in that group now: its name for itself, and its machine."""
        with translated(self.name):
            found = self.clients.ask(lambda admin: admin.describe_groups([group]))[group]["members"]
        return sorted(f"{one['client_id']} on {one['client_host'].removeprefix('/')}" for one in found)

    # Reading

    def read(
        self, topic: str, partition: int, offset: int, limit: int, *, max_bytes: int | None = None
    ) -> list[Record]:
        """See `Log.read`."""
        self._place(topic, partition)
        with translated(self.name):
            return self._reader.read(topic, partition, offset, limit, max_bytes)

    def begin(self, topic: str, partition: int) -> int:
        """See `Log.begin`; what compaction has taken out at the start is not looked for."""
        place = self._place(topic, partition)
        with translated(self.name):
            return self._reader.begins([place])[place]

    def end(self, topic: str, partition: int) -> int:
        """See `Log.end`: the last stable offset. The markers of transactions have offsets, too."""
        place = self._place(topic, partition)
        with translated(self.name):
            return self._reader.ends([place])[place]

    def last(self, topic: str, partition: int) -> int | None:
        """The offset of the last record there is, or None where there is none."""
        self._place(topic, partition)
        with translated(self.name):
            return self._reader.last(topic, partition)

    def ends(self, topics: Collection[str]) -> dict[tuple[str, int], int]:
        """`end` of every partition of these topics; raises UnknownTopic."""
        places = [TopicPartition(topic, partition) for topic in topics for partition in range(self.partitions(topic))]
        if not places:
            return {}
        with translated(self.name):
            return {(place.topic, place.partition): end for place, end in self._reader.ends(places).items()}

    def position(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that a consumer group reads next, or None where it has not committed yet."""
        place = self._place(topic, partition)
        with translated(self.name):
            found = self.clients.ask(lambda admin: admin.list_group_offsets({group: [place]}))
        return self._committed(found.get(group, {})).get((topic, partition))

    def positions(self, group: str) -> dict[tuple[str, int], int]:
        """Every position of a consumer group, by topic and partition."""
        with translated(self.name):
            found = self.clients.ask(lambda admin: admin.list_group_offsets({group: None}))
        return self._committed(found.get(group, {}))

    @staticmethod
    def _committed(found: dict[Any, Any]) -> dict[tuple[str, int], int]:
        return {(place.topic, place.partition): one.offset for place, one in found.items() if one.offset >= 0}

    # By key: Kafka has no index, so these read a partition from its beginning

    def read_key(self, topic: str, key: bytes, *, partition: int | None = None) -> list[Record]:
        """See `Log.read_key`. Reads the whole partition."""
        at = partition_for(key, self.partitions(topic)) if partition is None else partition
        return [record for record in self._all(topic, at) if record.key == key]

    def last_by_key(self, topic: str, key: bytes) -> Record | None:
        """See `Log.last_by_key`. Reads the whole partition."""
        newest = None
        for record in self._all(topic, partition_for(key, self.partitions(topic))):
            if record.key == key:
                newest = record
        return newest

    def scan_latest(self, topic: str) -> Iterator[Record]:
        """See `Log.scan_latest`; the moment is that at which its partition is come to."""
        for partition in range(self.partitions(topic)):
            newest: dict[bytes, int] = {}
            held: dict[bytes, Record] | None = {}
            size, upto = 0, self.end(topic, partition)
            for record in self._all(topic, partition, upto):
                if record.key is None:
                    continue
                newest[record.key] = record.offset
                if held is not None:
                    held.pop(record.key, None)  # so that the order is that of the newest
                    held[record.key] = record
                    size += len(record.key) + len(record.value or b"")
                    held = held if size < HELD_BYTES else None
            for record in self._all(topic, partition, upto) if held is None else held.values():
                if record.key is not None and record.value is not None and newest.get(record.key) == record.offset:
                    yield record

    def _all(self, topic: str, partition: int, upto: int | None = None) -> Iterator[Record]:
        upto = self.end(topic, partition) if upto is None else upto
        offset = 0
        while offset < upto and (records := self.read(topic, partition, offset, AT_ONCE)):
            offset = records[-1].offset + 1
            yield from (record for record in records if record.offset < upto)
