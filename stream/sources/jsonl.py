"""`jsonl`: one CloudEvent a line, passed on as it stands.

Only what is no JSON object is reported here; intake judges the rest, so that what it rejects can be listed, mended and
sent again.
"""

from __future__ import annotations

import shlex
import zlib
from typing import TYPE_CHECKING, Any

import orjson

from stream.sources.readers import MAX_LINE_BYTES, json_lines, open_binary
from stream.sources.records import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from stream.sources.report import Report


def looks_like(path: Path) -> bool:
    """A file named `.jsonl` or `.ndjson`, compressed or not."""
    return path.is_file() and path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson"))


MOST_OF_A_LIST = 64 * 1024 * 1024


def not_lines(path: Path) -> str | None:
    """What to do with a file that is one JSON list, which no line of it says; None where it is not one.

    Only a file that begins with `[` is looked into: a large one by its first line alone.
    """
    try:
        with open_binary(path) as file:
            first = file.readline(MAX_LINE_BYTES).removeprefix(b"\xef\xbb\xbf")
            while first and not first.strip():
                first = file.readline(MAX_LINE_BYTES)
            if not first.lstrip().startswith(b"["):
                return None
            rest = file.read(MOST_OF_A_LIST + 1)
    except (OSError, EOFError, zlib.error):
        return None  # whoever reads the lines will say so
    whole = first if len(rest) > MOST_OF_A_LIST else first + rest
    try:
        is_list = isinstance(orjson.loads(whole), list) and len(rest) <= MOST_OF_A_LIST
    except orjson.JSONDecodeError:
        is_list = len(rest) > MOST_OF_A_LIST  # the first of many lines is no value by itself
    return _one_list_words(path) if is_list else None


def _one_list_words(path: Path) -> str:
    """What to say of a file that is one JSON list."""
    name, stem = shlex.quote(path.name), path.name.removesuffix(".gz")
    target = shlex.quote(stem.rpartition(".")[0] + ".jsonl")
    if target == name:
        target = shlex.quote("lines-" + path.name)
    command = f"zcat {name} | jq -c '.[]'" if path.suffix == ".gz" else f"jq -c '.[]' {name}"
    return f"holds one JSON list; Tierline reads one object a line: {command} > {target}"


def convert(path: Path, *, report: Report) -> Iterator[dict[str, Any]]:
    """Every object of the file, in file order."""
    words = not_lines(path)
    if words is not None:
        report.bad_line(path.name, 0, words)
        return
    for _, record in json_lines(path, report):
        report.saw("lines")
        report.made[str(record.get("type", "without a type")).removeprefix(TYPE_PREFIX)[:60]] += 1
        yield record
