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
from stream.reading import open_to_read
from stream.settings import Settings
from stream.topology import connect_kafka, group_of
from stream.transports.errors import LogError

PATIENCE = 4.0
"""Seconds to wait for a broker's answer: whoever asks after its health wants to know, not to wait for it."""
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
    yield from (_file if settings.embedded else _kafka)(settings)


def _file(settings: Settings) -> Iterator[Finding]:
    from stream.filechecks import log_file
    from stream.holding import worker_of

    broken = False
    for finding in log_file(settings):
        broken |= finding.status == "fail" and finding.name == "file"
        yield finding
    held = worker_of(settings.path)
    running = [] if held is None else [str(held)]
    if not broken and settings.path.exists():
        yield from _contents(settings, running)
    else:
        yield from checks.profiles(settings)
    yield from checks.worker(settings, running)


def _kafka(settings: Settings) -> Iterator[Finding]:
    from stream.kafkachecks import cluster

    try:
        log = connect_kafka(settings, patience=PATIENCE)
    except LogError as error:
        yield Finding("log", "connection", "fail", *checks.halves(str(error)))
        yield from checks.profiles(settings)
        return
    with log:
        broken = False
        for finding in cluster(settings, log):
            broken |= finding.status == "fail" and finding.name in {"connection", "topics"}
            yield finding
        if broken:
            yield from checks.profiles(settings)
            return
        try:
            running = log.members(group_of(settings))
        except LogError as error:
            yield Finding("log", "group", "fail", *checks.halves(str(error)))
            yield from checks.profiles(settings)
            return
        yield from checks.contents(settings, log, running)
        yield from checks.worker(settings, running)


def _contents(settings: Settings, running: list[str]) -> Iterator[Finding]:
    try:
        with open_to_read(settings) as log:
            yield from checks.contents(settings, log, running)
    except LogError as error:
        yield Finding("log", "content", "fail", *checks.halves(str(error)))


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
