"""``tierline alerts list`` and ``show``: what waits, what was given up, and what was said of an account."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from schemas.times import format_time
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, cell, clean, console, day_and_time, many, print_json, table
from stream.settings import load_settings

STATES = ("parked", "waiting", "held")


@click.command("list", short_help="Messages that are not delivered: given up, waiting, held.")
@click.option("--state", type=click.Choice(STATES), help="Only these: given up, waiting, or held for a message later.")
@json_option("Print JSON lines, one for each message.")
@broker_option
@exits("listed, also where there is nothing", "there is no log, or it cannot be read")
def list_(state: str | None, broker: str | None, *, as_json: bool) -> None:
    """List messages that are not delivered: given up, waiting to be tried, or held to be told later."""
    from stream.delivery.reading import state_in
    from stream.reading import open_to_read

    settings = load_settings(broker=broker)
    with open_to_read(settings) as log:
        found = state_in(log, settings)
    rows = [_message(one, "parked") for one in found.parked.values()]
    rows += [_message(one, "waiting") for one in found.waiting.values()]
    rows += [_held(one) for one in sorted(found.collected.values(), key=lambda one: one.due)]
    rows = [row for row in rows if state in (None, row["state"])]
    off = {name: line.off for name, line in found.lines.items() if line.off}
    if as_json:
        for row in rows:
            print_json(row)
        return
    if rows:
        shown = table("state", "alert", "to", "changes", "since or due", "tries", "why", fold=("alert", "why"))
        for row in rows:
            shown.add_row(
                row["state"], cell(row["alert"]), cell(row["to"]), f"{row['count']:,}", day_and_time(row["at"]),
                str(row["attempts"]), cell(row["why"]),
            )  # fmt: skip
        console().print(shown)
    counts = {name: sum(row["state"] == name for row in rows) for name in STATES}
    told = ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)
    nothing = "Nothing waits, and nothing was given up."
    click.echo(f"{many(len(rows), 'message')}: {told}." if rows else nothing, err=True)
    for name, why in off.items():
        click.echo(f"channel {name} is off: {clean(why)}. Turn it on: tierline alerts retry --channel {name}", err=True)
    if counts["parked"]:
        click.echo("Send again what was given up: tierline alerts retry ALERT…, or --all", err=True)


def _message(one: Any, state: str) -> dict[str, Any]:
    return {
        "state": state, "alert": one.key, "to": one.target.id, "route": one.route, "kind": one.kind,
        "count": one.count, "at": format_time(one.at if state == "parked" else one.due), "attempts": one.attempts,
        "why": one.parked or "", "changes": [told.id for told in one.told],
    }  # fmt: skip


def _held(one: Any) -> dict[str, Any]:
    return {
        "state": "held", "alert": one.key, "to": one.target.id, "route": one.route, "kind": "digest",
        "count": one.count, "at": format_time(one.due), "attempts": 0, "why": one.why,
        "changes": [told.id for told in one.told],
    }  # fmt: skip


@click.command("show", short_help="What was said of an account, a tier change or an alert.")
@click.argument("what", metavar="ACCOUNT|CHANGE|ALERT")
@json_option("Print the events as they are on the topic `alerts`, one a line.")
@broker_option
@exits("shown", "nothing is known of it, or there is no log")
def show(what: str, broker: str | None, *, as_json: bool) -> None:
    """Everything that alerting said of an account (its domain), a tier change (its id) or an alert (its key)."""
    from stream.delivery.reading import said_of
    from stream.identity import Unidentifiable, canonical_account
    from stream.reading import open_to_read

    settings = load_settings(broker=broker)
    if "/" not in what:
        try:
            what = canonical_account(what)
        except Unidentifiable as error:
            raise Problem(f"{clean(what)}: {error}.") from None
    with open_to_read(settings) as log:
        events = said_of(log, settings, what)
    if not events:
        raise Problem(
            f"alerting has said nothing of {clean(what)}. It says nothing of what moved before its first start, and"
            " runs only where TIERLINE_ROUTES is set (docs/alerts.md)."
        )
    out = console()
    for event in events:
        if as_json:
            print_json(event)
            continue
        when = Text(f"{day_and_time(event['time'])}  ", "dim")
        for line in _sentences(event["data"]):
            out.print(when + Text(clean(line)), soft_wrap=True)


def _sentences(data: dict[str, Any]) -> list[str]:
    if "state" in data:
        said = f"{data['state']}, attempt {data['attempt']}, {_to(data)}: {data['says']}"
        again = f"; again at {day_and_time(data['again_at'])}" if data["again_at"] else ""
        return [f"{data['alert']}  {said}{again}"]
    lines = [f"{data['change']}  {data['summary']}"]
    for one in data["routes"]:
        names = ", ".join(one["routes"]) or "no route"
        lines.append(f"    {one['reason']}: {names}{_until(one)}")
    for one in data["recipients"]:
        alert = f" [{one['alert']}]" if one["alert"] else ""
        lines.append(f"    {one['reason']}: {one['route']} → {_to(one)}{_until(one)}{alert}")
    return lines


def _to(data: dict[str, Any]) -> str:
    return str(data["channel"]) + (f"/{data['recipient']}" if data["recipient"] else "")


def _until(one: dict[str, Any]) -> str:
    until = f", until {day_and_time(one['until'])}" if one["until"] else ""
    return until + (f", by {one['by']}" if one["by"] else "")
