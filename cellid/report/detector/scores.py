"""Scores of a detector, from the boxes and outlines in its evaluation folder."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from operator import add
from pathlib import Path

import numpy as np
import pandas as pd

from cellid.config import ObjectScoreSettings
from cellid.dataset import Dataset, read_dataset
from cellid.dataset.instances import InstancePair, pair_found
from cellid.evaluation.bootstrap import Interval, bootstrap_scores
from cellid.evaluation.coco import CocoScores, score_coco
from cellid.evaluation.counting import CountErrors, compare_counts
from cellid.evaluation.instances import (
    Instances,
    Outline,
    detected_instances,
    match_instances,
    pair_up,
    pixel_instances,
)
from cellid.evaluation.matching import Matching, Pairs
from cellid.evaluation.score_sweep import sweep_scores
from cellid.io.outlines import Outlines, read_outlines
from cellid.io.readers import read_object, read_table
from cellid.report.scoring import ABOUT
from cellid.runs import DetectorConfig, InstanceConfig, read_object_config
from cellid.types import Detections

FOUND, OUTLINES, GATE = "detections.csv", "instances.json", "gate.csv"
"""Of an evaluation folder: a row a detection; their outlines, in that order, in COCO's form, where
there are some; and a row a threshold of the gate.
"""

BOX = ["y0", "x0", "y1", "x1"]

_AGAIN = "make it again with `cellid evaluate`"


@dataclass(frozen=True)
class DetectionScores:
    """Objects of an image or of several, matched one to one; ``+`` pools.

    Attributes
    ----------
    matching : Matching
    counts : CountErrors
    """

    matching: Matching
    counts: CountErrors

    def values(self) -> tuple[float, ...]:
        """Return all counts as one row, in the order that `with_values` takes."""
        return *self.matching.values(), *self.counts.values()

    def with_values(self, values: Sequence[float]) -> "DetectionScores":
        """Return a copy that holds other counts."""
        n = len(self.matching.values())
        return DetectionScores(
            self.matching.with_values(values[:n]), self.counts.with_values(values[n:])
        )

    def __add__(self, other: "DetectionScores") -> "DetectionScores":
        return DetectionScores(self.matching + other.matching, self.counts + other.counts)

    def as_dict(self) -> dict[str, float]:
        """Return the scores by name."""
        return {
            "precision": self.matching.precision,
            "recall": self.matching.recall,
            "f1": self.matching.f1,
            "mean_matched_iou": self.matching.mean_matched_iou,
            "n_true": self.matching.n_true,
            "n_found": self.matching.n_predicted,
            "count_mae": self.counts.mae,
            "count_relative_bias": self.counts.relative_bias,
        }


@dataclass(frozen=True)
class JudgedObjects:
    """True and found objects of the images of a split, and how they compare.

    Attributes
    ----------
    dataset : Dataset
    images : DataFrame
        The manifest's rows of the images.
    pairs : dict of str to InstancePair
        True and found objects of each image.
    by : "box" or "mask"
        What objects are compared by.
    threshold : float
        Least score of an object that counts as found; COCO's scores take all.
    settings : ObjectScoreSettings
    seed : int
        Of the bootstrap.
    """

    dataset: Dataset
    images: pd.DataFrame
    pairs: Mapping[str, InstancePair]
    by: Outline
    threshold: float
    settings: ObjectScoreSettings
    seed: int

    @cached_property
    def coco(self) -> dict[Outline, CocoScores]:
        """COCO's average precision and recall: of `by`, and of the boxes."""
        most, pairs = self.settings.max_detections, list(self.pairs.values())
        ways: tuple[Outline, ...] = ("box",) if self.by == "box" else (self.by, "box")
        return {by: score_coco(pairs, by=by, max_detections=most) for by in ways}

    def in_force(self, image: str) -> InstancePair:
        """Return the true objects of an image, and those found from the threshold on."""
        true, found = self.pairs[image]
        return true, found.above(np.nextafter(self.threshold, -1))

    def pair_up(self, image: str) -> Pairs:
        """Return which of them are the same."""
        iou_threshold = self.settings.iou_threshold
        return pair_up(*self.in_force(image), by=self.by, iou_threshold=iou_threshold)

    def score(self, image: str) -> DetectionScores:
        """Return the scores of one image, of detections from the threshold on."""
        true, found = self.in_force(image)
        iou_threshold = self.settings.iou_threshold
        matching = match_instances(true, found, by=self.by, iou_threshold=iou_threshold)
        return DetectionScores(matching, compare_counts(len(true), len(found)))

    def intervals(self) -> dict[str, Interval]:
        """Return the pooled scores with their bootstrap intervals over groups of images."""
        groups = self.images.groupby("group")["id"]
        return bootstrap_scores(
            [reduce(add, map(self.score, names)) for _, names in groups],
            n_samples=self.settings.bootstrap_samples,
            confidence=self.settings.confidence,
            seed=self.seed,
        )

    def sweep(self, lowest: float) -> pd.DataFrame:
        """Return what other least scores would give, from ``lowest`` on."""
        return sweep_scores(
            list(self.pairs.values()),
            by=self.by,
            iou_threshold=self.settings.iou_threshold,
            lowest=lowest,
        )


@dataclass(frozen=True)
class JudgedDetections:
    """What a detector found in the images of a split.

    Attributes
    ----------
    run_folder : Path
    config : DetectorConfig or InstanceConfig
        Its recipe's ``by`` is what objects are compared by.
    dataset : Dataset
    split : str
    table : DataFrame
        A row a detection, surer than ``predict.min_score``: ``image``, ``y0``, ``x0``, ``y1``,
        ``x1`` (half-open pixels), ``score``.
    outlines : dict of str to Outlines, or None
        Of each image's detections, by the name of its file; none: boxes alone are known.
    gate : DataFrame or None
        A row a threshold, where a gate was tried.
    """

    run_folder: Path
    config: DetectorConfig | InstanceConfig
    dataset: Dataset
    split: str
    table: pd.DataFrame
    outlines: Mapping[str, Outlines] | None
    gate: pd.DataFrame | None

    @property
    def images(self) -> pd.DataFrame:
        """The manifest's rows of the images."""
        return self.dataset.crops(self.split)

    @cached_property
    def objects(self) -> JudgedObjects:
        """True and found objects of each image."""
        by_image = dict(iter(self.table.groupby("image")))
        none, recipe, pairs = self.table[:0], self.config.recipe, {}
        for image in self.images["id"]:
            drawn, known = self.dataset.object_pixels(image), ~self.dataset.uncertain(image)
            found = self._read_found(image, by_image.get(image, none), drawn.shape)
            pairs[image] = pair_found(drawn, known, found, recipe.objects.min_area_px)
        return JudgedObjects(
            self.dataset,
            self.images,
            pairs,
            recipe.by,
            self.config.threshold,
            recipe.evaluate,
            recipe.seed,
        )

    def _read_found(self, image: str, rows: pd.DataFrame, frame: tuple[int, int]) -> Instances:
        found = as_detections(rows)
        if self.outlines is None:
            return detected_instances(found, frame)
        pixels = self.outlines[f"{image}.tif"].fill(frame)
        drawn = pixel_instances(pixels, scores=found.scores, classes=found.classes)
        return replace(drawn, boxes=found.boxes.astype(np.float64))


def as_detections(rows: pd.DataFrame) -> Detections:
    """Return the rows of one image as detections."""
    return Detections(
        rows[BOX].to_numpy(np.float32),
        rows["score"].to_numpy(np.float32),
        np.zeros(len(rows), np.int32),
    )


def read_judged_detections(folder: Path) -> JudgedDetections:
    """Read the evaluation folder of a detector of boxes or of outlines.

    Raises
    ------
    CellidError
        If it is none, or its run or data set are gone.
    """
    about = read_object(folder / ABOUT, "what was evaluated", _AGAIN)
    table = read_table(folder / FOUND, _AGAIN, dtype={"image": "str"}, keep_default_na=False)
    gate = read_table(folder / GATE, _AGAIN) if (folder / GATE).exists() else None
    run_folder = (folder / about["run"]).resolve()
    return JudgedDetections(
        run_folder,
        read_object_config(run_folder),
        read_dataset((folder / about["dataset"]).resolve()),
        about["split"],
        table,
        read_outlines(folder / OUTLINES) if (folder / OUTLINES).exists() else None,
        gate,
    )
