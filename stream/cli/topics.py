"""``tierline topics``: the topics of this installation on Kafka: make them, or say what differs."""

from __future__ import annotations

import sys
from typing import Any

import click
from rich.text import Text

from schemas.topics import TOPICS
from stream.cli.options import broker_option, exits, json_option
from stream.cli.tables import Problem, cell, clean, console, many, print_json, table
from stream.settings import Settings, load_settings
from stream.topology import connect_kafka
from stream.transports.kafka_admin import Difference, check_topics, create_topics


@click.group("topics")
def command() -> None:
    """Make the topics of this installation on Kafka, or check those that are there.

    `tierline run` never creates topics. Their number of partitions is TIERLINE_PARTITIONS, their prefix
    TIERLINE_TOPIC_PREFIX, their copies TIERLINE_KAFKA_REPLICATION.
    """


@command.command("create", short_help="Make those that are missing.")
@json_option("Print one JSON document: what was made, and what differs.")
@broker_option
@exits("all topics are there, and workers can run on them", "they cannot, or a topic could not be made")
def create(broker: str | None, *, as_json: bool) -> None:
    """Make the topics that are missing, as they should be. Those that are there are not touched.

    What differs in those that are there is told as by `tierline topics check`.
    """
    settings = _settings(broker)
    with connect_kafka(settings) as log:
        made = create_topics(log, settings)
        found = check_topics(log, settings)
    if as_json:
        print_json({"made": made, **_document(found)})
    else:
        for topic in made:
            click.echo(f"made {topic}")
        if not made:
            click.echo(f"All {len(TOPICS)} topics were there.")
        _print(found)
    sys.exit(1 if any(one.fatal for one in found) else 0)


@command.command("check", short_help="Say what differs from how they should be.")
@json_option("Print one JSON document: ok, and each difference.")
@broker_option
@exits("workers can run on them; there may be differences that do not keep them from it", "they cannot")
def check(broker: str | None, *, as_json: bool) -> None:
    """Compare the topics with how they should be: partitions, compaction, retention, times, sizes, copies.

    For a cluster that somebody else has set up. Changes nothing. Each difference is `fatal` (workers cannot run, or
    would lose what they must not) or `differs`, with what it leads to and how to mend it.
    """
    settings = _settings(broker)
    with connect_kafka(settings) as log:
        found = check_topics(log, settings)
    if as_json:
        print_json(_document(found))
    else:
        _print(found)
        if not found:
            click.echo(f"All {len(TOPICS)} topics are as they should be.")
    sys.exit(1 if any(one.fatal for one in found) else 0)


def _settings(broker: str | None) -> Settings:
    settings = load_settings(broker=broker)
    if settings.embedded:
        raise Problem(f"{settings.broker} is a file, which has its topics. Set TIERLINE_BROKER=kafka://host:9092.")
    return settings


def _document(found: list[Difference]) -> dict[str, Any]:
    keys = ("topic", "setting", "wanted", "found", "fatal", "why")
    rows = [{key: getattr(one, key) for key in keys} for one in found]
    return {"ok": not any(one.fatal for one in found), "differences": rows}


def _print(found: list[Difference]) -> None:
    if not found:
        return
    out = console()
    made = table("topic", "setting", "is", "should be", "", fold=("topic", "setting"))
    for one in found:
        told = cell("fatal", "bold red") if one.fatal else cell("differs", "yellow")
        made.add_row(cell(one.topic), cell(one.setting), cell(one.found), cell(one.wanted), told)
    out.print(made)
    for why in dict.fromkeys(one.why for one in found):
        out.print(Text(f"→ {clean(why)}"), soft_wrap=True)
    fatal = sum(one.fatal for one in found)
    click.echo(f"{many(len(found), 'difference')}, {fatal} fatal.", err=True)
