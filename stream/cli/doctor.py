"""``tierline doctor``: is everything as it should be, and what to do where it is not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from stream import checks
from stream.checks import Finding
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import cell, clean, console, many, print_json

STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


@click.command("doctor")
@json_option("Print one JSON document.")
@click.option("--profiles", type=click.Path(path_type=Path), help="Directory of profiles (TIERLINE_PROFILES).")
@broker_option
@exits("nothing is broken; there may be warnings", "something is")
def command(broker: str | None, profiles: Path | None, *, as_json: bool) -> None:
    """Check settings, log, worker, profiles and clock, and say what to mend.

    Changes nothing, and may be called while a worker runs. It reads the whole log to see that it is whole.
    """
    found = []
    out = console()
    area = ""
    for finding in _findings(broker, profiles):
        found.append(finding)
        if not as_json:
            if finding.area != area:
                area = finding.area
                out.print(Text(area.capitalize(), style="bold"))
            _print(out, finding)
    counts = {status: sum(one.status == status for one in found) for status in STYLES}
    if as_json:
        keys = ("area", "name", "status", "message", "mend")
        rows = [{key: getattr(one, key) for key in keys} for one in found]
        print_json({"ok": not counts["fail"], **counts, "checks": rows})
    else:
        out.print()
        out.print(f"{counts['ok']} ok, {many(counts['warn'], 'warning')}, {counts['fail']} broken.")
    sys.exit(1 if counts["fail"] else 0)


def _findings(broker: str | None, profiles: Path | None) -> Iterator[Finding]:
    settings, told = checks.settings_of(broker, profiles)
    yield from told
    yield from checks.machine()
    if settings is None:
        return
    broken = False
    for finding in checks.log_file(settings):
        broken |= finding.status == "fail" and finding.name == "file"
        yield finding
    if not broken and settings.path.exists():
        yield from checks.contents(settings)
    else:
        yield from checks.profiles(settings)
    yield from checks.worker(settings)


def _print(out: Console, finding: Finding) -> None:
    row = Table.grid(padding=(0, 2, 0, 0))
    row.add_column(width=4)
    row.add_column(min_width=13)
    row.add_column(overflow="fold")
    text = Text(clean(finding.message))
    if finding.mend:
        text.append(f"\n→ {clean(finding.mend)}", style="bold")
    row.add_row(Text(finding.status, style=STYLES[finding.status]), cell(finding.name), text)
    out.print(Padding(row, (0, 0, 0, 2), expand=False))
