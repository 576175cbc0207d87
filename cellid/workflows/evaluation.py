"""Predictions on a split of a data set, their scores and the report."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd
from tqdm import tqdm

from cellid.dataset import Dataset
from cellid.dataset.patches import PatchSource
from cellid.errors import CellidError
from cellid.io.folder_writers import replacing_folder
from cellid.io.folders import path_from
from cellid.io.tiff_writers import write_labels
from cellid.io.writers import write_json, write_table
from cellid.models.run import Run
from cellid.prediction import describe_counts, find_nuclei
from cellid.report import ABOUT, COUNTS, write_report

EVALUATION = "evaluation"  # folder of predictions within a run


def evaluate(
    runs: Sequence[Run], dataset: Dataset, out: Path | None = None, split: str = "test"
) -> Path:
    """Score runs on a split of a data set and write the report.

    A run trained on a single cell line of the data set is judged on that line alone.

    Parameters
    ----------
    runs : sequence of Run
        The first one's recipe and curves head the report.
    dataset : Dataset
    out : Path or None
        Folder for the predictions and `report.html`; none: the first run's own folder.
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.

    Returns
    -------
    Path
        The report.

    Raises
    ------
    CellidError
        If the split is empty.
    """
    out = out or runs[0].folder
    evaluations = []
    for number, run in enumerate(runs):
        name = EVALUATION if number == 0 else f"{EVALUATION}_{run.folder.name}"
        evaluations.append(predict_split(run, judged_part(run, dataset), split, out / name))
    return write_report(runs[0].folder, evaluations, out)


def judged_part(run: Run, dataset: Dataset) -> Dataset:
    """Return what a run is judged on: the line it was trained on, if it is one of several."""
    only = run.config.lines[0] if len(run.config.lines) == 1 else None
    return dataset.only_line(only) if only in set(dataset.manifest["line"]) else dataset


def judged_crops(dataset: Dataset, split: str) -> pd.DataFrame:
    """Return the manifest's rows of the kept crops of a split.

    Raises
    ------
    CellidError
        If there are none.
    """
    crops = dataset.crops(split)
    if crops.empty:
        raise CellidError(
            dataset.folder,
            expected=f"kept crops in the {split} split",
            got="none",
            remedy="name fields for it with split.test_ids, or give more fields",
        )
    return crops


def choose_split(dataset: Dataset, say: Callable[[str], None]) -> str:
    """Return the split to score on: the test, or validation, said aloud, where there is none."""
    if not dataset.crops("test").empty:
        return "test"
    say("no field is left for a test: scored on the validation fields, which flatters")
    return "validation"


def predict_split(run: Run, dataset: Dataset, split: str, folder: Path) -> Path:
    """Write the nuclei a run finds in the kept crops of a split as an evaluation folder.

    Parameters
    ----------
    run : Run
    dataset : Dataset
    split : str
        ``"train"``, ``"validation"``, ``"test"`` or ``"all"``.
    folder : Path
        Gets `evaluation.json`, `labels/ID.tif`, and `counts.csv` with a row a crop: as of
        `describe_counts`, and ``scale``, network pixels an image pixel; one that is there is
        replaced.

    Returns
    -------
    Path
        ``folder``.

    Raises
    ------
    CellidError
        If the split is empty.
    """
    crops = judged_crops(dataset, split)
    scale, counts = run.input_scale(dataset.info.pixel_size_um), []
    with replacing_folder(folder, overwrite=True) as temporary:
        for crop_id in tqdm(crops["id"], desc=f"predict {split}", unit="crop"):
            nuclei = find_nuclei(run, dataset.image(crop_id), dataset.info.pixel_size_um)
            write_labels(temporary / "labels" / f"{crop_id}.tif", nuclei.labels)
            counts.append({"id": crop_id, **describe_counts(nuclei), "scale": scale})
        write_table(temporary / COUNTS, pd.DataFrame(counts))
        write_json(temporary / ABOUT, describe_evaluation(run.folder, dataset, split, folder))
    return folder


def describe_evaluation(
    run_folder: Path, data: Dataset | PatchSource, split: str, folder: Path
) -> dict[str, str]:
    """Return what `evaluation.json` says in an evaluation folder."""
    return {
        "run": path_from(folder, run_folder),
        "dataset": path_from(folder, data.folder),
        "dataset_hash": data.hash,
        "split": split,
    }


def rewrite_report(run_folder: Path) -> Path:
    """Write the report of a run again from the predictions that lie in its folder.

    Parameters
    ----------
    run_folder : Path

    Returns
    -------
    Path
        The report.
    """
    evaluations = sorted(path.parent for path in run_folder.glob(f"{EVALUATION}*/{ABOUT}"))
    return write_report(run_folder, evaluations, run_folder)
