"""``tierline profile``: check profiles, and read them."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from stream.cli.options import broker_option, exits, json_option
from stream.cli.profile_page import print_profile
from stream.cli.tables import Problem, clean, console, day_and_time, many, print_json, print_json_pretty
from stream.profiles import LoadedProfile, ProfileError, ProfileErrors, lint, lint_all, load_profile, load_profiles
from stream.profiles.load import ENDINGS
from stream.reading import open_to_read, profiles_in_force
from stream.settings import load_settings
from stream.transports.errors import LogError


@click.group("profile")
def command() -> None:
    """Check profiles before they run, and show what they say."""


@command.command("lint", short_help="Check files or directories; errors name the line and the mend.")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(exists=True, path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings are errors.")
@json_option("Print one JSON document.")
@exits("no errors (with --strict: no warnings either)", "errors")
def check(paths: tuple[Path, ...], *, strict: bool, as_json: bool) -> None:
    """Check profile files, or all those in a directory: file:line: what is wrong; how to mend it."""
    errors: set[ProfileError] = set()
    warnings: list[tuple[ProfileError, str]] = []
    files = 0
    for path in paths:
        loaded = _load(path, errors)
        files += len(loaded) + len({error.file for error in errors} - {str(one.path) for one in loaded})
        warnings += _warnings(loaded, together=path.is_dir())
    if as_json:
        print_json({
            "files": files,
            "errors": [_entry(error) for error in sorted(errors)],
            "warnings": [{**_entry(warning), "code": code} for warning, code in warnings],
        })  # fmt: skip
    else:
        for error in sorted(errors):
            click.echo(_line(error, "error"))
        for warning, _ in sorted(warnings):
            click.echo(_line(warning, "warning"))
        click.echo(f"{many(files, 'file')}: {many(len(errors), 'error')}, {many(len(warnings), 'warning')}.", err=True)
    sys.exit(1 if errors or (strict and warnings) else 0)


@command.command("show", short_help="Show a file, or the profile in force of that name, in words.")
@click.argument("what", metavar="PATH|NAME")
@json_option("Print the profile's document as JSON.")
@broker_option
@exits("shown", "no such profile, or it cannot be read")
def show(what: str, broker: str | None, *, as_json: bool) -> None:
    """Show a profile in words: a file, or by its name the one in force in the log."""
    path = Path(what)
    if path.is_dir():
        raise Problem(f"{what} is a directory; name one of the profiles in it.")
    if path.is_file() or path.suffix in ENDINGS:
        document, origin = load_profile(path).document, str(path)
    else:
        document, origin = _in_force(what, broker)
    if as_json:
        print_json_pretty(document)
    else:
        print_profile(console(), document, origin)


def _in_force(name: str, broker: str | None) -> tuple[dict[str, Any], str]:
    settings = load_settings(broker=broker)
    try:
        with open_to_read(settings) as log:
            force = profiles_in_force(log, settings)
    except LogError as error:
        raise Problem(f"there is no file {name}, and no log to look for a profile of that name in: {error}") from None
    for mode in ("live", "shadow"):
        if (name, mode) in force:
            row = force[name, mode]
            return row["profile"], f"in force since {day_and_time(row.get('activated_at'))}"
    known = ", ".join(sorted({name for name, _ in force})) or "none yet; `tierline run` brings those of its directory"
    raise Problem(f"there is no file {clean(name)}, and no profile of that name is in force. In force: {known}.")


def _load(path: Path, errors: set[ProfileError]) -> list[LoadedProfile]:
    """What can be loaded; what cannot joins ``errors``."""
    try:
        return load_profiles(path)
    except ProfileErrors as error:
        errors.update(error.errors)
    if not path.is_dir():
        return []
    loaded = []
    for file in sorted(path.iterdir()):  # one bad file hides no other
        if file.suffix in ENDINGS and not file.name.startswith(".") and file.is_file():
            try:
                loaded.append(load_profile(file))
            except ProfileErrors as error:
                errors.update(error.errors)
    return loaded


def _warnings(loaded: list[LoadedProfile], *, together: bool) -> list[tuple[ProfileError, str]]:
    today = datetime.now(UTC).date()
    documents = [profile.document for profile in loaded]
    remarks = (
        [found for _, found in lint_all(documents, today)] if together else [lint(one, today) for one in documents]
    )
    return [
        (ProfileError(str(profile.path), profile.line(remark.path), 0, remark.message, remark.mend), remark.code)
        for profile, found in zip(loaded, remarks, strict=True)
        for remark in found
    ]


def _line(error: ProfileError, kind: str) -> str:
    place = f"{error.file}:{error.line}" if error.line else error.file
    return clean(f"{place}: {kind}: {error.message}" + (f"; {error.mend}" if error.mend else ""))


def _entry(error: ProfileError) -> dict[str, Any]:
    return {
        "file": error.file,
        "line": error.line,
        "column": error.column,
        "message": error.message,
        "mend": error.mend,
    }
