"""Errors for people: what happened, where, what to do; on standard error, exit code 1, no traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from stream.profiles.errors import ProfileErrors
from stream.settings import SettingsError
from stream.transports.errors import LogError


@contextmanager
def told() -> Iterator[None]:
    """Turn errors that a person can mend into one message and exit code 1."""
    try:
        yield
    except (SettingsError, ProfileErrors, LogError) as error:
        click.echo(f"tierline: {error}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # the reader of our output has gone, as in `tierline replay … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
