"""The command that explains a classifier, or a network that outlines objects."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import Axes, Channel, Out, Overwrite, PixelSize, RunFolder, app, start_keras
from cellid.config import ExplainSettings, InputSettings, InstanceExplainSettings
from cellid.errors import CellidError
from cellid.recipes import parse_settings
from cellid.runs import TASKS, read_task

_DEFAULT, _OF_INSTANCES = ExplainSettings(), InstanceExplainSettings()


@app.command()
def explain(
    run: RunFolder,
    images: Annotated[
        list[Path],
        typer.Argument(
            metavar="IMAGES|DATASET...", help="Images, stacks or folders of them; or a data set."
        ),
    ],
    out: Out,
    split: Annotated[
        str, typer.Option(help="Of a data set: train, validation, test or all.")
    ] = "test",
    layer: Annotated[
        str | None,
        typer.Option(
            help="Of a classifier: stage of the network that is looked into, layer1 to layer4.",
            show_default=_DEFAULT.layer,
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(help="Of a classifier: gradcam or gradcam++.", show_default=_DEFAULT.method),
    ] = None,
    embedding: Annotated[
        str | None,
        typer.Option(
            help="Of a classifier: how patches are brought to a plane, tsne, umap or none.",
            show_default=_DEFAULT.embedding,
        ),
    ] = None,
    max_drawn: Annotated[
        int | None,
        typer.Option(
            help="Of a network that outlines objects: most images that are drawn; all count.",
            show_default=str(_OF_INSTANCES.max_drawn),
        ),
    ] = None,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size: PixelSize = None,
    overwrite: Overwrite = False,
) -> None:
    """Show what a network does: where a classifier looks, or what parts of a Mask R-CNN are worth.

    Of a classifier also which patches it takes for alike and, on a data set, whether it looks at
    the true objects, against chance. Of a network that outlines objects what each part makes of an
    image, and what is lost without it.
    """
    of_classifier = _given({"layer": layer, "method": method, "embedding": embedding})
    of_instances = _given({"max_drawn": max_drawn})
    settings = parse_settings(ExplainSettings, of_classifier, subject="cellid explain")
    instance_settings = parse_settings(
        InstanceExplainSettings, of_instances, subject="cellid explain"
    )
    task = read_task(run)
    if task not in ("classify", "segment_instances"):
        raise CellidError(
            run,
            expected=f"a run that {TASKS['classify']} or {TASKS['segment_instances']}",
            got=f"one that {TASKS.get(task, 'does something else')}",
            remedy="give another run, trained with --preset adhesion-classifier or cell-instances; "
            "`cellid evaluate` scores every kind",
        )
    if task == "classify":
        _refuse(of_instances, task, "segment_instances")
    else:
        _refuse(of_classifier, task, "classify")
    start_keras()
    from cellid.models.classifier import load_classifier
    from cellid.models.instance_run import load_instance_run
    from cellid.workflows.explanation import explain as explain_classifier
    from cellid.workflows.instance_explanation import explain_instances

    inputs = InputSettings(axes=axes, phase_channel=channel, pixel_size_um=pixel_size)
    if task == "classify":
        problems = explain_classifier(
            load_classifier(run), images, out, settings, inputs, split, overwrite
        )
    else:
        problems = explain_instances(
            load_instance_run(run), images, out, instance_settings, inputs, split, overwrite
        )
    if problems:
        raise typer.Exit(1)


def _given(options: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse(options: dict[str, object], task: str, fitting: str) -> None:
    """Raise if options are given that only runs of another task have."""
    for name in options:
        raise CellidError(
            f"--{name.replace('_', '-')}",
            expected=f"a run that {TASKS[fitting]}",
            got=f"one that {TASKS[task]}",
            remedy="leave it out, or give another run",
        )
