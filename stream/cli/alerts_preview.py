"""``tierline alerts preview``: what routes would have sent, by channel, without sending anything."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import Any

import click
from rich.text import Text

from schemas.durations import parse_duration
from schemas.times import format_time
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, cell, clean, console, day_and_time, many, print_json, table
from stream.settings import Settings, load_settings

SHOWN = 10
DAY = 86_400_000


@click.command("preview", short_help="What the routes would have sent, without sending.")
@click.option("--since", default="24h", show_default=True, help="How far back in the log, such as 24h or 7d.")
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tier changes in JSON lines instead, as `tierline replay --scores` prints them.",
)
@click.option("--imported", is_flag=True, help="Count what was imported as if it had been live.")
@click.option(
    "--messages", type=click.IntRange(min=0), default=SHOWN, show_default=True, help="Newest shown of each channel."
)
@click.option("--whole", is_flag=True, help="Show messages whole, as their channel would render them.")
@click.option("--routes", type=click.Path(path_type=Path), help="File of alert routes (TIERLINE_ROUTES).")
@json_option("Print JSON lines, one for each message, with its text.")
@broker_option
@exits("previewed", "the routes cannot be used, or there is nothing to read")
def preview(
    since: str,
    file: Path | None,
    messages: int,
    routes: Path | None,
    broker: str | None,
    *,
    imported: bool,
    whole: bool,
    as_json: bool,
) -> None:
    """Play past tier changes through the routes: what would have been sent to whom, when, and what held back the rest.

    Nothing is sent and no secret is needed. Facts are those known now, or, of a file, those that are in it. Every
    delivery is taken to succeed at once.
    """
    from stream.delivery.loading import load_to_try
    from stream.delivery.rehearse import rehearse

    settings = load_settings(routes=routes, broker=broker)
    if settings.routes is None:
        raise Problem("no routes file is named: give --routes alerts.yaml, or set TIERLINE_ROUTES.")
    loaded = load_to_try(settings.routes, settings)
    try:
        span = parse_duration(since)
    except ValueError as error:
        raise click.UsageError(f"--since {since}: {error}") from None
    history, facts = _file(file) if file is not None else _log(settings, span, imported=imported)
    changes = [(at, change, facts.get(change.account, {})) for at, change in history]
    found = rehearse(changes, loaded.routes)
    labels = _labels(settings)
    if as_json:
        for at, message in found.messages:
            print_json(_document(at, message, loaded, labels))
        return
    _tell(found, loaded, labels, messages, whole=whole)


def _file(file: Path) -> tuple[list[Any], dict[str, Any]]:
    from stream.delivery.reading import history_of_file

    history, facts, others = history_of_file(file)
    if not history:
        raise Problem(f"{file} has no tier change in it; `tierline replay --scores … > {file}` writes them.")
    if others:
        click.echo(f"{many(others, 'line')} of {file} were neither tier changes nor scores.", err=True)
    return history, facts


def _log(settings: Settings, span: int, *, imported: bool) -> tuple[list[Any], dict[str, Any]]:
    from dataclasses import replace

    from stream.delivery.reading import facts_of, history
    from stream.reading import open_to_read

    since = time.time_ns() // 1_000_000 - span
    with open_to_read(settings) as log:
        found = history(log, settings, 0 if imported else since)
        if imported:  # its own time counts, not when it was brought in
            found = [(one.effective_at, replace(one, importing=False)) for _, one in found if one.effective_at >= since]
            found.sort(key=lambda pair: (pair[0], pair[1].sequence))
        return found, facts_of(log, settings, {change.account for _, change in found})


def _labels(settings: Settings) -> dict[str, str]:
    from stream.delivery.loading import labels_of
    from stream.profiles import ProfileErrors, load_profiles

    try:
        return labels_of(load_profiles(settings.profiles)) if settings.profiles.is_dir() else {}
    except ProfileErrors:
        return {}


def _document(at: int, message: Any, loaded: Any, labels: dict[str, str]) -> dict[str, Any]:
    return {
        "at": format_time(at), "alert": message.key, "route": message.route, "channel": message.channel,
        "recipient": message.recipient, "kind": message.kind, "count": message.count,
        "changes": [told.id for told in message.told], "text": _text(message, loaded, labels),
    }  # fmt: skip


def _text(message: Any, loaded: Any, labels: dict[str, str]) -> str:
    from stream.delivery.documents import alert_of

    text: str = loaded.channels[message.channel].render(alert_of(message, loaded.routes, labels)).text
    return text


def _tell(found: Any, loaded: Any, labels: dict[str, str], shown: int, *, whole: bool) -> None:
    out = console()
    click.echo(f"{many(found.changes, 'tier change')}, {many(len(found.messages), 'message')}.")
    by_route = Counter[str]()
    reasons = sorted({reason for _, reason in found.reasons})
    for (route, _), count in found.reasons.items():
        by_route[route] += count
    if reasons:
        made = table("route", *reasons, right=reasons)
        for route in by_route:
            counts = [found.reasons[route, reason] for reason in reasons]
            made.add_row(cell(route), *(f"{count:,}" if count else "" for count in counts))
        out.print(made)
    imported = sum(count for (_, reason), count in found.reasons.items() if reason == "importing")
    if imported and not found.messages:
        click.echo("Nobody is alerted of imported history. To count it as if it had been live: --imported.", err=True)
    for target in found.targets():
        ours = [(at, message) for at, message in found.messages if message.target.id == target]
        kinds = Counter(message.kind for _, message in ours)
        told = ", ".join(f"{count:,} {kind}" for kind, count in kinds.most_common())
        out.print()
        head = f"{clean(target)}: {many(len(ours), 'message')} ({told})"
        out.print(Text(f"{head}; at most {found.most_in(target, DAY)} in 24 hours.", "bold"))
        if 0 < shown < len(ours):
            out.print(Text(f"  … {len(ours) - shown:,} before these: --messages {len(ours)} shows all", "dim"))
        for at, message in ours[-shown:] if shown else []:
            lines = [line for line in _text(message, loaded, labels).splitlines() if line.strip()]
            out.print(Text(f"  {day_and_time(format_time(at))}  ", "dim") + Text(clean(lines[0] if lines else "")))
            for line in lines[1:] if whole else []:
                out.print(Text(f"      {clean(line)}"), soft_wrap=True)
