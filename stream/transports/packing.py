"""Rows made small for memory: accounts are many and alike, and most are seldom heard of.

Packed is what lies in this process's memory and nowhere else: the changelog and the disk have rows as they are. The
dictionary is a handful of the rows themselves, so that what all have in common (members, criteria, words) is held once.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from zstandard import (
    DICT_TYPE_RAWCONTENT,
    MAGIC_NUMBER,
    ZstdCompressionDict,
    ZstdCompressor,
    ZstdDecompressor,
    frame_content_size,
)

SAMPLE = 16_384
"""Bytes of rows in the dictionary."""
LEVEL = -1
"""Twice as quick as 1, for a tenth more bytes."""
SMALL = 128
"""Bytes below which a row is left as it is."""

_MAGIC = MAGIC_NUMBER.to_bytes(4, "little")
"""How packed rows begin. A row that begins so itself is always packed."""


class Packing:
    """Packs the rows of one partition; those that come before the dictionary is full stay as they are."""

    def __init__(self) -> None:
        self._sample: list[bytes] = []
        self._sampled = 0
        self._pack = ZstdCompressor(level=LEVEL)
        self._unpack = ZstdDecompressor()
        self._one = Lock()
        """The library lets other threads run meanwhile, and must not be called by two: rows may be read in a thread."""

    def pack(self, row: bytes) -> bytes:
        """The row as it is to be kept."""
        with self._one:
            return self._packed(row)

    def pack_all(self, rows: Sequence[bytes]) -> list[bytes]:
        """The same of many, in two thirds of the time."""
        with self._one:
            found = list[bytes]()
            for at, row in enumerate(rows):
                if self._learned:
                    return found + self._all_packed(rows[at:])
                found.append(self._packed(row))
            return found

    def unpack(self, kept: bytes) -> bytes:
        """The row that ``pack`` was given."""
        if not kept.startswith(_MAGIC):
            return kept
        with self._one:
            return self._unpack.decompress(kept)

    @staticmethod
    def size(kept: bytes) -> int:
        """How many bytes the row has: it need not be unpacked for that."""
        return frame_content_size(kept) if kept.startswith(_MAGIC) else len(kept)

    @staticmethod
    def is_packed(kept: bytes) -> bool:
        """Whether it is a row that was packed, or one that begins like such."""
        return kept.startswith(_MAGIC)

    def _packed(self, row: bytes) -> bytes:
        if len(row) < SMALL:
            return self._pack.compress(row) if row.startswith(_MAGIC) else row
        if not self._learned:
            self._sample.append(row)
            self._sampled += len(row)
            if self._learned:
                self._learn()
            return self._pack.compress(row) if row.startswith(_MAGIC) else row
        return bytes(memoryview(self._pack.compress(row)))  # a copy: what the library gives has room for the worst case

    def _all_packed(self, rows: Sequence[bytes]) -> list[bytes]:
        found = list(rows)
        large = [at for at, row in enumerate(rows) if len(row) >= SMALL or row.startswith(_MAGIC)]
        if large:
            packed: Any = self._pack.multi_compress_to_buffer([rows[at] for at in large])
            for at, one in zip(large, packed, strict=True):
                found[at] = one.tobytes()
        return found

    @property
    def _learned(self) -> bool:
        return self._sampled >= SAMPLE

    def _learn(self) -> None:
        words = ZstdCompressionDict(b"".join(self._sample)[-SAMPLE:], dict_type=DICT_TYPE_RAWCONTENT)
        words.precompute_compress(level=LEVEL)
        self._sample = []
        self._pack = ZstdCompressor(level=LEVEL, dict_data=words)
        self._unpack = ZstdDecompressor(dict_data=words)
