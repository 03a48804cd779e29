"""``tierline replay``: the engine over a file, without a log."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import BinaryIO

import click
import orjson

from schemas.times import parse_time
from stream.cli.options import exits
from stream.profiles import load_profiles
from stream.rejecting import rejected_document
from stream.replay import RejectedLine, Replay
from stream.scoring.engine import Limits
from stream.scoring.values import TierChange
from stream.settings import Settings, load_settings
from stream.wire import change_document


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    del ctx, param
    try:
        return None if value is None else parse_time(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def limits_of(settings: Settings) -> Limits:
    """The engine's limits as the settings say."""
    return Limits(horizon=settings.horizon, remembered=settings.remembered, whole=settings.remember == "all")


@click.command("replay")
@click.option(
    "--profiles", type=click.Path(exists=True, path_type=Path), required=True, help="Profile file or directory."
)
@click.option(
    "--signals",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
    required=True,
    help="JSON lines, one CloudEvent each; - reads standard input.",
)
@click.option(
    "--until", callback=_moment, metavar="TIME", help="Let time pass until then (default: the last record time)."
)
@click.option("--scores", is_flag=True, help="At the end print every account as on account-scores.")
@exits("read to the end, whatever was rejected", "a profile cannot be used, or the file cannot be read")
def command(profiles: Path, signals: Path, until: int | None, *, scores: bool) -> None:
    """Run profiles over a file of signals in file order, as an import, and print the tier changes as JSON lines.

    Rejected records go to standard error, one JSON line each. Records after --until are left out.
    """
    settings = load_settings()
    live = [profile.document for profile in load_profiles(profiles) if profile.mode == "live"]
    replay = Replay(live, limits_of(settings))
    with click.open_file(str(signals), "rb") as file:
        for result in replay.feed(file, until):
            if isinstance(result, RejectedLine):
                _print(sys.stderr.buffer, _rejected(result, str(signals)))
            else:
                _print(sys.stdout.buffer, _change(result, settings))
    for change in replay.finish(until):
        _print(sys.stdout.buffer, _change(change, settings))
    if scores:
        for document in replay.scores(settings.source):
            _print(sys.stdout.buffer, document)
    sys.stdout.flush()


def _change(change: TierChange, settings: Settings) -> dict[str, object]:
    return change_document(change, source=settings.source, importing=True, detected_at=_now())


def _rejected(result: RejectedLine, file: str) -> dict[str, object]:
    origin = {"file": file, "line": result.line}
    raw = result.raw.rstrip(b"\r\n")
    return rejected_document(result.refusal, raw=raw, key=None, headers=(), origin=origin, rejected_at=_now())


def _print(file: BinaryIO, document: dict[str, object]) -> None:
    file.write(orjson.dumps(document) + b"\n")


def _now() -> int:
    return time.time_ns() // 1_000_000
