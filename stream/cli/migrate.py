"""``tierline migrate``: an installation from one log to another."""

from __future__ import annotations

import time
from typing import Any, Self

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from schemas.topics import SIGNALS
from stream.cli.options import broker_option, exits, json_option
from stream.cli.progress import EVERY
from stream.cli.tables import cell, clean, console, many, print_json, table
from stream.migrating.procedure import Moved, migrate
from stream.settings import Settings, load_settings


@click.command("migrate")
@click.option("--to", required=True, metavar="URL", help="The log to move to: kafka://host:9092 or sqlite:///file.")
@click.option("--to-prefix", help="The prefix of its topics; else that of TIERLINE_TOPIC_PREFIX.")
@json_option("Print the summary as one JSON document.")
@broker_option
@exits("everything was moved, read again and compared", "it was not; the same words go on where it stopped")
def command(to: str, to_prefix: str | None, broker: str | None, *, as_json: bool) -> None:
    """Move the installation of TIERLINE_BROKER to another log: a file to Kafka, or back.

    All topics are copied with record times, keys, headers and order; the state too, so that nothing is scored anew and
    sequences go on; and every group goes on at the record at which it would have gone on. All of it is read again and
    compared. The source is left as it was.

    Stop the workers, and whatever sends, before. The target's topics have to be empty. Should it be killed, run it
    again: it goes on where it stopped. Until it has ended no worker starts on the target.

    Afterwards set TIERLINE_BROKER to the new log. TIERLINE_KAFKA_* settings are those of whichever side is Kafka.
    """
    source = load_settings(broker=broker)
    target = load_settings(broker=to, topic_prefix=to_prefix)
    with _Bar(console(err=True)) as bar:
        moved = migrate(source, target, bar)
    if as_json:
        print_json(_document(moved))
    else:
        _print(moved, target)


class _Bar:
    """A line for each step, on standard error where that is a terminal."""

    def __init__(self, out: Console) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TextColumn("records"),
            TimeRemainingColumn(compact=True),
            console=out,
            transient=True,
            disable=not out.is_terminal,
        )
        self._task: Any = None
        self._since, self._next = 0, 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, what: str, total: int) -> None:
        """A step begins."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task, self._since = self._bar.add_task(what, total=total), 0

    def further(self, records: int) -> None:
        """So many more records."""
        self._since += records
        if (now := time.monotonic()) >= self._next:
            self._next = now + EVERY
            self._bar.advance(self._task, self._since)
            self._since = 0


def _document(moved: Moved) -> dict[str, Any]:
    return {
        "from": moved.source,
        "to": moved.target,
        "records": moved.records,
        "found": moved.found,
        "moved_before": moved.before,
        "seconds": round(moved.seconds, 3),
        "partitions": [
            {"topic": one.name, "partition": one.partition, "records": one.records, "digest": one.digest}
            for one in moved.partitions
        ],
        "positions": {
            group: [{"topic": topic, "partition": partition, "offset": at} for (topic, partition), at in found.items()]
            for group, found in moved.positions.items()
        },
        "left_out": moved.left_out,
        "retention_off": moved.kept,
    }


def _print(moved: Moved, target: Settings) -> None:
    made = table("topic", "records", right=("records",))
    for topic in dict.fromkeys(one.name for one in moved.partitions):
        made.add_row(cell(topic), f"{sum(one.records for one in moved.partitions if one.name == topic):,}")
    if moved.partitions:
        console().print(made)
    if moved.before:
        click.echo(f"Everything had been moved to {clean(moved.target)} and compared before.")
    else:
        _print_counts(moved)
    if moved.kept:
        click.echo(
            f"Retention is off on {', '.join(map(clean, moved.kept))}: what the workers have still to read there is"
            " older than the brokers would keep it. Set retention.ms again once they have read it (docs/migrate.md)."
        )
    click.echo(f"Set {_settings(moved, target)}, and start the workers.")


def _settings(moved: Moved, target: Settings) -> str:
    """Those that say where the new log is, and that the caller may have set otherwise."""
    told = [f"TIERLINE_BROKER={target.broker}"]
    if target.topic_prefix != load_settings().topic_prefix:
        told.append(f"TIERLINE_TOPIC_PREFIX={target.topic_prefix}")
    signals = target.topic(SIGNALS)
    count = sum(one.name == signals for one in moved.partitions)
    if count and count != target.partitions:
        told.append(f"TIERLINE_PARTITIONS={count}")
    return clean(", ".join(told))


def _print_counts(moved: Moved) -> None:
    speed = f", {moved.records / moved.seconds:,.0f} a second" if moved.seconds else ""
    click.echo(f"Moved {many(moved.records, 'record')} to {clean(moved.target)} in {moved.seconds:,.1f} s{speed}.")
    if moved.found:
        click.echo(f"{many(moved.found, 'record')} of them had been moved before this was interrupted.")
    if moved.left_out:
        click.echo(f"Left out, being none of Tierline's: {', '.join(map(clean, moved.left_out))}.")
    click.echo("All of it was read again and is the same.")
