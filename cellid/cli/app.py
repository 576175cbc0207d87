"""The command line's application, and the options that several commands share."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cellid.errors import CellidError
from cellid.recipes import ALL_PRESETS, PRESETS

if TYPE_CHECKING:
    from cellid.workflows.labelling import Source

app = typer.Typer(
    help="Find, count and follow nuclei in label-free microscopy with a model trained on your "
    "own stained images.\n\nFirst time: label-and-train. Then: predict, or track for time-lapses.",
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
AnyPreset = Annotated[
    str | None, typer.Option(help=f"Set of settings to start from: {' or '.join(ALL_PRESETS)}.")
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
Correct = Annotated[
    str | None,
    typer.Option(
        metavar="off|suggest|apply",
        help="Have models that have not seen them judge the labels, and write down which look "
        "wrong (suggest) or train on the corrected ones (apply): correct.mode.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
Axes = Annotated[
    str | None, typer.Option(help="Axes of the files, such as TYX, if they do not say.")
]
Channel = Annotated[
    int | None, typer.Option(help="Channel of the phase image, from 0, if there are several.")
]
PixelSize = Annotated[float | None, typer.Option(help="µm a pixel, if the files do not say.")]
DatasetFolder = Annotated[
    Path, typer.Argument(metavar="DATASET", help="Folder of a data set, made by `label`.")
]
RunFolder = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of a training.")]


def start_keras() -> None:
    """Start Keras, which takes seconds, and say so."""
    from cellid.nn import startup

    typer.echo("starting Keras …")
    startup.start_keras()


def correction_override(mode: str | None) -> list[str]:
    """Return ``--correct`` as the setting that it stands for."""
    return [] if mode is None else [f"correct.mode={mode}"]


def read_sources(phase: Path | None, stain: Path | None, lines: list[str] | None) -> list["Source"]:
    """Return what ``--phase``, ``--stain`` and ``--line`` say together."""
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
