"""Options that several commands have."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_broker = click.option("--broker", help="Where the log is: sqlite:///file or kafka://host:9092 (TIERLINE_BROKER).")


def broker_option(command: Command) -> Command:
    """``--broker``."""
    return _broker(command)


def json_option(help_: str) -> Callable[[Command], Command]:
    """``--json``, with what it prints."""
    return click.option("--json", "as_json", is_flag=True, help=help_)


def exits(well: str, badly: str) -> Callable[[Command], Command]:
    """Add the exit codes to a command's help: when it is 0, and when it is 1."""

    def told(command: Command) -> Command:
        codes = f"\b\nExit codes:\n  0  {well}\n  1  {badly}\n  2  called wrongly"
        command.__doc__ = f"{inspect.cleandoc(command.__doc__ or '')}\n\n{codes}"
        return command

    return told
