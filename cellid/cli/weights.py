"""Commands for pretrained weights."""

from typing import Annotated

import typer

from cellid.cli.app import app
from cellid.errors import CellidError
from cellid.io import pretrained_files

weights = typer.Typer(
    help="List, fetch and verify the pretrained weights that trainings can start from.",
    epilog=f"They are kept in {pretrained_files.CACHE}, else in your folder for cached files, and "
    f"come from torchvision's address, or the one in {pretrained_files.MIRROR}.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(weights, name="weights")


@weights.command("list")
def list_() -> None:
    """Say which weights are known, and which of them are here."""
    for name, entry in pretrained_files.PRETRAINED.items():
        here = entry.path if entry.path.is_file() else "not fetched"
        typer.echo(f"{name}: {entry.about}; {here}")


@weights.command()
def fetch(name: Annotated[str, typer.Argument(help="One of `cellid weights list`.")]) -> None:
    """Download weights, unless they are here, and check them by their SHA-256."""
    typer.echo(f"weights: {pretrained_files.fetch(name)}")


@weights.command()
def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME|FILE]", help="One of `cellid weights list`, or a file of PyTorch's."
        ),
    ] = None,
) -> None:
    """Compare weights with their SHA-256; without a name, all that are here."""
    if name is not None:
        typer.echo(f"whole: {pretrained_files.verify(name)}")
        return
    damaged = False
    for known, entry in pretrained_files.PRETRAINED.items():
        if entry.path.is_file():
            try:
                typer.echo(f"whole: {pretrained_files.verify(known)}")
            except CellidError as error:
                typer.echo(f"cellid: {error}", err=True)
                damaged = True
    if damaged:
        raise typer.Exit(1)
