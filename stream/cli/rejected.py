"""``tierline rejected``: records that could not be used: list, show, mend, send again."""

from __future__ import annotations

import heapq
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
import orjson
from rich.text import Text

from schemas.rejected import REASONS
from stream.cli.lines import lines_of
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, clean, console, day_and_time, many, print_json
from stream.reading import Rejected, Wanted, open_to_read, rejected, rejected_at
from stream.resending import Fate, Resender, readable
from stream.settings import Settings, load_settings
from stream.topology import group_of
from stream.transports.seam import Log

SHOWN = 20

_reason = click.option("--reason", type=click.Choice(REASONS), metavar="REASON", help="Only this reason.")
_source = click.option("--source", help="Only records that say they are of this source.")


@click.group("rejected")
def command() -> None:
    """Records that could not be used: list, show, mend and send again.

    Each is named by its place on the topic `rejected`, partition:offset, as 2:17.
    """


@command.command("list")
@_reason
@_source
@click.option("--limit", type=click.IntRange(min=0), help=f"At most so many; 0 is all (default {SHOWN}; --json: all).")
@json_option("Print JSON lines, one for each record, with its id.")
@broker_option
@exits("listed, also where there are none", "there is no log, or it cannot be read")
def list_(reason: str | None, source: str | None, limit: int | None, broker: str | None, *, as_json: bool) -> None:
    """List rejected records, the latest first."""
    settings = load_settings(broker=broker)
    limit = limit if limit is not None else (0 if as_json else SHOWN)
    wanted = Wanted(reason, source)
    with open_to_read(settings) as log:
        found = rejected(log, settings, wanted)
        if as_json and not limit:
            for one in found:
                print_json({"id": one.id, **one.document})
            return
        latest = _latest(found, limit)
    if as_json:
        for one in latest:
            print_json({"id": one.id, **one.document})
    elif latest:
        _print_list(latest, wanted)
    else:
        click.echo("Nothing was rejected." if reason is source is None else "Nothing like that was rejected.", err=True)


@command.command("show", short_help="Show some whole: why, from where, what they say.")
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@click.option("--raw", is_flag=True, help="Only the bytes as they came, a record a line: to mend them in a file.")
@json_option("Print JSON lines, with the content also decoded.")
@broker_option
@exits("shown", "there is no such record, or no log")
def show(ids: tuple[str, ...], broker: str | None, *, raw: bool, as_json: bool) -> None:
    """Show rejected records whole: why, where they came from, and what they say."""
    settings = load_settings(broker=broker)
    with open_to_read(settings) as log:
        found = [_the(log, settings, id_) for id_ in ids]
    for number, one in enumerate(found):
        if raw:
            sys.stdout.buffer.write(one.raw.rstrip(b"\r\n") + b"\n")
        elif as_json:
            print_json(readable(one))
        else:
            if number:
                click.echo()
            _print_one(one)


@command.command("resend", short_help="Send some again, as they came or mended.")
@click.argument("ids", nargs=-1, metavar="[ID…]")
@_reason
@_source
@click.option(
    "--file",
    "mended",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Send these instead: JSON lines, one for each ID, in the same order.",
)
@json_option("Print JSON lines, one for each record: id, to, why.")
@broker_option
@exits("all were sent", "some were not (each says why), there is no such record, or no log")
def resend(
    ids: tuple[str, ...],
    reason: str | None,
    source: str | None,
    mended: Path | None,
    broker: str | None,
    *,
    as_json: bool,
) -> None:
    """Send rejected records again, to where they came from: those named, or all of a reason or source.

    As they came, or mended: `rejected show --raw 2:17 > mend.jsonl`, edit, `rejected resend 2:17 --file mend.jsonl`.
    What would be rejected again for certain is not sent. Sending twice is harmless: a signal counts once. The
    rejected records stay listed until their topic's retention drops them.
    """
    if bool(ids) == (reason is not None or source is not None):
        raise click.UsageError("name records by their IDs, or choose them by --reason and --source; one of the two.")
    if mended is not None and not ids:
        raise click.UsageError("--file goes with IDs: one line for each, in the same order.")
    texts = _mended(mended, len(ids)) if mended is not None else None
    settings = load_settings(broker=broker)
    fates: list[Fate] = []
    with open_to_read(settings) as log:
        resender = Resender(log, settings)
        chosen: Iterable[Rejected]
        chosen = [_the(log, settings, id_) for id_ in ids] if ids else rejected(log, settings, Wanted(reason, source))
        for number, one in enumerate(chosen):
            fates.append(resender.again(one, texts[number] if texts else None))
            if number % 1_000 == 999:
                resender.flush()
        resender.flush()
        running = bool(log.members(group_of(settings)))
    if as_json:
        for fate in fates:
            print_json({"id": fate.id, "to": fate.to, "why": fate.why})
    else:
        _print_fates(fates, named=bool(ids), running=running)
    sys.exit(0 if all(fate.to for fate in fates) else 1)


def _the(log: Log, settings: Settings, id_: str) -> Rejected:
    try:
        found = rejected_at(log, settings, id_)
    except ValueError as error:
        raise Problem(f"{error}.") from None
    if found is None:
        raise Problem(f"there is no rejected record {id_}; `tierline rejected list` shows those there are.")
    return found


def _mended(file: Path, count: int) -> list[bytes]:
    texts = [line for _, line in lines_of(file) if isinstance(line, bytes) and line.strip()]
    if len(texts) != count:
        found = f"{many(len(texts), 'record')} for {many(count, 'ID')}"
        raise Problem(f"{file}: {found}; write one line for each ID, in the same order.")
    return texts


def _latest(found: Iterable[Rejected], limit: int) -> list[Rejected]:
    def key(one: Rejected) -> tuple[int, int, int]:
        return (one.at, one.partition, one.offset)

    return heapq.nlargest(limit, found, key) if limit else sorted(found, key=key, reverse=True)


def _print_list(latest: list[Rejected], wanted: Wanted) -> None:
    out = console()
    for one in latest:
        sender = one.document["sender"]
        told = [part for part in (sender["source"], sender["type"], sender["subject"]) if part]
        head = Text.assemble((one.id, "bold"), "  ", (one.document["reason"], "yellow"))
        head.append(f"  {day_and_time(one.document['rejected_at'])}  from {clean(one.place)}", "dim")
        out.print(head)
        if told:
            out.print(Text("    " + clean(" · ".join(part.removeprefix("tierline.signal.") for part in told))))
        out.print(Text("    " + clean(one.document["message"])), soft_wrap=not out.is_terminal)
    total = wanted.counts.total()
    reasons = ", ".join(f"{count:,} {reason}" for reason, count in wanted.counts.most_common())
    click.echo(f"{many(total, 'rejected record')}: {reasons}.", err=True)
    if total > len(latest):
        click.echo(f"The latest {len(latest):,} are shown; --limit 0 shows all.", err=True)
    click.echo(f"One of them whole: tierline rejected show {latest[0].id}", err=True)


def _print_one(one: Rejected) -> None:
    out = console()
    document = one.document
    out.print(Text.assemble((one.id, "bold"), "  ", (document["reason"], "yellow")))
    out.print(Text(clean(document["message"])))
    out.print()
    rows: list[tuple[str, Any]] = [("came from", one.place), ("rejected", day_and_time(document["rejected_at"]))]
    if one.key is not None:
        rows.append(("key", one.key.decode("utf-8", "backslashreplace")))
    rows += [(name, value.decode("utf-8", "backslashreplace")) for name, value in one.headers]
    rows += [(name, value) for name, value in document["sender"].items() if value]
    size = f"{document['raw_size']:,} bytes"
    kept = "" if one.whole else f", the first {len(one.raw):,} kept; SHA-256 of the whole {document['sha256']}"
    rows.append(("size", size + kept))
    for name, value in rows:
        out.print(Text.assemble((f"{clean(name):<11}", "dim"), clean(value)), soft_wrap=True)
    out.print()
    for line in _content(one):
        out.print(Text("  " + line), soft_wrap=True)


def _content(one: Rejected) -> list[str]:
    raw = one.raw[:16_384]
    try:
        lines = orjson.dumps(orjson.loads(one.raw), option=orjson.OPT_INDENT_2).decode().splitlines()
    except (orjson.JSONDecodeError, TypeError):
        lines = raw.decode("utf-8", "backslashreplace").split("\n")
    shown = [clean(line)[:2_000] for line in lines[:200]]
    if len(lines) > 200 or len(one.raw) > len(raw):
        shown.append("… (all of it: --raw)")
    return shown


def _print_fates(fates: list[Fate], *, named: bool, running: bool) -> None:
    sent = [fate for fate in fates if fate.to]
    kept = [fate for fate in fates if not fate.to]
    if not fates:
        click.echo("Nothing like that was rejected, so nothing was sent.")
        return
    for fate in sent[:SHOWN]:
        click.echo(f"{fate.id}  sent to {fate.to}")
    if len(sent) > SHOWN:
        click.echo(f"… and {len(sent) - SHOWN:,} more sent")
    for fate in kept[:SHOWN]:
        click.echo(f"{fate.id}  not sent: {clean(fate.why)}")
    if len(kept) > SHOWN:
        click.echo(f"… and {len(kept) - SHOWN:,} more not sent")
    click.echo(f"Sent {len(sent):,} of {len(fates):,}.", err=True)
    if kept and not named:
        click.echo(
            "To mend: tierline rejected show --raw ID… > mend.jsonl, edit, resend ID… --file mend.jsonl", err=True
        )
    if sent and not running:
        click.echo("No worker runs on this log; `tierline run` reads what waits in it.", err=True)
