"""Commands that explain."""

import typer

from cellid.cli.app import AnyPreset, Overrides, RecipeFile, app, start_keras
from cellid.recipes import describe_settings, load_any_recipe


@app.command()
def settings(preset: AnyPreset = None, recipe: RecipeFile = None, set_: Overrides = None) -> None:
    """List all settings with their values and what they mean."""
    typer.echo(describe_settings(load_any_recipe(preset, recipe, set_ or ())))


@app.command()
def doctor() -> None:
    """Say what cellid runs on: versions, GPU, memory, disk, and whether a network runs."""
    start_keras()
    from cellid.workflows.doctor import examine

    for line in examine():
        typer.echo(line)
