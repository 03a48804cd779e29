"""Rows made small for memory: accounts are many and alike, and most are seldom heard of.

Packed is what lies in this process's memory and nowhere else: the changelog and the disk have rows as they are. The
dictionary is a handful of the rows themselves, so that what all have in common (members, criteria, words) is held once.
"""

from __future__ import annotations

from threading import Lock

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
        if self._sampled < SAMPLE:
            self._sample.append(row)
            self._sampled += len(row)
            if self._sampled >= SAMPLE:
                self._learn()
            return self._pack.compress(row) if row.startswith(_MAGIC) else row
        return bytes(memoryview(self._pack.compress(row)))  # a copy: what the library gives has room for the worst case

    def _learn(self) -> None:
        words = ZstdCompressionDict(b"".join(self._sample)[-SAMPLE:], dict_type=DICT_TYPE_RAWCONTENT)
        words.precompute_compress(level=LEVEL)
        self._sample = []
        self._pack = ZstdCompressor(level=LEVEL, dict_data=words)
        self._unpack = ZstdDecompressor(dict_data=words)
