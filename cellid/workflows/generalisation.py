"""How a run does on data sets that it was not trained for, in one command."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from cellid.config import DetectionSettings
from cellid.dataset import ALL, Dataset, read_dataset
from cellid.dataset.manifest import hash_text
from cellid.errors import CellidError, DiskFullError
from cellid.models.run import Run
from cellid.report.generalisation import JudgedSet, judge_set, write_generalisation
from cellid.report.markup import count
from cellid.report.scoring import ABOUT
from cellid.workflows.evaluation import (
    choose_split,
    describe_evaluation,
    judged_part,
    predict_split,
)
from cellid.workflows.resume import go_on

_SETTINGS, _OWN, _OTHERS = "generalisation.json", "own", "evaluations"


def generalise(
    run: Run,
    folders: Sequence[Path],
    out: Path,
    split: str = ALL,
    match_size: bool = False,
    say: Callable[[str], None] = print,
) -> dict[str, str]:
    """Evaluate a run on other data sets, and on its own test images beside them.

    Called again, it goes on where it was interrupted; with more data sets, it adds them. What
    was labelled anew is scored anew, what was cropped anew evaluated anew.

    Parameters
    ----------
    run : Run
    folders : sequence of Path
        Dataset folders.
    out : Path
        A new folder, or that of the same run and ``match_size``. Gets an evaluation folder a
        data set in `evaluations`, and what `write_generalisation` writes.
    split : str
        Of the other data sets: ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
    match_size : bool
        Whether images are rescaled until the typical nucleus of their data set is as wide as
        the training's; else by their pixel sizes, where known.
    say : callable
        Told what was left out, and where the report is.

    Returns
    -------
    dict of str to str
        Data sets that could not be evaluated, and why.

    Raises
    ------
    CellidError
        If ``out`` holds something else, or no other data set can be evaluated.
    """
    about = {"model": run.config.model_dump(mode="json"), "match_size": match_size}
    go_on(out / _SETTINGS, about, "evaluations", "training and --match-size")
    problems: dict[str, str] = {}

    def judge(name: str, read: Callable[[], tuple[Dataset, str]], folder: Path) -> JudgedSet | None:
        try:
            dataset, part = read()
            _predict_once(_match_size(run, dataset) if match_size else run, dataset, part, folder)
            return judge_set(name, folder, run.config.recipe.evaluate, DetectionSettings())
        except DiskFullError:
            raise
        except CellidError as error:
            problems[name] = str(error)
            return None

    own = judge("its own", lambda: _read_own(run, say), out / _OWN)
    others = [
        judge(
            name,
            lambda folder=folder: (_read_other(run, folder), split),
            out / _OTHERS / _evaluation_name(folder),
        )
        for name, folder in name_folders(folders).items()
    ]
    judged = [each for each in others if each is not None]
    for name, problem in problems.items():
        say(f"left out: {name}: {problem}")
    if not judged:
        raise CellidError(
            out,
            expected="at least one other data set that can be evaluated",
            got=f"{count(len(problems), 'problem')}, told above",
            remedy="mend what is told, and give the same command again",
        )
    report = write_generalisation(own, judged, match_size, problems, out)
    say(f"report: {report.resolve()}")
    return problems


def name_folders(folders: Sequence[Path]) -> dict[str, Path]:
    """Return folders by their names, each led by as many parents as tell it from the others."""
    paths = list(dict.fromkeys(folder.resolve() for folder in folders))
    return {_name(path, paths): path for path in paths}


def _name(path: Path, paths: Sequence[Path]) -> str:
    tails = (path.parts[-n:] for n in range(1, len(path.parts) + 1))
    return "/".join(
        next(tail for tail in tails if sum(p.parts[-len(tail) :] == tail for p in paths) == 1)
    )


def _evaluation_name(folder: Path) -> str:
    """Return a name that stays the same whatever other data sets are given."""
    return f"{folder.name}-{hash_text(str(folder))[:8]}"


def _read_own(run: Run, say: Callable[[str], None]) -> tuple[Dataset, str]:
    dataset = judged_part(run, read_dataset(run.folder / run.config.provenance["dataset"]))
    return dataset, choose_split(dataset, say)


def _read_other(run: Run, folder: Path) -> Dataset:
    dataset = read_dataset(folder)
    if dataset.info.manifest_hash == run.config.provenance["dataset_hash"]:
        raise CellidError(
            folder,
            expected="another data set than the run was trained on",
            got="the same",
            remedy="leave it out: its test images are in the report anyway",
        )
    return dataset


def _match_size(run: Run, dataset: Dataset) -> Run:
    """Return a run that takes nuclei of the data set's size for those of its training."""
    scale = run.config.nucleus_diameter_px / dataset.info.nucleus_diameter_px
    config = run.config.model_copy(update={"scale": scale, "pixel_size_um": None})
    return replace(run, config=config)


def _predict_once(run: Run, dataset: Dataset, split: str, folder: Path) -> None:
    """Write an evaluation folder, unless it is there and of the same."""
    about = describe_evaluation(run.folder, dataset, split, folder)
    try:
        done = json.loads((folder / ABOUT).read_text(encoding="utf-8")) == about
    except (OSError, ValueError):  # of JSON and UTF-8: ValueError
        done = False
    if not done:
        predict_split(run, dataset, split, folder)
