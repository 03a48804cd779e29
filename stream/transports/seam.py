"""What the rest of the program asks of a log, whether it is a file or Kafka."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Protocol, Self

from stream.holding import Holder
from stream.transports.records import Append, Record


class Hold(Protocol):
    """What one process at a time does on a log, such as an import."""

    takes_over: bool
    """Whether the one before ended without releasing it."""

    def append(self, records: Sequence[Append], /) -> list[int]:
        """As `Log.append`. Raises Fenced where another process has taken over; then nothing was appended."""

    def release(self, last: Sequence[Append], /) -> None:
        """Appends the last records and lets go, also where that fails; calling it again does nothing."""

    def abandon(self) -> None:
        """Lets go as if this process had died: what it was at is not done, and the next one takes over."""


class Log(Protocol):
    """An append-only log of topics and partitions. Every method raises LogErrors; all may be called from any thread."""

    @property
    def name(self) -> str:
        """Where the log is, for messages."""

    def clock(self) -> int:
        """The time of this machine, milliseconds since the epoch."""

    def close(self) -> None:
        """Lets go of files and connections; calling it again does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def topics(self) -> Iterable[str]:
        """The names of all topics."""

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; raises UnknownTopic."""

    def incarnation(self, topic: str) -> str:
        """What tells this topic from another of its name, earlier or elsewhere; raises UnknownTopic."""

    def append(self, records: Sequence[Append], /) -> list[int]:
        """Appends records and gives their offsets; all are durable when it returns."""

    def exclusively(self, name: str, work: Callable[[], Sequence[Append]], /) -> list[int]:
        """Appends what `work` gives, all of it or nothing, and gives the offsets.

        Of all processes that use the same `name`, none appends between what `work` reads and this append. `work` only
        reads; it may be called again where another process was in between.
        """

    def hold(self, name: str, first: Sequence[Append], /) -> Hold:
        """Take hold of `name` and append the first records. Raises Held where another living process has it."""

    def holder(self, name: str, /) -> Holder | None:
        """Who has hold of `name`, or ended without releasing it; None where nobody has."""

    def members(self, group: str, /) -> list[str]:
        """Who consumes in that group now, each in words."""

    def read(
        self, topic: str, partition: int, offset: int, limit: int, *, max_bytes: int | None = None
    ) -> list[Record]:
        """Up to `limit` records from `offset` on, in order; stops after the record that passes `max_bytes`.

        Empty only where there is no further record as yet. Offsets may have holes.
        """

    def begin(self, topic: str, partition: int) -> int:
        """The offset of the first record there is, or `end` where there is none."""

    def end(self, topic: str, partition: int) -> int:
        """The offset up to which there is something to read. It may lie past the last record's next offset."""

    def last(self, topic: str, partition: int) -> int | None:
        """The offset of the last record there is, or None where there is none."""

    def ends(self, topics: Collection[str]) -> dict[tuple[str, int], int]:
        """`end` of every partition of these topics; raises UnknownTopic."""

    def position(self, group: str, topic: str, partition: int) -> int | None:
        """The offset that a consumer group reads next, or None where it has not committed yet."""

    def positions(self, group: str) -> dict[tuple[str, int], int]:
        """Every position of a consumer group, by topic and partition."""

    def read_key(self, topic: str, key: bytes, *, partition: int | None = None) -> list[Record]:
        """Every record of a key there still is, newest last, from the partition that the key belongs to.

        `partition` names another one to look in, for records that were appended elsewhere.
        """

    def last_by_key(self, topic: str, key: bytes) -> Record | None:
        """The newest record of a key (its value None: a tombstone), or None where there is none."""

    def scan_latest(self, topic: str) -> Iterator[Record]:
        """The newest record of each key, tombstones left out, as of the moment the first one is asked for."""
