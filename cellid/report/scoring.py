"""Scores of an evaluation folder, counted anew from its label images."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from itertools import compress
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.config import DetectionSettings, EvaluateSettings
from cellid.dataset import Dataset, read_dataset
from cellid.errors import CellidError
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.detection import FoundCells, find_cells
from cellid.evaluation.scores import Report, evaluate_pair, pool
from cellid.io.images import open_image
from cellid.runs import RunConfig, read_config
from cellid.types import Labels

ABOUT, COUNTS = "evaluation.json", "counts.csv"
"""Files of an evaluation folder, besides `labels`."""


@dataclass(frozen=True)
class Evaluation:
    """A run's nuclei on a split of a data set, and how they compare with its labels.

    Attributes
    ----------
    folder, run_folder : Path
    config : RunConfig
        Of the run that predicted.
    dataset : Dataset
    split : str
    settings : EvaluateSettings
        That the scores were counted with.
    crops : DataFrame
        The manifest's rows of the evaluated crops.
    report : Report
        A row a crop, in the order of ``crops`` and named by its id.
    """

    folder: Path
    run_folder: Path
    config: RunConfig
    dataset: Dataset
    split: str
    settings: EvaluateSettings
    crops: pd.DataFrame
    report: Report

    @property
    def lines(self) -> tuple[str, ...]:
        """Cell lines evaluated, sorted."""
        return tuple(sorted(set(self.crops["line"])))

    def predicted(self, crop_id: str) -> Labels:
        """Return the nuclei found in a crop, (Y, X) int32."""
        return _read_labels(self.folder, crop_id)

    def of_lines(self, lines: Collection[str]) -> Report:
        """Return the rows of some cell lines."""
        chosen = self.crops["line"].isin(lines)
        return Report(tuple(compress(self.report.rows, chosen)))

    def intervals(self, lines: Collection[str]) -> dict[str, Interval]:
        """Return the pooled scores of some cell lines with their bootstrap intervals.

        Whole groups (fields or wells) are drawn, not crops: those of one field share
        focus, density and staining, and drawn one by one would claim too narrow intervals.
        """
        groups = self.crops.loc[self.crops["line"].isin(lines), "group"]
        rows = self.of_lines(lines).rows
        pooled = [pool(list(compress(rows, groups == name)), name) for name in groups.unique()]
        return Report(tuple(pooled)).intervals(self.settings, self.config.recipe.seed)


def score_evaluation(folder: Path, settings: EvaluateSettings | None = None) -> Evaluation:
    """Read an evaluation folder and score every crop that has a label image in it.

    Parameters
    ----------
    folder : Path
        With `evaluation.json` and `labels/ID.tif`.
    settings : EvaluateSettings or None
        None: those of the run's recipe. Evaluations to be compared need the same.

    Returns
    -------
    Evaluation

    Raises
    ------
    CellidError
        If the folder is no evaluation folder, or its crops are not those of the data set.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        run_folder, dataset_folder = folder / about["run"], folder / about["dataset"]
        split = about["split"]
    except (OSError, json.JSONDecodeError, KeyError) as error:
        raise CellidError(
            folder,
            expected=f"an evaluation folder with {ABOUT}",
            got=repr(error),
            remedy="make one with `cellid evaluate`",
        ) from None
    run_folder, dataset_folder = run_folder.resolve(), dataset_folder.resolve()
    config = read_config(run_folder)
    dataset = read_dataset(dataset_folder)
    settings = settings or config.recipe.evaluate
    crops = _evaluated_crops(folder, dataset, split)
    report = Report(
        tuple(
            evaluate_pair(dataset.labels(name), _read_labels(folder, name), settings, name)
            for name in crops["id"]
        )
    )
    return Evaluation(folder, run_folder, config, dataset, split, settings, crops, report)


def settle_detection(detection: DetectionSettings, dataset: Dataset) -> DetectionSettings:
    """Return when a cell counts as found; without a distance it is a nucleus's diameter."""
    if detection.model_fields_set & {"distance_px", "distance_um"}:
        return detection
    return detection.model_copy(update={"distance_px": dataset.info.nucleus_diameter_px})


def find_evaluated_cells(evaluation: Evaluation, detection: DetectionSettings) -> list[FoundCells]:
    """Count the cells that are found in every crop, in the order of ``evaluation.crops``."""
    dataset = evaluation.dataset
    return [
        find_cells(
            dataset.labels(name), evaluation.predicted(name), detection, dataset.info.pixel_size_um
        )
        for name in evaluation.crops["id"]
    ]


def _evaluated_crops(folder: Path, dataset: Dataset, split: str) -> pd.DataFrame:
    """Return the split's rows with a label image: a run of one line is judged on that alone."""
    names = {path.stem for path in (folder / "labels").glob("*.tif")}
    crops = dataset.crops(split)
    strangers = sorted(names.difference(crops["id"]))
    if strangers or not names:
        raise CellidError(
            folder / "labels",
            expected=f"label images of kept {split} crops of {dataset.folder}",
            got=f"{', '.join(strangers[:4])}, not among them" if strangers else "none",
            remedy="the data set has changed since: run `cellid evaluate` again",
        )
    return crops[crops["id"].isin(names)]


def _read_labels(folder: Path, crop_id: str) -> Labels:
    return open_image(folder / "labels" / f"{crop_id}.tif").read().astype(np.int32)
