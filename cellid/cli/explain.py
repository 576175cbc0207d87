"""The command that explains a classifier."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import Axes, Channel, Out, Overwrite, PixelSize, RunFolder, app, start_keras
from cellid.config import ExplainSettings, InputSettings
from cellid.recipes import parse_settings

_DEFAULT = ExplainSettings()


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
        str, typer.Option(help="Stage of the network that is looked into: layer1 to layer4.")
    ] = _DEFAULT.layer,
    method: Annotated[str, typer.Option(help="gradcam or gradcam++.")] = _DEFAULT.method,
    embedding: Annotated[
        str, typer.Option(help="How patches are brought to a plane: tsne, umap or none.")
    ] = _DEFAULT.embedding,
    axes: Axes = None,
    channel: Channel = None,
    pixel_size: PixelSize = None,
    overwrite: Overwrite = False,
) -> None:
    """Show where a classifier looks, and which patches it takes for alike.

    On a data set also whether it looks at the true objects, against chance.
    """
    given = {"layer": layer, "method": method, "embedding": embedding}
    settings = parse_settings(ExplainSettings, given, subject="cellid explain")
    start_keras()
    from cellid.models.classifier import load_classifier
    from cellid.workflows.explanation import explain as workflow

    problems = workflow(
        load_classifier(run),
        images,
        out,
        settings,
        InputSettings(axes=axes, phase_channel=channel, pixel_size_um=pixel_size),
        split,
        overwrite,
    )
    if problems:
        raise typer.Exit(1)
