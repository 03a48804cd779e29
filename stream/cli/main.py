"""The command line. One file a command; each is imported only when it is called, so that ``--help`` is quick.

Exit codes: 0 all went well; 1 something was found or went wrong, and was said; 2 the command was called wrongly.
"""

from __future__ import annotations

import gc
import sys
from importlib import import_module

import click

COMMANDS = {
    "demo": "Run a simulated market (or real companies) through the whole system and watch tiers change.",
    "run": "Serve: read signals, keep scores, emit tier changes.",
    "send": "Send signals from files or standard input.",
    "replay": "Run profiles over a file of signals, without a log, and print the tier changes.",
    "accounts": "Who is in which tier now.",
    "explain": "Why an account scores what it scores, what changed it, what is missing, when it cools.",
    "profile": "Check and show profiles.",
    "alerts": "Who is told of which tier changes: run, try on history, list, retry, snooze.",
    "rejected": "Records that could not be used: list, show, mend and send again.",
    "topics": "On Kafka: make the topics of this installation, or check those that are there.",
    "migrate": "Move an installation to another log: a file to Kafka, or back.",
    "backup": "Copy the log's file while a worker runs on it.",
    "restore": "Put a backup in the place of the log's file.",
    "bench": "Measure a worker on your own Kafka: signals a second, latency.",
    "doctor": "Check settings, log, profiles and clock, and say what to mend.",
}


class Lazy(click.Group):
    """A group that imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Commands in the order a newcomer meets them."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"stream.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="tierline", prog_name="tierline")
def cli() -> None:
    """Tierline: an ideal customer profile as a running system.

    Settings are read from TIERLINE_* variables; `tierline doctor` shows them all.
    """


def main() -> None:
    """Entry point of the ``tierline`` command: errors that are for people end it with one message, not a traceback."""
    gc.set_threshold(50_000, 20)  # what is imported stays: to look through it again and again is an eighth of a start
    from stream.cli.errors import told
    from stream.compiled import behind

    if changed := behind():
        click.echo(f"tierline: {changed[0]} is not what was compiled; run `make compiled`, then this again", err=True)
        sys.exit(1)
    with told():
        cli.main(prog_name="tierline", standalone_mode=True)
    sys.exit(0)
