"""``tierline backup``: the log's file, copied while a worker runs on it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, clean, console, print_json
from stream.settings import load_settings
from stream.transports.backup import Progress as Told
from stream.transports.backup import back_up


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@json_option("Print the summary as one JSON document.")
@broker_option
@exits("FILE is a whole copy of the log, read again and found sound", "it could not be made; FILE is as it was")
def command(file: Path, broker: str | None, *, force: bool, as_json: bool) -> None:
    """Copy the log to FILE as it is at this moment, while a worker and others go on writing.

    Everything is in it: signals, states, changes, positions. `tierline restore` puts it back, and a worker on it goes
    on from that moment. FILE appears once it is whole.
    """
    log = embedded(broker)
    began = time.monotonic()
    with bar(f"copying {log.name}") as told:
        size = back_up(log, file, told, force=force)
    seconds = time.monotonic() - began
    if as_json:
        print_json({"log": str(log), "file": str(file.absolute()), "bytes": size, "seconds": round(seconds, 3)})
    else:
        click.echo(f"{clean(file)}: {size / 1e6:,.1f} MB in {seconds:,.1f} s, read again and sound.")


def embedded(broker: str | None) -> Path:
    """The file of the log. Raises Problem where it is Kafka."""
    settings = load_settings(broker=broker)
    if not settings.embedded:
        raise Problem(
            f"{settings.broker} is no file: Kafka keeps its own copies. To have one in a file, stop the workers and"
            " run `tierline migrate --to sqlite:///FILE`."
        )
    return settings.path.absolute()


@contextmanager
def bar(what: str) -> Iterator[Told]:
    """A line on standard error where that is a terminal, nothing where it is not."""
    out = console(err=True)
    shown = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
        console=out,
        transient=True,
        disable=not out.is_terminal,
    )
    with shown:
        task = shown.add_task(clean(what), total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)
