"""What `send` reads and what it cannot use: inputs of every format, and the desk where bad lines are reported."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import click
import orjson

from schemas.envelope import MOST_BYTES
from stream.cli.lines import Broken, LongLine, Piece, lines_of, lines_of_pipe
from stream.cli.tables import clean, console, fail, many
from stream.rejecting import rejected_document
from stream.sources.formats import FORMATS, Format, detect
from stream.sources.report import Report
from stream.wire import Refusal

SHOWN = 20
"""Bad lines told of one by one; the rest are counted."""
KEPT = 200
"""Bad lines in a JSON summary."""
STDIN = Path("-")


class Desk:
    """Where bad lines are brought: shown, counted, and written to a file where one was asked for."""

    def __init__(self, rejects: Path | None, *, quiet: bool) -> None:
        self.count = 0
        self.kept: list[dict[str, Any]] = []
        self.sent: Counter[str] = Counter()
        self.console = console(err=True)
        self._quiet = quiet
        self._path = rejects
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        if self._path is not None:
            try:
                self._file = self._path.open("wb")
            except OSError as error:
                fail(f"--rejects {self._path}: cannot be written: {error.strerror}. Name another file.")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def refuse(self, file: str, line: int, raw: bytes | LongLine, refusal: Refusal) -> None:
        """A line that cannot be used; ``line`` 0 is the input as a whole."""
        self.count += 1
        if len(self.kept) < KEPT:
            self.kept.append({"file": file, "line": line, "reason": refusal.reason, "message": refusal.message})
        if not self._quiet and self.count <= SHOWN:
            place = f"{file}:{line}" if line else file
            self.console.print(clean(f"{place}: {refusal.message}"), soft_wrap=True)
        if self._file is not None:
            kept = raw.kept if isinstance(raw, LongLine) else raw
            document = rejected_document(
                refusal,
                raw=kept,
                key=None,
                headers=(),
                origin={"file": file, "line": max(line, 1)},
                rejected_at=time.time_ns() // 1_000_000,
            )
            if isinstance(raw, LongLine):
                document |= {"raw_size": raw.size, "sha256": raw.sha256}
            self._file.write(orjson.dumps(document) + b"\n")

    def sum_up(self) -> None:
        """One sentence at the end, where there were bad lines."""
        if not self.count:
            return
        words = f"{many(self.count, 'line')} could not be used"
        words += f" (the first {SHOWN} are shown)." if self.count > SHOWN else "."
        if self._path is not None:
            words += f" {'It is' if self.count == 1 else 'They are'} in {self._path}."
        elif self.count > SHOWN:
            words += " To have them all, add --rejects FILE."
        words += f" Mend {'it' if self.count == 1 else 'them'} and send the input again: what was sent counts once."
        self.console.print(words, soft_wrap=True)


class _Report(Report):
    """A converter's report that brings its bad lines to the desk at once."""

    desk: Desk

    def bad_line(self, file: str, line: int, message: str) -> None:
        """See Report."""
        super().bad_line(file, line, message)
        self.desk.refuse(file, line, b"", Refusal("bad_envelope", message))


@dataclass(slots=True)
class Input:
    """One path, and the format it is in."""

    path: Path
    format: Format
    options: dict[str, Path] = field(default_factory=dict)
    report: Report = field(default_factory=Report)
    done: int = 0
    """Bytes read of a file, for a progress bar."""

    @property
    def name(self) -> str:
        """As its user calls it."""
        return "standard input" if self.path == STDIN else str(self.path)

    @property
    def size(self) -> int | None:
        """Bytes of a plain file; ``None`` where they say nothing about how much there is to do."""
        if self.format.name != "jsonl" or self.path == STDIN or self.path.suffix == ".gz":
            return None
        return self.path.stat().st_size or None

    def records(self, desk: Desk) -> Iterator[tuple[int, bytes | None]]:
        """(line, record) of everything that might be a signal; ``None`` where a pipe pauses."""
        return self._lines(desk) if self.format.name == "jsonl" else self._converted(desk)

    def told(self) -> list[str]:
        """What its converter reports, for people."""
        if self.format.name in {"jsonl", "csv"}:
            return []
        return [clean(line) for line in self.report.lines() if not line.startswith("Bad lines")]

    def _lines(self, desk: Desk) -> Iterator[tuple[int, bytes | None]]:
        for number, piece in self._pieces():
            if piece is None:
                yield number, None
            elif isinstance(piece, Broken):
                desk.refuse(self.name, number, b"", Refusal("not_json", piece.message))
            elif isinstance(piece, LongLine):
                self.done += piece.size
                message = (
                    f"the line has {piece.size:,} bytes, over {MOST_BYTES:,}; send what is needed, one record a line"
                )
                desk.refuse(self.name, number, piece, Refusal("too_large", message))
            else:
                self.done += len(piece) + 1
                if piece.strip():
                    yield number, piece

    def _pieces(self) -> Iterator[Piece]:
        if self.path == STDIN:
            return lines_of_pipe(click.get_binary_stream("stdin"))
        return lines_of(self.path)

    def _converted(self, desk: Desk) -> Iterator[tuple[int, bytes | None]]:
        report = _Report()
        report.desk = desk
        self.report = report
        path = Path("/dev/stdin") if self.path == STDIN else self.path
        for record in self.format.convert(path, report=report, **self.options):
            yield report.line, orjson.dumps(record)


def inputs_of(paths: tuple[Path, ...], named: str | None, domains: Path | None, *, importing: bool) -> list[Input]:
    """The inputs in the order given, each with its format. Raises click's errors, which say what to do."""
    if paths.count(STDIN) > 1:
        raise click.UsageError("- (standard input) can be read once only.")
    found = []
    for path in paths:
        format_ = FORMATS[named] if named is not None else _format_of(path)
        if path.is_dir() and format_.name in {"jsonl", "csv"}:
            raise click.UsageError(f"{path} is a folder; {format_.name} reads files. Name the files in it.")
        if format_.history and not importing:
            raise click.UsageError(
                f"{path}: {format_.name} is history. Add --import, so that it counts as of when it happened and nobody"
                " is alerted of the past."
            )
        options: dict[str, Path] = {}
        if domains is not None and "domains" in format_.options:
            options["domains"] = domains
        found.append(Input(path, format_, options))
    if domains is not None and not any(one.options for one in found):
        raise click.UsageError("--domains is for edgar-filings; none of the input is that.")
    return found


def _format_of(path: Path) -> Format:
    if path == STDIN:
        return FORMATS["jsonl"]
    found = detect(path)
    if found is not None:
        return found
    known = "\n".join(f"  {one.name:<14} {one.reads}" for one in FORMATS.values())
    if path.is_dir():
        raise click.UsageError(f"{path}: nothing in this folder is known. Name the files in it, or --format:\n{known}")
    try:
        with path.open("rb") as file:
            start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    except OSError as error:
        fail(f"{path}: cannot be read: {error.strerror}.")
    if not start or start.startswith(b"{"):
        return FORMATS["jsonl"]
    raise click.UsageError(f"{path}: neither its name nor its content tells what it is. Use --format:\n{known}")
