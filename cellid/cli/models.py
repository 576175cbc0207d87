"""Commands that train, use and judge models."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import (
    Axes,
    Channel,
    DatasetFolder,
    Out,
    Overrides,
    Overwrite,
    PixelSize,
    Preset,
    RecipeFile,
    RunFolder,
    app,
    start_keras,
)
from cellid.config import InputSettings, LearningCurveSettings, OutputSettings
from cellid.recipes import load_recipe


@app.command()
def train(
    dataset: DatasetFolder,
    out: Out,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on a data set. Interrupted, it goes on when called again."""
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.training import train as workflow

    settings = load_recipe(preset, recipe, set_ or ())
    run = workflow(read_dataset(dataset), out, settings, overwrite)
    typer.echo(f"run: {run.folder}; next: cellid evaluate {run.folder} {dataset}")


@app.command("learning-curve")
def learning_curve(
    dataset: DatasetFolder,
    out: Out,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    repeats: Annotated[
        int,
        typer.Option(min=1, help="Trainings on each number of fields, every one on other fields."),
    ] = LearningCurveSettings().repeats,
) -> None:
    """Say what more images would bring: train on 1, 2, 4, 8 … fields, and score.

    Interrupted, it goes on when called again; with more repeats, it adds them.
    """
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.learning_curve import trace_learning_curve

    settings = LearningCurveSettings(repeats=repeats)
    trace_learning_curve(
        read_dataset(dataset), out, load_recipe(preset, recipe, set_ or ()), settings
    )


@app.command()
def predict(
    run: RunFolder,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Images, stacks or folders of them.")
    ],
    out: Out,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size: PixelSize = None,
    probability: Annotated[
        bool, typer.Option("--probability", help="Also write the probability of a nucleus.")
    ] = False,
    no_overlays: Annotated[
        bool, typer.Option("--no-overlays", help="Do not draw the outlines on the images.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Find the nuclei in label-free images: label images, outlines, tables."""
    start_keras()
    from cellid.models.run import load_run
    from cellid.workflows.prediction import predict as workflow

    problems = workflow(
        load_run(run),
        images,
        out,
        InputSettings(axes=axes, phase_channel=channel, pixel_size_um=pixel_size),
        OutputSettings(overlays=not no_overlays, probability=probability),
        overwrite,
    )
    typer.echo(f"counts: {out / 'counts.csv'}; nuclei: {out / 'objects.csv'}; labels: {out}/labels")
    if problems:
        raise typer.Exit(1)


@app.command()
def evaluate(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of one or more trainings.")
    ],
    dataset: Annotated[Path, typer.Option(help="Data set to score them on, made by `label`.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html; if not given, the first RUN.")
    ] = None,
) -> None:
    """Score trainings on the test fields of a data set and write the report."""
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.models.run import load_run
    from cellid.workflows.evaluation import evaluate as workflow

    report = workflow([load_run(run) for run in runs], read_dataset(dataset), out, split)
    typer.echo(f"report: {report}")


@app.command()
def generalise(
    run: RunFolder,
    datasets: Annotated[
        list[Path], typer.Argument(metavar="DATASET...", help="Data sets made by `label`.")
    ],
    out: Out,
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "all",
    match_size: Annotated[
        bool,
        typer.Option(
            "--match-size",
            help="Rescale each data set by the diameter of its nuclei, not by pixel sizes.",
        ),
    ] = False,
) -> None:
    """Score a training on other data sets: by data set, and by kind of image it may fail on.

    Interrupted, it goes on when called again; with more data sets, it adds them.
    """
    start_keras()
    from cellid.models.run import load_run
    from cellid.workflows.generalisation import generalise as workflow

    if workflow(load_run(run), datasets, out, split, match_size):
        raise typer.Exit(1)


@app.command()
def report(run: RunFolder) -> None:
    """Write the report of an evaluated training again, from its files."""
    start_keras()
    from cellid.workflows.evaluation import rewrite_report

    typer.echo(f"report: {rewrite_report(run)}")
