"""Where a command starts and how it ends."""

import sys

import typer

from cellid.cli.app import app
from cellid.errors import CellidError, DiskFullError

_INTERRUPTED = 130  # what a shell calls a command ended by Ctrl-C


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user's ends in a message, not a traceback."""
    try:
        app(arguments, prog_name="cellid")
    except CellidError as error:
        typer.echo(f"cellid: {error}", err=True)
        # The command itself is right where the disk is full
        sys.exit(1 if isinstance(error, DiskFullError) else 2)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            typer.echo(
                "\ncellid: interrupted; trainings and tracks go on when called again", err=True
            )
        raise
