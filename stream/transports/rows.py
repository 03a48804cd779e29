"""The rows of a table, partition by partition: what is restored from a changelog and written once that is durable.

Faust's own stores keep one mapping for all partitions, and go on holding those that have moved away. Here a partition
is taken up and dropped as a whole, and knows up to where of its changelog it has everything: a kept or standby copy is
brought up to date by the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from itertools import chain, islice
from threading import Lock
from typing import Any, Protocol

from faust.stores.base import Store
from faust.types import TP, CollectionT

from stream.transports.packing import Packing
from stream.transports.records import Record


class RowsClosed(Exception):
    """The partition was given up meanwhile: what is read or written of it here no longer counts."""


class RowsDamaged(Exception):
    """What is kept cannot be read. It is not used any more: the next start reads everything from the changelog."""


class Rows(Protocol):
    """The rows of one partition. Only ``write``, ``restore`` and ``reset`` change them.

    After ``close`` any of it may raise RowsClosed.
    """

    end: int | None
    """The changelog offset up to which everything is in; None before anything is."""

    version: int
    """Grows with every ``restore`` that brought something: what was derived from the rows before is void."""

    def get(self, key: bytes, /) -> bytes | None: ...  # noqa: D102
    def __getitem__(self, key: bytes, /) -> bytes: ...
    def __contains__(self, key: object, /) -> bool: ...
    def __len__(self) -> int: ...
    def items(self) -> Any: ...  # noqa: D102

    def size(self, key: bytes, /) -> int | None:
        """How many bytes a row has; None where there is none."""
        ...

    def write(self, rows: Mapping[bytes, bytes | None], end: int | None) -> None:
        """Takes in what is durable in the changelog (None: delete), which reaches up to ``end`` now."""
        ...

    def restore(self, records: Sequence[Record]) -> None:
        """Takes in records of the changelog."""
        ...

    def reset(self) -> None:
        """Forgets everything: the changelog is not the one that the rows came from."""
        ...

    def close(self) -> None:
        """Gives back what is held in memory; what is on a disk stays."""
        ...


LATELY = 1_000
"""So many rows of a partition, those written last, are not packed: what is written again soon need not have been."""
LARGE = 4_096
"""Bytes of a row that is packed at once: it is a sealed one, and such are seldom written again."""


class MemoryRows:
    """Rows in memory, packed once they have lain a while: a million accounts are less than half as large so."""

    def __init__(self, lately: int = LATELY) -> None:
        self.end: int | None = None
        self.version = 0
        self._most = lately
        self._kept: dict[bytes, bytes] = {}
        self._lately: dict[bytes, None] = {}
        """The keys of rows that are still to be packed, the one written last at the end."""
        self._packing = Packing()
        self._one = Lock()
        """A thread may take in what was recovered while the event loop does something else with the same rows."""

    def get(self, key: bytes) -> bytes | None:
        """See ``Rows``."""
        kept = self._kept.get(key)
        return None if kept is None else self._packing.unpack(kept)

    def size(self, key: bytes) -> int | None:
        """See ``Rows``."""
        kept = self._kept.get(key)
        return None if kept is None else self._packing.size(kept)

    def __getitem__(self, key: bytes) -> bytes:
        return self._packing.unpack(self._kept[key])

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """See ``Rows``."""
        return ((key, self._packing.unpack(kept)) for key, kept in self._kept.items())

    def write(self, rows: Mapping[bytes, bytes | None], end: int | None) -> None:
        """See ``Rows``."""
        with self._one:
            self._write(rows)
            if end is not None:
                self.end = end

    def _write(self, rows: Mapping[bytes, bytes | None]) -> None:
        kept, lately, packing = self._kept, self._lately, self._packing
        for key, value in rows.items():
            lately.pop(key, None)
            if value is None:
                kept.pop(key, None)
            elif len(value) > LARGE or packing.is_packed(value):  # or looks as if it were
                kept[key] = packing.pack(value)
            else:
                kept[key] = value
                lately[key] = None
        if len(lately) > self._most:
            keys = list(islice(lately, len(lately) - self._most))
            kept.update(zip(keys, packing.pack_all([kept[key] for key in keys]), strict=True))
            for key in keys:
                del lately[key]

    def restore(self, records: Sequence[Record]) -> None:
        """See ``Rows``."""
        self.version += 1
        self.write({record.key: record.value for record in records if record.key is not None}, records[-1].offset + 1)

    def reset(self) -> None:
        """See ``Rows``."""
        self.version += 1
        self.close()

    def close(self) -> None:
        """See ``Rows``."""
        with self._one:
            self._kept, self._lately, self._packing = {}, {}, Packing()
            self.end = None


class RowStore(Store, MutableMapping[bytes, bytes]):  # type: ignore[type-arg]
    """Faust's store over the rows of the partitions that this worker has, as owner or standby.

    Faust reads it as one mapping; the agents take a partition's ``rows`` and write those.
    """

    incarnation = ""
    """What tells the changelog from one that had its name before; set before any rows are taken up."""

    def __init__(self, url: Any, app: Any, table: CollectionT, **options: Any) -> None:
        super().__init__(url, app, table, **options)
        self._parts: dict[int, Rows] = {}

    def new_rows(self, partition: int) -> Rows:  # noqa: ARG002  stores with a place on the disk need it
        """Rows for a partition that is taken up."""
        return MemoryRows()

    def rows(self, partition: int) -> Rows:
        """The rows of a partition, taken up if they are not yet."""
        found = self._parts.get(partition)
        if found is None:
            found = self._parts[partition] = self.new_rows(partition)
        return found

    def persisted_offset(self, tp: TP) -> int | None:
        """The last changelog offset that is in, or None."""
        end = self.rows(tp.partition).end
        return None if end is None else end - 1

    def keep_only(self, partitions: set[int]) -> None:
        """Drops the partitions that are no longer here."""
        for partition in self._parts.keys() - partitions:
            self._parts.pop(partition).close()

    def reset_state(self) -> None:
        """Forgets everything."""
        self.keep_only(set())

    def apply_changelog_batch(self, batch: Any, to_key: Any, to_value: Any) -> None:
        """Faust's way of restoring; ours is ``Rows.restore``."""
        raise NotImplementedError

    async def backup_partition(self, *_: Any, **__: Any) -> None:
        """Rows are backed up by their changelog."""
        raise NotImplementedError

    def restore_backup(self, *_: Any, **__: Any) -> None:
        """Rows come back from their changelog."""
        raise NotImplementedError

    def __getitem__(self, key: bytes) -> bytes:
        for part in self._parts.values():
            found = part.get(key)
            if found is not None:
                return found
        raise KeyError(key)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        raise TypeError("a row is written with its partition: rows(partition).write(...)")

    def __delitem__(self, key: bytes) -> None:
        raise TypeError("a row is deleted with its partition: rows(partition).write({key: None}, ...)")

    def __iter__(self) -> Iterator[bytes]:
        return (key for key, _ in chain.from_iterable(part.items() for part in self._parts.values()))

    def __len__(self) -> int:
        return sum(map(len, self._parts.values()))
