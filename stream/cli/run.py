"""``tierline run``: the worker, until it is told to stop."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from stream.cli.seldom import Seldom
from stream.settings import load_settings


@click.command("run")
@click.option("--profiles", type=click.Path(path_type=Path), help="Directory of profiles (TIERLINE_PROFILES).")
@click.option("--broker", help="Where the log is: sqlite:///file or kafka://host:9092 (TIERLINE_BROKER).")
@click.option("--web-port", type=int, help="Port of /metrics, /healthz, /readyz (TIERLINE_WEB_PORT).")
@click.option("--routes", type=click.Path(path_type=Path), help="File of alert routes (TIERLINE_ROUTES).")
@click.option("-v", "--verbose", is_flag=True, help="Log what the runtime does, too.")
def command(
    profiles: Path | None, broker: str | None, web_port: int | None, routes: Path | None, *, verbose: bool
) -> None:
    """Serve: read signals, keep scores, emit tier changes. Stops on SIGTERM or Ctrl-C, finishing what it holds.

    The profiles in the directory are brought into force at the start. Exit codes: 0 stopped, 1 could not start.
    """
    from stream.profiles import load_profiles
    from stream.worker import serve

    log_to_people(verbose=verbose)
    settings = load_settings(profiles=profiles, broker=broker, web_port=web_port, routes=routes)
    serve(settings, load_profiles(settings.profiles))


def log_to_people(*, verbose: bool) -> None:
    """Our own sentences on standard error; what the runtime does only where it is asked for, or is a warning."""
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)-7s %(message)s", datefmt="%Y-%m-%dT%H:%M:%S"
    )
    for handler in logging.getLogger().handlers:
        handler.addFilter(Seldom("aiokafka"))
    for name in ("faust", "mode", "aiohttp", "aiokafka", "kafka", "stream"):
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    if not verbose:  # a warning for each heartbeat while others finish what they hold: it is no trouble
        coordinator = logging.getLogger("aiokafka.consumer.group_coordinator")
        coordinator.addFilter(lambda record: "it is rebalancing" not in record.getMessage())
