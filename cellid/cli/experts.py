"""Commands for experts who judge predictions blind."""

from pathlib import Path
from typing import Annotated

import typer

from cellid.cli.app import Out, Overwrite, app, start_keras
from cellid.config import ExpertSettings

_DEFAULT = ExpertSettings()

experts = typer.Typer(
    help="Have experts judge what trainings find, without knowing which is whose.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(experts, name="experts")


@experts.command()
def prepare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Folders of one or more trainings.")
    ],
    dataset: Annotated[Path, typer.Option(help="Data set to judge them on, made by `label`.")],
    out: Out,
    n: Annotated[int, typer.Option(min=1, help="Random crops of each cell line.")] = (
        _DEFAULT.n_crops
    ),
    seed: Annotated[
        int, typer.Option(min=0, help="Of the choice, the ids and the order.")
    ] = _DEFAULT.seed,
    split: Annotated[str, typer.Option(help="Which part: train, validation or test.")] = "test",
) -> None:
    """Write shuffled sheets without names, and a form that says what is wrong on them.

    Send the experts the folder for-experts, and nothing else.
    """
    start_keras()
    from cellid.dataset import read_dataset
    from cellid.models.run import load_run
    from cellid.workflows.experts import prepare as workflow

    settings = ExpertSettings(n_crops=n, seed=seed)
    folder = workflow(
        [load_run(run) for run in runs], read_dataset(dataset), out, settings, split, typer.echo
    )
    typer.echo(f"for the experts: {folder}; keep to yourself: {out / 'key.json'}")


@experts.command()
def score(
    answers: Annotated[
        list[Path],
        typer.Argument(metavar="ANSWERS...", help="A JSON or CSV file of each expert."),
    ],
    key: Annotated[Path, typer.Option(help="The key.json that `prepare` wrote.")],
    out: Out,
    overwrite: Overwrite = False,
) -> None:
    """Score the trainings by what the experts say, and how far the experts agree."""
    from cellid.workflows.expert_scores import score as workflow

    typer.echo(f"report: {workflow(answers, key, out, overwrite)}")
