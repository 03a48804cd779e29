"""``tierline explain``: one account, in every profile: why, since when, what is missing, when it cools."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import click

from schemas.times import format_time, parse_time
from stream.cli.account_page import print_account
from stream.cli.options import broker_option, exits, json_option
from stream.cli.replay import limits_of
from stream.cli.tables import Problem, clean, console, many, print_json_pretty
from stream.curve import Point, curve
from stream.identity import Unidentifiable, canonical_account
from stream.reading import (
    changes_of,
    nearest,
    open_to_read,
    profiles_in_force,
    score_of,
    scored,
    signals_of,
    waiting_of,
)
from stream.sending import known_aliases
from stream.settings import Settings, load_settings
from stream.topology import group_of
from stream.transports.seam import Log

DAY = 86_400_000
SAMPLES = 181


@dataclass(slots=True)
class Account:
    """What the log says of one account."""

    asked: str
    account: str
    names: list[str]
    """Other names that stand for it."""
    score: dict[str, Any]
    changes: dict[str, list[dict[str, Any]]]
    curves: dict[str, list[Point]]
    documents: dict[str, dict[str, Any]]
    """The profiles in force that the account is scored in."""


@click.command("explain")
@click.argument("account")
@click.option("--profile", help="Only this profile.")
@click.option("--days", type=click.IntRange(1, 3_660), default=90, show_default=True, help="How far the plot reaches.")
@json_option("Print one JSON document, with the points of the plot.")
@broker_option
@exits("explained", "nothing is known of the account (similar ones are named), or the log cannot be read")
def command(account: str, profile: str | None, days: int, broker: str | None, *, as_json: bool) -> None:
    """Explain an account's scores: what gives points, what is missing, what changed, when it cools.

    ACCOUNT in any spelling: a domain, a URL, an e-mail address, or an older name of the company.

    The score is as last published. The plot is made by replaying the account's signals under the profile now in force.
    """
    settings = load_settings(broker=broker)
    with open_to_read(settings) as log:
        found = _find(log, settings, account)
        if profile is not None:
            if profile not in found.score["profiles"]:
                there = ", ".join(sorted(found.score["profiles"]))
                raise Problem(f"{found.account} is not scored in a profile {profile!r}; it is in: {clean(there)}.")
            found.score["profiles"] = {profile: found.score["profiles"][profile]}
        _fill(log, settings, found, days)
    if as_json:
        print_json_pretty(_document(found))
    else:
        print_account(console(), found, days)


def _find(log: Log, settings: Settings, asked: str) -> Account:
    aliases = known_aliases(log, settings)
    try:
        name = aliases.resolve(canonical_account(asked))
    except Unidentifiable as error:
        meant = _meant(log, settings, asked)
        raise Problem(f"{clean(error)}.{meant}") from None
    score = score_of(log, settings, name)
    if score is None:
        raise Problem(_unknown(log, settings, asked, name))
    found = Account(asked, name, aliases.names_of(name), score, {}, {}, {})
    found.changes = {profile: [] for profile in score["profiles"]}
    for change in changes_of(log, settings, name):
        found.changes.setdefault(change["profile"], []).append(change)
    return found


def _fill(log: Log, settings: Settings, found: Account, days: int) -> None:
    """The curves, under the profiles in force."""
    now = time.time_ns() // 1_000_000
    as_of = parse_time(found.score["as_of"])
    end = now if as_of > now - days * DAY else as_of  # of an account long silent, its last days
    force = profiles_in_force(log, settings)
    found.documents = {name: row["profile"] for (name, mode), row in force.items() if mode == "live"}
    aliases = known_aliases(log, settings)
    signals = signals_of(log, settings, found.account, aliases)
    for name in found.score["profiles"]:
        if name in found.documents and signals:
            found.curves[name] = curve(
                signals, found.documents[name], limits_of(settings), start=end - days * DAY, end=end, samples=SAMPLES
            )


def _document(found: Account) -> dict[str, Any]:
    return {
        "account": found.account,
        "asked": found.asked,
        "other_names": found.names,
        "as_of": found.score["as_of"],
        "facts": found.score["facts"],
        "profiles": {
            name: {
                **standing,
                "changes": found.changes.get(name, []),
                "curve": [
                    {"time": format_time(at), "score": None if score is None else round(score, 6) + 0.0}
                    for at, score in found.curves.get(name, [])
                ],
            }
            for name, standing in found.score["profiles"].items()
        },
    }


def _unknown(log: Log, settings: Settings, asked: str, name: str) -> str:
    waiting = waiting_of(log, settings, name)
    if waiting:
        what = "a worker is reading" if log.members(group_of(settings)) else "start `tierline run`"
        return f"{name} is not scored yet, though the log has {many(waiting, 'record')} of it: {what}."
    return f"nothing is known of {name}.{_meant(log, settings, asked)}"


def _meant(log: Log, settings: Settings, asked: str) -> str:
    found = nearest(asked, scored(log, settings))
    if not found:
        return " `tierline accounts` lists those that are known."
    named = [f"{account} ({clean(name)})" if name else account for account, name in found]
    return f" Did you mean {' or '.join(named)}?"
