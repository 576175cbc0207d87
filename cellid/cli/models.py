"""Commands that train, use and judge models."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellid.cli.app import (
    AnyPreset,
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
from cellid.config import (
    ClassifierRecipe,
    DetectorRecipe,
    GateSettings,
    InputSettings,
    InstanceRecipe,
    LearningCurveSettings,
    OutputSettings,
)
from cellid.errors import CellidError
from cellid.recipes import load_any_recipe, load_recipe
from cellid.runs import TASKS, read_task

if TYPE_CHECKING:
    from cellid.models.gate import Gate

GateRun = Annotated[
    Path | None,
    typer.Option(
        "--gate",
        metavar="RUN",
        help="For a detector: the run of a classifier of patches that says where it is to look.",
    ),
]


@app.command()
def train(
    dataset: Annotated[
        Path,
        typer.Argument(
            metavar="DATASET",
            help="Folder of a data set, made by `label`; for adhesion-classifier also one with "
            "the subfolders focal and non_focal of images.",
        ),
    ],
    out: Out,
    preset: AnyPreset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on a data set. Interrupted, it goes on when called again."""
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.classification import train_on_patches
    from cellid.workflows.detection import train_on_objects
    from cellid.workflows.training import train as workflow

    settings = load_any_recipe(preset, recipe, set_ or ())
    if isinstance(settings, ClassifierRecipe):
        train_on_patches(dataset, out, settings, overwrite)
    elif isinstance(settings, DetectorRecipe | InstanceRecipe):
        train_on_objects(read_dataset(dataset), out, settings, overwrite)
    else:
        workflow(read_dataset(dataset), out, settings, overwrite)
    typer.echo(f"run: {out}; next: cellid evaluate {out} --dataset {dataset}")


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
        bool, typer.Option("--probability", help="Also write the probability of every pixel.")
    ] = False,
    no_overlays: Annotated[
        bool, typer.Option("--no-overlays", help="Do not draw the result on the images.")
    ] = False,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Least probability of what is found; if not given, the one tuned in training.",
        ),
    ] = None,
    gate: GateRun = None,
    gate_threshold: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Least probability of a patch that is looked at; if not given, its own.",
        ),
    ] = None,
    cells: Annotated[
        Path | None,
        typer.Option(
            help="For a detector: folder of masks of the cells, named as the images; if not given, "
            "cells are found by their bright spots."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Find the nuclei in label-free images: label images, outlines, tables.

    Of a classifier: the class of every patch of the images. Of a detector: its objects, measured;
    with outlines, also as COCO writes them.
    """
    task = read_task(run)
    if task != "detect":
        _refuse(task, {"--gate": gate, "--gate-threshold": gate_threshold, "--cells": cells})
    start_keras()
    from cellid.io.mask_files import MaskFiles
    from cellid.workflows.any_run import at_threshold, load_any_run, predict_files
    from cellid.workflows.prediction_job import PredictionJob

    loaded = load_any_run(run)
    job = PredictionJob(
        images,
        out,
        InputSettings(axes=axes, phase_channel=channel, pixel_size_um=pixel_size),
        OutputSettings(overlays=not no_overlays, probability=probability),
        overwrite,
    )
    problems = predict_files(
        loaded if threshold is None else at_threshold(loaded, threshold),
        job,
        _open_gate(gate, gate_threshold),
        MaskFiles.of(cells) if cells else None,
    )
    made = {
        "segment": "counts: {0}/counts.csv; nuclei: {0}/objects.csv; labels: {0}/labels",
        "classify": "patches: {0}/patches.csv",
        "detect": "objects: {0}/objects.csv; cells: {0}/cells.csv; labels: {0}/labels",
        "segment_instances": "objects: {0}/objects.csv; outlines: {0}/instances.json, {0}/labels",
    }
    typer.echo(made[task].format(out))
    if problems:
        raise typer.Exit(1)


@app.command()
def evaluate(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of one or more trainings.")
    ],
    dataset: Annotated[Path, typer.Option(help="Data set to score them on, as for `train`.")],
    split: Annotated[str, typer.Option(help="train, validation, test or all.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html; if not given, the first RUN.")
    ] = None,
    gate: GateRun = None,
) -> None:
    """Score trainings on the test fields of a data set and write the report.

    Of several that find objects in different ways, U-Nets and detectors, all in one table.
    """
    task, *others = tasks = [read_task(run) for run in runs]
    if others and ("classify" in tasks or gate is not None):
        raise CellidError(
            "RUN",
            expected="one training; several only if all find objects, and without --gate",
            got=" ".join(map(str, runs)),
            remedy="evaluate each on its own",
        )
    if task != "detect":
        _refuse(task, {"--gate": gate})
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.models.classifier import load_classifier
    from cellid.models.detector import load_detector
    from cellid.models.instance_run import load_instance_run
    from cellid.models.run import load_run
    from cellid.workflows.any_run import load_any_run
    from cellid.workflows.classification import evaluate_classifier
    from cellid.workflows.detection import evaluate_detector
    from cellid.workflows.evaluation import evaluate as workflow
    from cellid.workflows.side_by_side import evaluate_side_by_side

    if others and set(tasks) != {"segment"}:
        loaded = [load_any_run(run) for run in runs]
        report = evaluate_side_by_side(loaded, read_dataset(dataset), out or runs[0], split)
    elif task == "classify":
        report = evaluate_classifier(load_classifier(runs[0]), dataset, out, split)
    elif task == "detect":
        report = evaluate_detector(
            load_detector(runs[0]), read_dataset(dataset), out, split, _open_gate(gate)
        )
    elif task == "segment_instances":
        instances = load_instance_run(runs[0])
        report = evaluate_detector(instances, read_dataset(dataset), out, split)
    else:
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
    task = read_task(run)
    start_keras()
    from cellid.report.classifier import write_classifier_report
    from cellid.report.detector import write_detector_report
    from cellid.workflows.evaluation import EVALUATION, rewrite_report

    if task == "classify":
        written = write_classifier_report(run, run / EVALUATION, run)
    elif task in ("detect", "segment_instances"):
        written = write_detector_report(run, run / EVALUATION, run)
    else:
        written = rewrite_report(run)
    typer.echo(f"report: {written}")


def _open_gate(run: Path | None, threshold: float | None = None) -> "Gate | None":
    """Return the gate that a classifier's run is, or None for none."""
    if run is None:
        return None
    from cellid.models.classifier import load_classifier
    from cellid.models.gate import Gate

    return Gate(load_classifier(run), GateSettings(threshold=threshold))


def _refuse(task: str, options: dict[str, object]) -> None:
    """Raise if options are given that only detectors have."""
    given = [option for option, value in options.items() if value is not None]
    if given:
        raise CellidError(
            given[0],
            expected="the run of a detector",
            got=f"one that {TASKS[task]}",
            remedy="leave it out, or give a run trained with --preset adhesion-detector",
        )
