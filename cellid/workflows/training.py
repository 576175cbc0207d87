"""From a dataset folder to a run folder."""

import shutil
from collections.abc import Callable
from pathlib import Path

from cellid.config import Recipe
from cellid.dataset import Dataset, read_dataset
from cellid.errors import CellidError
from cellid.models.run import Run, load_run
from cellid.training import train_model
from cellid.workflows.evaluation import choose_split, evaluate
from cellid.workflows.resume import go_on


def train(
    dataset: Dataset,
    out: Path,
    recipe: Recipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Run:
    """Train on a dataset folder; called again after an interruption, it goes on.

    Parameters
    ----------
    dataset : Dataset
    out : Path
        The run folder: new, or that of the same training, interrupted.
    recipe : Recipe
    overwrite : bool
        Start anew in a folder that holds a training.
    say : callable
        Told what was understood.

    Returns
    -------
    Run

    Raises
    ------
    CellidError
        If there is too little to train on, or ``out`` holds another or a finished training.
    """
    prepare_run_folder(out, overwrite)
    return train_model(dataset, recipe, out, say)


def prepare_run_folder(out: Path, overwrite: bool) -> None:
    """Make sure that a training may begin in a folder, or go on.

    Parameters
    ----------
    out : Path
        The run folder.
    overwrite : bool
        Start anew in a folder that holds a training.

    Raises
    ------
    CellidError
        If ``out`` holds a finished training, and ``overwrite`` is off.
    """
    if overwrite:
        # without these two the folder is that of a new training; other files are replaced
        (out / "config.json").unlink(missing_ok=True)
        shutil.rmtree(out / "checkpoint", ignore_errors=True)
    elif (out / "config.json").exists():
        raise CellidError(
            out,
            expected="a new folder, or an interrupted training to go on with",
            got="a finished training",
            remedy="name another folder, or give --overwrite to train anew",
        )


def train_once(
    dataset: Dataset,
    out: Path,
    recipe: Recipe,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Run:
    """Train as `train` does, unless ``out`` holds a finished training already: load that.

    For workflows of several trainings, which go on where they were interrupted.

    Raises
    ------
    CellidError
        As `train`; and if the finished training is of another data set.
    """
    if overwrite or not (out / "config.json").exists():
        return train(dataset, out, recipe, overwrite, say)
    run = load_run(out)
    if run.config.provenance["dataset_hash"] != dataset.info.manifest_hash:
        raise CellidError(
            out,
            expected=f"a training on {dataset.folder} as it is now",
            got="one on other crops, splits or labels",
            remedy="name another folder, or remove this one",
        )
    say(f"{out}: trained before")
    return run


def train_and_evaluate(dataset: Path, out: Path, recipe: Recipe, split: str | None = None) -> Path:
    """Train on a data set, score and report, each unless it was done before.

    Parameters
    ----------
    dataset : Path
    out : Path
        The run folder.
    recipe : Recipe
    split : str or None
        That it is scored on; None: the test, or validation where there is none.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        As `train_once`.
    """
    data = read_dataset(dataset)
    run = train_once(data, out, recipe)
    return evaluate([run], data, split=split or choose_split(data, print))


def open_study(about_file: Path, dataset: Dataset, recipe: Recipe) -> None:
    """Make the folder of several trainings, or check that the one there is of the same.

    Parameters
    ----------
    about_file : Path
        JSON in the folder that says what the trainings are of.
    dataset : Dataset
    recipe : Recipe
        Without the settings of evaluation, tracking and log_to, which may change.

    Raises
    ------
    CellidError
        If the folder is of another recipe or data set, or holds something else.
    """
    about = {
        "dataset_hash": dataset.info.manifest_hash,
        "recipe": recipe.model_dump(mode="json", exclude={"evaluate", "track", "log_to"}),
    }
    go_on(about_file, about, "trainings", "recipe or data set")
