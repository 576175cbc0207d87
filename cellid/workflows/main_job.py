"""The whole job in one call: label, select, split, train, evaluate, report."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from cellid.config import Recipe
from cellid.dataset import Dataset, read_dataset
from cellid.errors import CellidError
from cellid.workflows.correction import correct
from cellid.workflows.evaluation import choose_split, evaluate
from cellid.workflows.labelling import Source, describe_sources, label
from cellid.workflows.training import train_once


def label_and_train(
    sources: Sequence[Source],
    out: Path,
    recipe: Recipe,
    pure: bool = False,
    overwrite: bool = False,
    say: Callable[[str], None] = print,
) -> Path:
    """Turn stained pairs into a trained nucleus finder and its report.

    Called again after an interruption, it goes on where it was.

    Parameters
    ----------
    sources : sequence of Source
        One a cell line.
    out : Path
        The run folder. The data set goes to its `dataset`, classifiers of single lines to
        `pure/LINE`.
    recipe : Recipe
    pure : bool
        Besides the classifier trained on all lines, train one on each line alone that has
        the fields for it (tables 6.1 and 6.2 of the thesis).
    overwrite : bool
        Replace what is in ``out``.
    say : callable
        Told what was understood.

    Returns
    -------
    Path
        The report, `report.html`.

    Raises
    ------
    CellidError
        If ``out`` holds another or a finished job, or for anything wrong with the input.
    """
    if (out / "report.html").exists() and not overwrite:
        raise CellidError(
            out,
            expected="a new folder, or an interrupted job to go on with",
            got="a finished job",
            remedy="name another folder, or give --overwrite to do it again",
        )
    dataset = _dataset(sources, out / "dataset", recipe, overwrite, say)
    dataset.check_trainable()
    if recipe.correct.mode != "off":
        if overwrite:
            shutil.rmtree(out / "correction", ignore_errors=True)
        dataset = correct(dataset, out / "correction", recipe, say)
    parts = {out: dataset}
    if pure:
        parts |= _pure_parts(dataset, out / "pure", say)
    runs = []
    for folder, part in parts.items():
        say(f"train {folder}")
        runs.append(train_once(part, folder, recipe, overwrite, say))
    report = evaluate(runs, dataset, split=choose_split(dataset, say))
    say(f"report: {report.resolve()}")
    return report


def _pure_parts(dataset: Dataset, folder: Path, say: Callable[[str], None]) -> dict[Path, Dataset]:
    """Return the part of each cell line that has enough fields for a classifier of its own."""
    parts = {}
    for line in sorted(set(dataset.manifest["line"])):
        part = dataset.only_line(line)
        try:
            part.check_trainable()
        except CellidError as error:
            say(f"no classifier of {line} alone: {error.got}")
            continue
        if part.crops("test").empty:
            say(f"no classifier of {line} alone: none of its fields is left for a test")
        else:
            parts[folder / line] = part
    return parts


def _dataset(
    sources: Sequence[Source],
    folder: Path,
    recipe: Recipe,
    overwrite: bool,
    say: Callable[[str], None],
) -> Dataset:
    if overwrite or not folder.exists():
        return label(sources, folder, recipe, overwrite, say)
    dataset = read_dataset(folder)
    decisive = ("seed", "input", "crops", "labels", "select", "split", "correct")
    now = recipe.model_dump(mode="json")
    changed = [name for name in decisive if dataset.info.recipe[name] != now[name]]
    if describe_sources(sources) != dataset.info.sources:
        changed.append("input folders")
    if changed:
        raise CellidError(
            folder,
            expected="a data set made from the same folders with the same settings",
            got=f"one with other {', '.join(changed)}",
            remedy="name another folder, or give --overwrite to label again",
        )
    say(f"data set: {folder}, made before")
    return dataset
