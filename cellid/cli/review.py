"""Labels handed to a person, and taken back."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import DatasetFolder, app
from cellid.config import ReviewSettings
from cellid.errors import CellidError
from cellid.recipes import parse_settings

_DEFAULT = ReviewSettings()


@app.command()
def review(
    dataset: DatasetFolder,
    out: Annotated[
        Path | None, typer.Option(help="New folder to write doubtful crops to, for correction.")
    ] = None,
    n: Annotated[int, typer.Option(min=1, help="How many crops.")] = _DEFAULT.n_crops,
    crop: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="Instead of doubtful ones this crop; may be repeated."),
    ] = None,
    take: Annotated[
        Path | None, typer.Option(help="Such a folder, corrected, to take back into the data set.")
    ] = None,
    by: Annotated[
        str,
        typer.Option(envvar=["USER", "USERNAME"], help="Who has corrected it; is written down."),
    ] = "",
    weight: Annotated[
        float, typer.Option(min=0, help="Of corrected crops in training; others have 1.")
    ] = _DEFAULT.weight,
    confirm_unchanged: Annotated[
        bool,
        typer.Option("--confirm-unchanged", help="Unchanged crops were looked at and are right."),
    ] = False,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Also replace labels that are others since the export."),
    ] = False,
) -> None:
    """Write doubtful crops for correction in napari, Fiji or Label Studio; take them back.

    Nothing is lost: `undo-corrections --by hand` puts the first labels back.
    """
    from cellid.dataset import read_dataset
    from cellid.workflows.review import export_review
    from cellid.workflows.review_return import take_review

    if (out is None) == (take is None):
        raise CellidError(
            "--out, --take",
            expected="--out DIR to write crops for correction, or --take DIR to take them back",
            got="neither" if out is None else "both",
            remedy="give one of them",
        )
    settings = parse_settings(ReviewSettings, {"weight": weight}, "--weight")
    if out is not None:
        handed_out = export_review(read_dataset(dataset), out, n, crop or ())
        typer.echo(f"{len(handed_out.crops)} crops to check: {out}; see {out / 'README.txt'}")
    elif take is not None and take_review(
        read_dataset(dataset), take, by, settings.weight, confirm_unchanged, overwrite
    ):
        raise typer.Exit(1)
