"""Commands that study what scores and settings are worth."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from cellid.cli.app import (
    DatasetFolder,
    Out,
    Overrides,
    Overwrite,
    Preset,
    RecipeFile,
    RunFolder,
    app,
    start_keras,
)
from cellid.config import AlphaStudySettings, NoiseStudySettings
from cellid.recipes import load_recipe, parse_settings

_ALPHAS = list(AlphaStudySettings().values)


class _StudyGroup(TyperGroup):
    """Takes the name of a study file for the command that runs it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args[0].endswith(".toml"):
            args = ["run", *args]
        return super().resolve_command(ctx, args)


study = typer.Typer(
    cls=_StudyGroup,
    help="Compare trainings: `cellid study FILE.toml --out DIR` runs a grid of settings and "
    "seeds; the commands are studies of one matter each.",
    subcommand_metavar="FILE.toml | COMMAND [ARGS]...",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(study, name="study")


@study.command()
def run(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.toml", help="What is compared: data set, seeds, [set] and [grid]."
        ),
    ],
    out: Out,
    jobs: Annotated[
        int, typer.Option(min=1, help="Trainings at once; no more than there are GPUs, if any.")
    ] = 1,
    search: Annotated[
        bool,
        typer.Option("--search", help="Search among the ranges in [search], and the [grid]."),
    ] = False,
) -> None:
    """Compare trainings: a grid of settings and seeds; `study FILE.toml` is short for it.

    Interrupted, it goes on when called again; with more levels, seeds or trials, it adds them.
    """
    from cellid.workflows.search import search_settings
    from cellid.workflows.study import run_study

    if (search_settings if search else run_study)(file, out, jobs):
        raise typer.Exit(1)


@study.command()
def noise(
    run: RunFolder,
    dataset: Annotated[Path, typer.Option(help="Data set to score it on, made by `label`.")],
    out: Out,
    split: Annotated[str, typer.Option(help="Which part: train, validation or test.")] = "test",
    seed: Annotated[int, typer.Option(min=0, help="Of what is spoilt.")] = (
        NoiseStudySettings().seed
    ),
    overwrite: Overwrite = False,
) -> None:
    """Say how scores mislead where labels are bad: the same nuclei, labels spoilt step by step.

    Nothing is trained, and the data set stays as it is.
    """
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.models.run import load_run
    from cellid.workflows.noise_study import study_noise

    settings = NoiseStudySettings(seed=seed)
    report = study_noise(load_run(run), read_dataset(dataset), out, settings, split, overwrite)
    typer.echo(f"report: {report}")


@study.command()
def alpha(
    dataset: DatasetFolder,
    out: Out,
    preset: Preset = None,
    recipe: RecipeFile = None,
    set_: Overrides = None,
    values: Annotated[
        list[float],
        typer.Option("--value", help="A value of train.loss.alpha; give the option once for each."),
    ] = _ALPHAS,
) -> None:
    """Say what the weight of nucleus against background does: a training a value of α.

    Interrupted, it goes on when called again; with more values, it adds them.
    """
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.workflows.alpha_study import study_alpha

    settings = parse_settings(AlphaStudySettings, {"values": sorted(set(values))}, "--value")
    study_alpha(read_dataset(dataset), out, load_recipe(preset, recipe, set_ or ()), settings)
