"""Lines of a file or of standard input, bounded in length, with a word when the sender of a pipe pauses.

A line over 1 MiB is never held: its beginning is kept, the rest only counted and hashed.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import select
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from schemas.envelope import MOST_BYTES
from schemas.rejected import KEPT_OF_LARGER
from stream.sources.readers import open_binary

PAUSE = 0.5
"""Seconds without input after which a pipe counts as pausing, so that what it sent goes into the log."""
_READ = 65_536
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line too long to be a record: its beginning, its whole size in bytes, and the SHA-256 of the whole."""

    kept: bytes
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Broken:
    """The input ends here before its end; why."""

    message: str


Piece = tuple[int, bytes | LongLine | Broken | None]
"""A line's number, from 1, and the line without its end. ``None``: nothing came for a while."""


def lines_of(path: Path) -> Iterator[Piece]:
    """The lines of a file, unpacked where its name ends in ``.gz``. Raises OSError where it cannot be opened."""
    with open_binary(path) as file:
        yield from _split(lambda: file.read(_READ))


def lines_of_pipe(pipe: IO[bytes]) -> Iterator[Piece]:
    """The lines of standard input as they come."""
    try:
        number = pipe.fileno()
    except OSError:  # no real file, as in tests
        yield from _split(lambda: pipe.read(_READ))
        return

    def read() -> bytes | None:
        if not select.select([number], [], [], PAUSE)[0]:
            return None
        return os.read(number, _READ)

    yield from _split(read)


def _split(read: Callable[[], bytes | None]) -> Iterator[Piece]:
    number, line = 1, _Line()
    while True:
        try:
            block = read()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            yield number, Broken(f"the compressed file is broken here, the rest is lost: {error}")
            return
        except OSError as error:
            yield number, Broken(f"cannot be read any further: {error.strerror or error}")
            return
        if block is None:
            yield number, None
            continue
        if not block:
            break
        *ended, rest = block.split(b"\n")
        for part in ended:
            line.add(part)
            yield number, line.take(first=number == 1)
            number += 1
        line.add(rest)
    if line.size:
        yield number, line.take(first=number == 1)


class _Line:
    """A line as it grows, at most a record long."""

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.size = 0
        self._parts: list[bytes] = []
        self._digest: hashlib._Hash | None = None

    def add(self, part: bytes) -> None:
        if not part:
            return
        self.size += len(part)
        if self._digest is not None:
            self._digest.update(part)
            return
        self._parts.append(part)
        if self.size > MOST_BYTES:
            whole = b"".join(self._parts)
            self._digest = hashlib.sha256(whole)
            self._parts = [whole[:KEPT_OF_LARGER]]

    def take(self, *, first: bool) -> bytes | LongLine:
        whole = b"".join(self._parts)
        digest, size = self._digest, self.size
        self._clear()
        if digest is not None:
            return LongLine(whole, size, digest.hexdigest())
        whole = whole.rstrip(b"\r")
        return whole.removeprefix(_BOM) if first else whole
