"""Commands that make data sets."""

from typing import Annotated

import typer

from cellid.cli.app import (
    DatasetFolder,
    Lines,
    Out,
    Overrides,
    Overwrite,
    Phase,
    Preset,
    RecipeFile,
    Stain,
    app,
    correction_override,
    read_sources,
    start_keras,
)
from cellid.config import SimulateSettings, TileSettings
from cellid.dataset.corrections import Corrector
from cellid.recipes import load_recipe, override_settings


@app.command()
def label(
    out: Out,
    phase: Phase = None,
    stain: Stain = None,
    line: Lines = None,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn stained pairs into a data set: labels, good crops chosen, fields split."""
    from cellid.workflows.labelling import label as workflow

    dataset = workflow(
        read_sources(phase, stain, line), out, load_recipe(preset, recipe, set_ or ()), overwrite
    )
    typer.echo(f"data set: {dataset.folder}; look at {dataset.folder / 'contact_sheet.png'}")


@app.command()
def simulate(out: Out, set_: Overrides = None) -> None:
    """Draw stained pairs with known truth, to try cellid or to check a pipeline with."""
    from cellid.simulate import write_simulation

    chosen = override_settings(SimulateSettings, set_ or ())
    typer.echo(f"simulated pairs: {write_simulation(chosen, out)}")


@app.command()
def tile(
    dataset: DatasetFolder, out: Out, set_: Overrides = None, overwrite: Overwrite = False
) -> None:
    """Cut a data set into overlapping tiles, such as 25 an image with --set "grid=[7, 7]".

    Tiles of an image stay in its split; --set tile_px=300 cuts images of any size.
    """
    from cellid.dataset import read_dataset
    from cellid.workflows.tiling import tile_dataset

    chosen = override_settings(TileSettings, set_ or ())
    tiles = tile_dataset(read_dataset(dataset), out, chosen, overwrite)
    typer.echo(f"data set: {tiles.folder}; look at {tiles.folder / 'contact_sheet.png'}")


@app.command()
def correct(
    dataset: DatasetFolder,
    out: Out,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    apply: Annotated[
        bool, typer.Option("--apply", help="Put the corrections in force, not only suggest them.")
    ] = False,
) -> None:
    """Find labels that look wrong to models that have not seen them, and correct them.

    Nothing is lost: `undo-corrections` puts the first labels back.
    """
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.correction import correct as workflow

    mode = correction_override("apply" if apply else "suggest")
    settings = load_recipe(preset, recipe, [*(set_ or ()), *mode])
    workflow(read_dataset(dataset), out, settings)
    typer.echo(f"proposals, with pictures: {out / 'proposals.html'}")


@app.command("undo-corrections")
def undo_corrections(
    dataset: DatasetFolder,
    by: Annotated[Corrector, typer.Option(help="Whose corrections are undone.")] = "model",
) -> None:
    """Put the first labels of a data set back in force."""
    from cellid.dataset import read_dataset
    from cellid.dataset import undo_corrections as undo

    before = read_dataset(dataset)
    undo(before, by)
    n = int((before.manifest["labelled_by"] == by).sum())
    typer.echo(f"crops with their first labels back: {n}")
