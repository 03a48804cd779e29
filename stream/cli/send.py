"""``tierline send``: signals from files, folders or a pipe into the log."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from types import FrameType

import click

from stream.cli.intake import Desk, Input, inputs_of
from stream.cli.options import broker_option, exits, json_option
from stream.cli.progress import Watch
from stream.cli.tables import clean, console, many, print_json
from stream.importing import IMPORT, Import
from stream.reading import profiles_in_force
from stream.sending import Sender
from stream.settings import Settings, load_settings
from stream.sources.formats import FORMATS, detect
from stream.sources.jsonl import not_lines
from stream.topology import group_of, open_log
from stream.transports.errors import LogError
from stream.transports.seam import Log


@click.command("send")
@click.argument(
    "paths",
    nargs=-1,
    required=True,
    metavar="FILE…",
    type=click.Path(exists=True, allow_dash=True, path_type=Path),
)
@click.option(
    "--format",
    "named",
    type=click.Choice(list(FORMATS)),
    help="What the input is, where that cannot be told from its name and content.",
)
@click.option("--import", "importing", is_flag=True, help="The input is history: its own record times, no alerts.")
@click.option(
    "--domains",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="For edgar-filings: a CSV with the columns cik,domain.",
)
@click.option(
    "--rejects",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Write what could not be used to this file, one JSON document a line.",
)
@json_option("Print the summary as one JSON document.")
@broker_option
@exits(
    "everything was sent", "some lines could not be used (the others were sent), or sending went wrong or was stopped"
)
def command(
    paths: tuple[Path, ...],
    named: str | None,
    domains: Path | None,
    rejects: Path | None,
    broker: str | None,
    *,
    importing: bool,
    as_json: bool,
) -> None:
    """Send signals from files, folders or standard input (-).

    JSON lines (one CloudEvent a line) and CSV, also compressed (.gz), and the formats of --format. Every line is
    checked before it is sent; a bad one does not stop the good ones. Sending the same file twice is harmless: a
    signal counts once. From a pipe, signals go into the log as they come. A CSV begins with its header, such as
    type,domain,time,series (signals) or domain,name,employees (facts); docs/sources.md has all columns.

    With --import the input is history: the log takes the record time from each record, in file order, and nobody is
    alerted of the past. Should an import be killed, run it again: that also closes what it left open.
    """
    _refuse_lists(paths, named)
    inputs = inputs_of(paths, named, domains, importing=importing)
    settings = load_settings(broker=broker)
    begun = time.monotonic()
    with ExitStack() as stack:
        desk = stack.enter_context(Desk(rejects, quiet=as_json))
        log = stack.enter_context(open_log(settings))
        if not importing:
            _mention_import(log)
        watch = stack.enter_context(Watch(desk.console))
        stopped = _send(inputs, desk, watch, log, settings, importing=importing)
        running = bool(log.members(group_of(settings)))
        unread = bool(desk.sent) and not importing and not profiles_in_force(log, settings)
    seconds = time.monotonic() - begun
    if as_json:
        _print_json(settings, inputs, desk, seconds, importing=importing, stopped=stopped)
    else:
        _print(settings, inputs, desk, seconds, stopped=stopped, running=running)
        if unread:
            _mention_profiles()
    sys.exit(1 if desk.count or stopped else 0)


def _refuse_lists(paths: tuple[Path, ...], named: str | None) -> None:
    """A list is one value, however many lines it has: better said once than of every line."""
    for path in paths:
        format_ = named or (found.name if (found := detect(path)) else "jsonl")
        words = not_lines(path) if format_ == "jsonl" and path.is_file() else None
        if words:
            raise click.UsageError(f"{path} {words}")


def _send(inputs: list[Input], desk: Desk, watch: Watch, log: Log, settings: Settings, *, importing: bool) -> bool:
    """Everything into the log; whether somebody stopped it on the way."""
    try:
        with _stoppable(), _import(log, settings) if importing else nullcontext() as history:
            sender = Sender(log, settings, history=history)
            desk.sent = sender.sent
            try:
                for one in inputs:
                    _send_one(one, sender, desk, watch)
            finally:
                if not isinstance(sys.exc_info()[1], LogError):
                    sender.flush()
    except KeyboardInterrupt:
        return True
    except LogError as error:
        if not desk.sent:
            raise
        raise type(error)(
            f"{error}\n{many(desk.sent.total(), 'signal')} of this input are in the log. Send it again once that is"
            " mended: what is there already counts once."
        ) from error
    return False


def _send_one(one: Input, sender: Sender, desk: Desk, watch: Watch) -> None:
    watch.begin(one)
    for line, raw in one.records(desk):
        if raw is None:
            sender.flush()
        else:
            refusal = sender.take(raw)
            if refusal is not None:
                desk.refuse(one.name, line, raw, refusal)
        watch.update(one, sender.sent.total() + sender.waiting)


@contextmanager
def _import(log: Log, settings: Settings) -> Iterator[Import]:
    opened = Import(log, settings)
    if opened.takes_over:
        click.echo("An earlier import did not end. This one takes its place, and will close it.", err=True)
    try:
        yield opened
    finally:
        opened.close()


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends the work like Ctrl-C: in order, with an import closed."""

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _mention_profiles() -> None:
    click.echo(
        "No profile was in force: this counts once `tierline run` brings one into force, as what that profile makes of"
        " it, not as news. Start it first to be alerted of what you send."
    )


def _mention_import(log: Log) -> None:
    found = log.holder(IMPORT)
    if found is None:
        return
    if found.alive:
        click.echo(f"An import is running ({found}): what is sent now counts as part of it.", err=True)
    else:
        click.echo(
            f"An import did not end ({found}): what is sent now counts as part of it. Run that import again, which"
            " closes it.",
            err=True,
        )


def _print(
    settings: Settings, inputs: list[Input], desk: Desk, seconds: float, *, stopped: bool, running: bool
) -> None:
    out = console()
    for one in inputs:
        for line in one.told():
            out.print(line, soft_wrap=True)
        if one.format.name == "csv":
            for sentence in one.report.remarks():
                desk.console.print(clean(f"{one.name}: {sentence}"), soft_wrap=True)
    total = desk.sent.total()
    rate = f" ({total / seconds:,.0f} a second)" if total and seconds >= 0.05 else ""
    out.print(f"Sent {many(total, 'signal')} in {seconds:.1f} s{rate} to {settings.where}", soft_wrap=True)
    for type_, count in sorted(desk.sent.items(), key=lambda item: (-item[1], item[0])):
        out.print(f"  {count:>9,}  {type_}")
    if not total and not desk.count:
        out.print("There was nothing in the input.")
    desk.sum_up()
    if stopped:
        click.echo("Stopped. Send the same input again for the rest: what is in the log already counts once.", err=True)
    elif total and not running:
        out.print("No worker runs on this log; `tierline run` scores what waits in it.")


def _print_json(
    settings: Settings, inputs: list[Input], desk: Desk, seconds: float, *, importing: bool, stopped: bool
) -> None:
    print_json(
        {
            "log": settings.where,
            "import": importing,
            "stopped": stopped,
            "sent": desk.sent.total(),
            "by_type": dict(desk.sent),
            "bad": desk.count,
            "bad_lines": desk.kept,
            "seconds": round(seconds, 3),
            "inputs": [{"name": one.name, "format": one.format.name, **one.report.as_dict()} for one in inputs],
        }
    )
