"""Many trainings compared: a grid of settings and seeds on one data set.

Nothing here starts Keras: each training does, in a process of its own, so that it has its GPU
for itself and gives back all memory.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from cellid.dataset import read_dataset
from cellid.errors import CellidError
from cellid.io.writers import write_text
from cellid.report.comparison import ScoredRun, score_run, write_comparison
from cellid.report.markup import count
from cellid.workflows.resume import go_on
from cellid.workflows.run_processes import find_places, train_in_processes
from cellid.workflows.study_plan import PlannedRun, Study, check_unchanged, plan_grid, read_study

ABOUT, RUNS = "study.json", "runs"


def run_study(
    file: Path, out: Path, jobs: int = 1, say: Callable[[str], None] = print
) -> dict[str, str]:
    """Train all levels of a grid with every seed, and compare them.

    Called again, it goes on where it was interrupted, and tries again what failed; with more
    levels or seeds in the file, it adds them.

    Parameters
    ----------
    file : Path
        The study file (`cellid.config.StudySettings`).
    out : Path
        A new folder, or that of the same study. Gets a run folder for each training in
        `runs`, and what `write_comparison` writes.
    jobs : int
        Trainings at once; no more than there are GPUs, if there are any.
    say : callable
        Told what was understood.

    Returns
    -------
    dict of str to str
        Trainings that failed, and why.

    Raises
    ------
    CellidError
        If the file is wrong, there is too little to train on, ``out`` holds something else or
        trainings of other settings, or all trainings fail.
    """
    study = read_study(file)
    runs = plan_grid(study, out / RUNS)
    open_folder(study, out, say)
    for axis, levels in study.axes.items():
        say(f"{axis}: {', '.join(levels)}")
    seeds = study.settings.seeds
    say(f"{count(len(runs), 'training')}: seeds {', '.join(map(str, seeds))} of each level")
    failures = train_all(study, runs, None, jobs, say)
    scored = score_all(study, [run for run in runs if run.folder.name not in failures])
    if not scored:
        raise CellidError(
            out,
            expected="trainings that succeed",
            got=f"{count(len(failures), 'failure')}, the first: {next(iter(failures.values()))}",
            remedy="mend what is told, and give the same command again",
        )
    settings = study.settings
    report = write_comparison(
        scored, study.recipe, settings.score, settings.baseline, failures, out
    )
    for name, why in failures.items():
        say(f"failed: {name}: {why}")
    say(f"report: {report.resolve()}")
    return failures


def open_folder(
    study: Study, out: Path, say: Callable[[str], None], search: Mapping[str, Any] | None = None
) -> None:
    """Make the folder of a study, or check that the one there is of the same data set or search."""
    dataset = read_dataset(study.dataset)
    dataset.check_trainable()
    about = {"dataset_hash": dataset.info.manifest_hash, "search": search}
    go_on(out / ABOUT, about, "trainings", "data set and search")
    write_text(out / "study.toml", study.file.read_text(encoding="utf-8"))
    crops = {name: len(dataset.crops(name)) for name in ("train", "validation", "test")}
    say(f"{dataset.folder}: crops {', '.join(f'{n} {name}' for name, n in crops.items())}")


def train_all(
    study: Study,
    runs: Sequence[PlannedRun],
    split: str | None,
    jobs: int,
    say: Callable[[str], None],
) -> dict[str, str]:
    """Train and evaluate what is not finished, and return what failed, and why.

    Raises
    ------
    CellidError
        If a finished training was of another recipe.
    """
    todo = check_unchanged(runs)
    places = find_places(jobs)
    if len(todo) < len(runs):
        say(f"{len(runs) - len(todo)} finished before")
    if len(places) < jobs:
        say(f"{count(len(places), 'GPU')}: as many trainings at once")
    failures = {}
    done = {run.folder: run.recipe.train.epochs for run in runs if run not in todo}
    n_epochs = sum(run.recipe.train.epochs for run in runs)

    with tqdm(total=n_epochs, initial=sum(done.values()), desc="study", unit="epoch") as bar:

        def look() -> None:
            so_far = sum(done.get(run.folder) or _epochs_done(run.folder) for run in runs)
            bar.update(so_far - bar.n)

        for run, failure in train_in_processes(todo, study.dataset.resolve(), split, places, look):
            done[run.folder] = run.recipe.train.epochs
            if failure is not None:
                failures[run.folder.name] = failure
            bar.set_postfix_str(f"{len(done)}/{len(runs)} trainings, {len(failures)} failed")
    return failures


def score_all(study: Study, runs: Sequence[PlannedRun]) -> list[ScoredRun]:
    """Score evaluated trainings."""
    settings = study.settings
    return [
        score_run(run.folder, run.levels, study.recipe.evaluate, settings.detection)
        for run in tqdm(runs, desc="score", unit="training")
    ]


def _epochs_done(folder: Path) -> int:
    """Return how many epochs a training has done, by its table."""
    try:
        return (folder / "history.csv").read_text(encoding="utf-8").count("\n") - 1
    except OSError:
        return 0
