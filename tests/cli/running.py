"""Calling the command line: in this process, or as one of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import orjson
from click.testing import CliRunner

from stream.cli.main import main

PROGRAM = [sys.executable, "-c", "from stream.cli.main import main; main()"]


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return orjson.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [orjson.loads(line) for line in self.out.splitlines()]


def tierline(
    *args: object, stdin: bytes = b"", env: Mapping[str, str] | None = None, columns: int | None = None
) -> Ran:
    """The command in this process, its errors told as always."""
    variables = {**(env or {}), **({"COLUMNS": str(columns)} if columns else {})}
    with (
        CliRunner().isolation(stdin, variables) as (out, err, _),
        patch.object(sys, "argv", ["tierline", *map(str, args)]),
    ):
        code: Any = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
        sys.stdout.flush()
        sys.stderr.flush()
        return Ran(code, out.getvalue().decode(), err.getvalue().decode())


def start(*args: object, **options: Any) -> subprocess.Popen[bytes]:
    """The command as a process of its own, with pipes."""
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    command = [*PROGRAM, *map(str, args)]
    return subprocess.Popen(command, **{**pipes, "env": dict(os.environ), "preexec_fn": hear_ctrl_c, **options})


def hear_ctrl_c() -> None:
    """As on a terminal: tests that run in the background have inherited that SIGINT is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def signal_line(number: int, *, account: str = "acme.com", type_: str = "funding_round", **members: Any) -> bytes:
    """A valid signal, as a line."""
    document = {
        "specversion": "1.0",
        "id": f"s-{number}",
        "source": "test",
        "type": f"tierline.signal.{type_}",
        "subject": account,
        "time": "2026-11-01T09:00:00Z",
        "data": {"series": "b"},
    }
    return orjson.dumps({**document, **members}) + b"\n"


def lines(*documents: Mapping[str, Any] | bytes) -> bytes:
    return b"".join(one if isinstance(one, bytes) else orjson.dumps(one) + b"\n" for one in documents)


def accounts_of(values: Sequence[bytes | None]) -> list[str]:
    return [orjson.loads(value)["subject"] for value in values if value]
