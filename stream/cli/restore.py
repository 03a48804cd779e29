"""``tierline restore``: a backup in the place of the log's file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from stream.cli.backup import bar, embedded
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import clean, print_json
from stream.transports.backup import restore


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the log that is there.")
@json_option("Print the summary as one JSON document.")
@broker_option
@exits("the log is what FILE was", "FILE cannot be used, or the log is in use; the log is as it was")
def command(file: Path, broker: str | None, *, force: bool, as_json: bool) -> None:
    """Put a backup that `tierline backup` made in the place of the log.

    Stop the worker before. A log that is there is only replaced with --force, and then it is gone: back it up first.
    FILE stays. Whatever reads tier changes may see some again, with the ids they had.
    """
    log = embedded(broker)
    began = time.monotonic()
    with bar(f"restoring {log.name}") as told:
        size = restore(file, log, told, force=force)
    seconds = time.monotonic() - began
    if as_json:
        print_json({"log": str(log), "file": str(file.absolute()), "bytes": size, "seconds": round(seconds, 3)})
    else:
        click.echo(f"{clean(log)}: {size / 1e6:,.1f} MB in {seconds:,.1f} s. Start the worker.")
