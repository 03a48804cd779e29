"""Rows on a local disk (RocksDB), for more accounts than fit into memory, and for starts that read back only the rest.

The changelog stays the truth: rows come here once it has them, a batch with its changelog offset in one write, so that
what is here is always some earlier state of it. A directory that is lost, damaged or too old is read back anew.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DbClosedError,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from stream.transports.errors import LogFull, RowsInUse
from stream.transports.records import Record
from stream.transports.rows import Rows, RowsClosed, RowsDamaged, RowStore

log = logging.getLogger("tierline")

END = b"\xff\xffend"
"""Where the changelog's offset and incarnation are kept; no key of ours begins so."""
DAMAGED = "damaged"
"""A file that marks rows which could not be read."""
OLD = 12 * 3_600.0
"""Seconds after which rows that nobody wrote are read back anew: compaction may have dropped the tombstones meanwhile
(``delete.retention.ms`` is a day)."""
CACHE_BYTES = 16 * 1024 * 1024
"""Of all partitions."""
WRITE_BYTES = 2 * 1024 * 1024
"""Of a partition, before they go to the disk; as much again while they do."""


LOCKED = ("While lock file", "lock hold by current process")
"""What RocksDB says where somebody else has the directory open; of damage it says that a *block* is wrong."""


class RocksRows:
    """The rows of one partition in a directory of their own. Fulfils ``Rows``."""

    def __init__(self, path: Path, cache: Cache, incarnation: str = "") -> None:
        """Rows that come from another changelog than that of this ``incarnation`` are forgotten.

        Raises RowsInUse where another process has the directory.
        """
        self.path = path
        self._incarnation = incarnation
        self.version = 0
        self._options = _options(cache)
        self._lazily = WriteOptions()
        cast(Any, self._lazily).disable_wal = True  # the changelog has it
        self._in_passing = ReadOptions()
        cast(Any, self._in_passing).fill_cache(False)  # who reads everything reads nothing twice
        self._open()
        if self.end is not None and self._of != incarnation:
            log.warning("%s: the rows come from another changelog, and are read anew", path)
            self.reset()
        if self.end is not None and time.time() - self._written > OLD:
            self.reset()

    def _open(self) -> None:
        if (self.path / DAMAGED).exists():
            shutil.rmtree(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        opened: Rdict | None = None
        try:
            self._db = opened = self._rows()
            end = cast("bytes | None", opened.get(END))
        except Exception as error:
            if any(sign in str(error) for sign in LOCKED):
                raise RowsInUse(
                    f"{self.path}: another process keeps its rows there ({error}). Give each worker a TIERLINE_ROWS"
                    " directory of its own."
                ) from error
            if opened is not None:
                opened.close()
            shutil.rmtree(self.path)  # damaged: everything is in the changelog
            self.path.mkdir(parents=True)
            self._db = self._rows()
            end = None
        self.end: int | None = None
        self._written, self._of = 0.0, ""
        if end is not None:
            offset, written, *of = end.decode().split()
            self.end, self._written, self._of = int(offset), float(written), "".join(of)

    def _rows(self) -> Rdict:
        # Told once only, the options would not hold where there are rows: those of before would, and a cache apart.
        return Rdict(str(self.path), self._options, {"default": self._options})

    def get(self, key: bytes, /) -> bytes | None:
        """See ``Rows``."""
        try:
            return cast("bytes | None", self._db.get(key))
        except Exception as error:
            raise self._failed(error) from error

    def size(self, key: bytes, /) -> int | None:
        """See ``Rows``."""
        found = self.get(key)
        return None if found is None else len(found)

    def __getitem__(self, key: bytes) -> bytes:
        found = self.get(key)
        if found is None:
            raise KeyError(key)
        return found

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and self.get(key) is not None

    def __len__(self) -> int:
        return sum(1 for _ in self.items())

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Every row, read from the disk as asked for. Raises RowsDamaged, RowsClosed."""
        try:
            found = cast(Any, self._db.iter(self._in_passing))
            found.seek_to_first()
            while found.valid():
                key: bytes = found.key()
                if key != END:
                    yield key, found.value()
                found.next()
            found.status()  # it also ends, in silence, at what cannot be read
        except Exception as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> Exception:
        """What a failure to read means. A damaged directory is marked, so that it is not used again."""
        if isinstance(error, DbClosedError):
            return RowsClosed(self.path)
        with suppress(OSError):
            (self.path / DAMAGED).touch()
        return RowsDamaged(
            f"{self.path}: the kept rows cannot be read ({error}). The next start reads them from the changelog; look"
            " at this disk."
        )

    def write(self, rows: Mapping[bytes, bytes | None], end: int | None) -> None:
        """See ``Rows``. Raises LogFull."""
        batch = WriteBatch(raw_mode=True)
        for key, value in rows.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        if end is not None:
            self.end = end
            batch.put(END, f"{end} {time.time()} {self._incarnation}".encode())
        try:
            self._db.write(batch, self._lazily)
        except DbClosedError as error:
            raise RowsClosed(self.path) from error
        except Exception as error:
            raise LogFull(f"{self.path}: rows cannot be written ({error}). Free space on this volume.") from error

    def restore(self, records: Sequence[Record]) -> None:
        """See ``Rows``."""
        self.version += 1
        self.write({record.key: record.value for record in records if record.key is not None}, records[-1].offset + 1)

    def reset(self) -> None:
        """See ``Rows``."""
        self.version += 1
        self._db.close()
        shutil.rmtree(self.path)
        self._open()

    def close(self) -> None:
        """See ``Rows``."""
        with suppress(Exception):  # a full disk: what is not on it comes from the changelog
            self._db.flush()
        self._db.close()


class RocksStore(RowStore):
    """Keeps each partition's rows in a directory below the table's option ``path``."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._cache = Cache(CACHE_BYTES)

    def new_rows(self, partition: int) -> Rows:
        """The rows of a partition, as they were left."""
        path: Path = (self.options or {})["path"]
        return RocksRows(path / str(partition), self._cache, self.incarnation)

    async def on_stop(self) -> None:
        """Leaves everything on the disk."""
        self.keep_only(set())


def _options(cache: Cache) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(WRITE_BYTES)
    options.set_max_write_buffer_number(2)
    options.set_compression_type(DBCompressionType.lz4())
    options.set_keep_log_file_num(2)
    options.set_max_open_files(64)
    blocks = BlockBasedOptions()
    blocks.set_block_cache(cache)
    blocks.set_bloom_filter(10, False)
    options.set_block_based_table_factory(blocks)
    return options
