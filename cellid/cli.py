"""The command line: one command a workflow.

Workflows are imported inside the commands, so that ``-h`` and ``label`` do not wait for
TensorFlow.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellid.config import InputSettings, OutputSettings, SimulateSettings
from cellid.errors import CellidError
from cellid.recipes import PRESETS, describe_settings, load_recipe, override_settings

if TYPE_CHECKING:
    from cellid.workflows.labelling import Source

_INTERRUPTED = 130  # what a shell calls a command ended by Ctrl-C

app = typer.Typer(
    help="Find and count nuclei in label-free microscopy with a model trained on your own "
    "stained images.\n\nFirst time: label-and-train. Then: predict.",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

Phase = Annotated[Path | None, typer.Option(help="Folder of phase-contrast or brightfield images.")]
Stain = Annotated[
    Path | None,
    typer.Option(help="Folder of the stain images of the same fields; may be the same folder."),
]
Lines = Annotated[
    list[str] | None,
    typer.Option(
        "--line",
        metavar="NAME=DIR",
        help="Instead of --phase and --stain, once for each cell line: its name and the folder "
        "with both kinds of image, told apart by their names.",
    ),
]
Out = Annotated[Path, typer.Option(help="Folder to write to.")]
Preset = Annotated[
    str | None, typer.Option(help=f"Set of settings to start from: {' or '.join(PRESETS)}.")
]
RecipeFile = Annotated[
    Path | None,
    typer.Option("--recipe", help="TOML file with settings, such as a run's recipe.toml."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change one setting, such as train.epochs=400; may be repeated. "
        "`cellid settings` lists all.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training.")]


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
    overwrite: Overwrite = False,
) -> None:
    """The whole job: label, select, split, train, evaluate, report.

    Interrupted, it goes on when the same command is given again.
    """
    _start_keras()
    from cellid.workflows.main_job import label_and_train as workflow

    settings = load_recipe(preset, recipe, set_ or ())
    workflow(_sources(phase, stain, line), out, settings, pure, overwrite)


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
        _sources(phase, stain, line), out, load_recipe(preset, recipe, set_ or ()), overwrite
    )
    typer.echo(f"data set: {dataset.folder}; look at {dataset.folder / 'contact_sheet.png'}")


@app.command()
def train(
    dataset: Annotated[Path, typer.Argument(metavar="DATASET", help="Folder made by `label`.")],
    out: Out,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    overwrite: Overwrite = False,
) -> None:
    """Train a network on a data set. Interrupted, it goes on when called again."""
    _start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.training import train as workflow

    settings = load_recipe(preset, recipe, set_ or ())
    run = workflow(read_dataset(dataset), out, settings, overwrite)
    typer.echo(f"run: {run.folder}; next: cellid evaluate {run.folder} {dataset}")


@app.command()
def predict(
    run: RunFolder,
    images: Annotated[
        list[Path], typer.Argument(metavar="IMAGES...", help="Images, stacks or folders of them.")
    ],
    out: Out,
    axes: Annotated[
        str | None, typer.Option(help="Axes of the files, such as TYX, if they do not say.")
    ] = None,
    channel: Annotated[
        int | None, typer.Option(help="Channel of the phase image, from 0, if there are several.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="µm a pixel, if the files do not say.")
    ] = None,
    probability: Annotated[
        bool, typer.Option("--probability", help="Also write the probability of a nucleus.")
    ] = False,
    no_overlays: Annotated[
        bool, typer.Option("--no-overlays", help="Do not draw the outlines on the images.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """Find the nuclei in label-free images: label images, outlines, tables."""
    _start_keras()
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
    split: Annotated[str, typer.Option(help="Which part: train, validation or test.")] = "test",
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html; if not given, the first RUN.")
    ] = None,
) -> None:
    """Score trainings on the test fields of a data set and write the report."""
    _start_keras()
    from cellid.dataset import read_dataset
    from cellid.models.run import load_run
    from cellid.workflows.evaluation import evaluate as workflow

    report = workflow([load_run(run) for run in runs], read_dataset(dataset), out, split)
    typer.echo(f"report: {report}")


@app.command()
def report(run: RunFolder) -> None:
    """Write the report of an evaluated training again, from its files."""
    _start_keras()
    from cellid.workflows.evaluation import rewrite_report

    typer.echo(f"report: {rewrite_report(run)}")


@app.command()
def simulate(out: Out, set_: Overrides = None) -> None:
    """Draw stained pairs with known truth, to try cellid or to check a pipeline with."""
    from cellid.simulate import write_simulation

    chosen = override_settings(SimulateSettings, set_ or ())
    typer.echo(f"simulated pairs: {write_simulation(chosen, out)}")


@app.command()
def settings(preset: Preset = None, recipe: RecipeFile = None, set_: Overrides = None) -> None:
    """List all settings with their values and what they mean."""
    typer.echo(describe_settings(load_recipe(preset, recipe, set_ or ())))


@app.command()
def doctor() -> None:
    """Say what cellid runs on: versions, GPU, memory, disk, and whether a network runs."""
    _start_keras()
    from cellid.workflows.doctor import examine

    for line in examine():
        typer.echo(line)


def _start_keras() -> None:
    from cellid.nn.startup import start_keras

    typer.echo("starting Keras …")
    start_keras()


def _sources(phase: Path | None, stain: Path | None, lines: list[str] | None) -> list["Source"]:
    from cellid.workflows.labelling import Source

    given = [option is not None for option in (phase, stain)]
    if (lines and any(given)) or (not lines and not all(given)):
        raise CellidError(
            "--phase, --stain, --line",
            expected="--phase DIR and --stain DIR, or --line NAME=DIR for each cell line",
            got=" ".join(sys.argv[1:]) or "nothing",
            remedy="give both folders, which may be the same, or one --line for each cell line",
        )
    if phase is not None and stain is not None:
        return [Source(phase, stain)]
    sources = []
    for line in lines or ():
        name, equals, folder = line.partition("=")
        if not (name and equals and folder):
            raise CellidError(
                f"--line {line}",
                expected="NAME=DIR, such as HeLa=images/hela",
                got=repr(line),
                remedy="write the line's name, = and its folder",
            )
        sources.append(Source(Path(folder), Path(folder), name))
    return sources


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; a mistake of the user's ends in a message, not a traceback."""
    try:
        app(arguments, prog_name="cellid")
    except CellidError as error:
        typer.echo(f"cellid: {error}", err=True)
        sys.exit(2)
    except SystemExit as stop:
        if stop.code == _INTERRUPTED:
            typer.echo("\ncellid: interrupted; a training goes on when called again", err=True)
        raise
