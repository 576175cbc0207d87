"""Commands that make data sets."""

import typer

from cellid.cli.app import (
    Lines,
    Out,
    Overrides,
    Overwrite,
    Phase,
    Preset,
    RecipeFile,
    Stain,
    app,
    read_sources,
)
from cellid.config import SimulateSettings
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
