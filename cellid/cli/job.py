"""The whole job in one command."""

from typing import Annotated

import typer

from cellid.cli.app import (
    Correct,
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
from cellid.recipes import load_recipe


@app.command("label-and-train")
def label_and_train(
    out: Out,
    phase: Phase = None,
    stain: Stain = None,
    line: Lines = None,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    pure: Annotated[
        bool, typer.Option("--pure", help="Also train a classifier on each cell line alone.")
    ] = False,
    correct: Correct = None,
    overwrite: Overwrite = False,
) -> None:
    """The whole job: label, select, split, train, evaluate, report.

    Interrupted, it goes on when the same command is given again.
    """
    start_keras()
    from cellid.workflows.main_job import label_and_train as workflow

    settings = load_recipe(preset, recipe, [*(set_ or ()), *correction_override(correct)])
    workflow(read_sources(phase, stain, line), out, settings, pure, overwrite)
