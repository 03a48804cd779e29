"""The formats `tierline send --format` and `demo --data` know, and how a path tells which one it is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stream.sources import bombora, csvfile, jsonl
from stream.sources.edgar import convert as edgar
from stream.sources.yc import convert as yc

if TYPE_CHECKING:
    from pathlib import Path

    from stream.sources.report import Report

Convert = Callable[..., Iterator[dict[str, Any]]]
"""`convert(path, *, report, **options)`: CloudEvents records in order of record time. Bad input raises nothing:
what is broken is in the report, which is complete once the iterator is exhausted."""


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of input. `history`: records of the past, which want `--import`. `options`: extra files it takes."""

    name: str
    reads: str
    convert: Convert
    looks_like: Callable[[Path], bool]
    history: bool = True
    options: tuple[str, ...] = ()


FORMATS: dict[str, Format] = {
    one.name: one
    for one in (
        Format("yc-directory", "a folder of YC directory snapshots and changes", yc.convert, yc.looks_like),
        Format(
            "edgar-filings", "a folder of SEC EDGAR filing lists", edgar.convert, edgar.looks_like, options=("domains",)
        ),
        Format("bombora-surge", "a Bombora surge file, or a folder of them", bombora.convert, bombora.looks_like),
        Format("jsonl", "a file with one CloudEvent a line", jsonl.convert, jsonl.looks_like, history=False),
        Format("csv", "a table of signals or facts, a row each", csvfile.convert, csvfile.looks_like, history=False),
    )
}
"""By name, the most particular first: that is the order they are tried in."""


def detect(path: Path) -> Format | None:
    """The format a file or folder is in, or None where it is like none of them."""
    return next((one for one in FORMATS.values() if one.looks_like(path)), None)


def convert(name: str, path: Path, report: Report, **options: Path | None) -> Iterator[dict[str, Any]]:
    """Converts `path` as the named format; options that are None are left out. Raises KeyError for an unknown name."""
    given = {option: value for option, value in options.items() if value is not None}
    return FORMATS[name].convert(path, report=report, **given)
