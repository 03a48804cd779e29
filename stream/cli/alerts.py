"""``tierline alerts``: run alerting, try routes, look at what was told, snooze, and send again."""

from __future__ import annotations

import asyncio
import logging
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import orjson

from schemas.durations import parse_duration
from schemas.topics import ALERT_QUEUE
from stream.cli.alerts_preview import preview
from stream.cli.alerts_show import list_, show
from stream.cli.options import broker_option, exits, json_option
from stream.cli.run import log_to_people
from stream.cli.tables import Problem, clean, many, print_json
from stream.settings import Settings, load_settings

routes_option = click.option(
    "--routes", type=click.Path(path_type=Path), help="File of alert routes (TIERLINE_ROUTES)."
)


@click.group("alerts")
def command() -> None:
    """Who is told of which tier changes, when, and what became of it.

    Routes are written in a YAML file; docs/alerts.md tells how, and begins with one to copy.
    """


command.add_command(preview)
command.add_command(list_)
command.add_command(show)


def routes_of(settings: Settings) -> Path:
    """The routes file, which must have been named."""
    if settings.routes is None:
        raise Problem("no routes file is named: give --routes alerts.yaml, or set TIERLINE_ROUTES.")
    return settings.routes


@command.command("run")
@routes_option
@broker_option
@click.option("--web-port", type=int, help="Port of /metrics, /healthz, /readyz (TIERLINE_WEB_PORT).")
@click.option("-v", "--verbose", is_flag=True, help="Log what the runtime does, too.")
def run(routes: Path | None, broker: str | None, web_port: int | None, *, verbose: bool) -> None:
    """Alert: read tier changes, decide, deliver. Stops on SIGTERM or Ctrl-C; what waits is delivered by the next start.

    On an embedded log `tierline run` does it, too, where TIERLINE_ROUTES is set; then this is not needed. Exit codes:
    0 stopped, 1 could not start.
    """
    from stream.profiles import load_profiles
    from stream.worker import serve_alerts

    log_to_people(verbose=verbose)
    settings = load_settings(routes=routes, broker=broker, web_port=web_port)
    profiles = load_profiles(settings.profiles) if settings.profiles.is_dir() else []
    serve_alerts(settings, routes_of(settings), profiles)


@command.command("check", short_help="Check the routes file, and show what it says.")
@routes_option
@json_option("Print one JSON document: routes, and warnings.")
@exits("it can be used, though there may be warnings", "it cannot: each fault with its line and how to mend it")
def check(routes: Path | None, *, as_json: bool) -> None:
    """Check the routes file as a start would: members, times, patterns, templates, secrets. Nothing is sent."""
    from stream.delivery.checking import warnings_of
    from stream.delivery.loading import load_routes
    from stream.profiles import ProfileErrors, load_profiles

    settings = load_settings(routes=routes)
    loaded = load_routes(routes_of(settings), settings)
    try:
        profiles = load_profiles(settings.profiles) if settings.profiles.is_dir() else []
    except ProfileErrors:
        profiles = []
    warnings = warnings_of(loaded.document, profiles)
    if as_json:
        print_json({"routes": [route.name for route in loaded.routes.routes], "warnings": warnings})
        return
    for route in loaded.routes.routes:
        click.echo(f"{route.name}: {', '.join(to.target.id for to in route.destinations)}")
    for warning in warnings:
        click.echo(f"warning: {clean(warning)}", err=True)
    click.echo(f"{loaded.path} can be used: {many(len(loaded.routes.routes), 'route')}.", err=True)


@command.command("test", short_help="Send a sample alert to the recipients of a route.")
@click.argument("route")
@routes_option
@json_option("Print JSON lines, one for each recipient.")
@exits("every recipient's channel took it", "one did not (each says why), or there is no such route")
def test(route: str, routes: Path | None, *, as_json: bool) -> None:
    """Send a sample alert to every recipient of ROUTE, now: quiet hours and ceilings are not asked."""
    from stream.delivery.loading import load_routes

    settings = load_settings(routes=routes)
    loaded = load_routes(routes_of(settings), settings)
    found = next((one for one in loaded.routes.routes if one.name == route), None)
    if found is None:
        known = ", ".join(one.name for one in loaded.routes.routes)
        raise Problem(f"{loaded.path} has no route {clean(route)}; it has {known}.")
    results = asyncio.run(_try(loaded, found))
    for result in results:
        if as_json:
            print_json(result)
        else:
            click.echo(f"{result['to']}: {result['state']}: {clean(result['says'])}")
    sys.exit(0 if all(result["state"] == "delivered" for result in results) else 1)


async def _try(loaded: Any, route: Any) -> list[dict[str, Any]]:
    from stream.delivery.message import Delivered
    from stream.delivery.rendering.sample import samples

    sample, link = samples()["up"], loaded.routes.link
    facts = {account: {**known, "name": f"{known['name']} (a sample)"} for account, known in sample.facts.items()}
    results = []
    for to in route.destinations:
        target = to.target
        key = f"test/{route.name}/{target.id}/{time.time_ns()}"
        alert = replace(
            sample,
            key=key,
            route=route.name,
            channel=target.channel,
            recipient=target.recipient,
            facts=facts,
            link=link and link.replace("{account}", sample.changes[0]["data"]["account"]),
        )
        outcome = await loaded.channels[target.channel].deliver(alert)
        good = isinstance(outcome, Delivered)
        says = outcome.status if isinstance(outcome, Delivered) else outcome.reason
        results.append({"to": target.id, "state": "delivered" if good else "failed", "says": says})
    for channel in loaded.channels.values():
        await channel.close()
    return results


@command.command("snooze", short_help="Tell nobody of an account for a while.")
@click.argument("account")
@click.option("--for", "span", help="How long, such as 30d or 12h.")
@click.option("--end", is_flag=True, help="End it: alerts of this account are told again.")
@broker_option
@exits("the command is in the log", "it is not; the error says why")
def snooze(account: str, span: str | None, broker: str | None, *, end: bool) -> None:
    """Tell nobody of ACCOUNT (a domain) for a while; what waits of it is taken back."""
    from stream.delivery.work import command as said
    from stream.identity import Unidentifiable, canonical_account

    if (span is None) == (not end):
        raise click.UsageError("say for how long, as --for 30d, or --end; one of the two.")
    try:
        for_ms = 0 if span is None else parse_duration(span)
        name = canonical_account(account)
    except Unidentifiable as error:
        raise Problem(f"{clean(account)}: {error}.") from None
    except ValueError as error:
        raise click.UsageError(f"--for {span}: {error}") from None
    settings = load_settings(broker=broker)
    _tell(settings, said("snooze", settings, name, for_ms=for_ms))
    click.echo(f"{name}: told of again." if end else f"{name}: nobody is told of it for {span}.")


@command.command("retry", short_help="Send again what was given up.")
@click.argument("keys", nargs=-1, metavar="[ALERT…]")
@click.option("--channel", help="All that was given up of this channel; it is turned on again if it was off.")
@click.option("--all", "everything", is_flag=True, help="All that was given up.")
@broker_option
@exits("the command is in the log", "there is no such alert, or no log")
def retry(keys: tuple[str, ...], channel: str | None, broker: str | None, *, everything: bool) -> None:
    """Send again what was given up, each with the idempotency key it had: `tierline alerts list` shows them."""
    from stream.delivery.reading import state_in
    from stream.delivery.work import command as said
    from stream.reading import open_to_read

    if bool(keys) + (channel is not None) + everything != 1:
        raise click.UsageError("name alerts, or give --channel or --all; one of the three.")
    settings = load_settings(broker=broker)
    with open_to_read(settings) as log:
        parked = state_in(log, settings).parked
    for key in keys:
        if key not in parked:
            raise Problem(f"no alert {clean(key)} was given up; `tierline alerts list` shows those there are.")
    wanted = list(parked) if everything else list(keys)
    _tell(settings, said("retry", settings, keys=wanted, **({"channel": channel} if channel else {})))
    count = sum(one.channel == channel for one in parked.values()) if channel else len(wanted)
    click.echo(f"{many(count, 'alert')} will be tried again.")


def _tell(settings: Settings, append: Any) -> None:
    """A command for the alerting app: its place in the log decides."""
    from stream.topology import open_log

    with open_log(settings, create=False) as log:
        log.append([append])
    logging.getLogger("tierline").debug("%s: %s", ALERT_QUEUE, orjson.loads(append.value))
