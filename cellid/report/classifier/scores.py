"""Scores of a classifier, from the probabilities in its evaluation folder."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.dataset.patches import PatchSource, open_patches
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.classification import (
    Classified,
    at_threshold,
    classification_intervals,
    count_confusions,
)
from cellid.evaluation.contingency import Counts
from cellid.io.readers import read_object, read_table
from cellid.report.scoring import ABOUT
from cellid.runs import ClassifierConfig, read_classifier_config

PATCHES = "patches.csv"
"""Of an evaluation folder: a row a patch."""

_AGAIN = "make it again with `cellid evaluate`"


@dataclass(frozen=True)
class JudgedPatches:
    """What a classifier said of the patches of a split.

    Attributes
    ----------
    run_folder : Path
    config : ClassifierConfig
    source : PatchSource
        That the patches are of.
    split : str
    table : DataFrame
        A row a patch: ``image``, ``group``, ``y0``, ``x0``, ``y1``, ``x1``, ``positive``,
        ``probability``.
    """

    run_folder: Path
    config: ClassifierConfig
    source: PatchSource
    split: str
    table: pd.DataFrame

    @property
    def positive(self) -> NDArray[np.bool_]:
        """Whether each patch is positive, (N,) bool."""
        return np.asarray(self.table["positive"], np.bool_)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Of a positive, (N,) float64."""
        return np.asarray(self.table["probability"], np.float64)

    @property
    def called(self) -> NDArray[np.bool_]:
        """Whether each patch is called positive, (N,) bool."""
        return self.probabilities >= self.config.threshold

    def confusions(self) -> Counts:
        """Return how often each class was taken for each, (2, 2): rows are true classes."""
        return count_confusions(self._by_group(1))

    def intervals(self, positive_class: int = 1) -> dict[str, Interval]:
        """Return the scores of a class with their bootstrap intervals over groups of images.

        Patches of one image share focus and exposure, and drawn one by one would claim too
        narrow intervals.

        Parameters
        ----------
        positive_class : int
            0 for the scores of the negative class.
        """
        settings = self.config.recipe.evaluate
        return classification_intervals(
            self._by_group(positive_class),
            n_samples=settings.bootstrap_samples,
            confidence=settings.confidence,
            seed=self.config.recipe.seed,
        )

    def _by_group(self, positive_class: int) -> list[Classified]:
        columns = [0, 1] if positive_class else [1, 0]
        probabilities = at_threshold(self.probabilities, self.config.threshold)[:, columns]
        true = (self.positive == bool(positive_class)).astype(np.int64)
        return [
            Classified(true[rows], probabilities[rows])
            for rows in self.table.groupby("group").indices.values()
        ]


def read_judged_patches(folder: Path) -> JudgedPatches:
    """Read the evaluation folder of a classifier.

    Raises
    ------
    CellidError
        If it is none, or its run or images are gone.
    """
    about = read_object(folder / ABOUT, "what was evaluated", _AGAIN)
    text = {"image": "str", "group": "str"}
    table = read_table(folder / PATCHES, _AGAIN, dtype=text, keep_default_na=False)
    run_folder = (folder / about["run"]).resolve()
    config = read_classifier_config(run_folder)
    source = open_patches((folder / about["dataset"]).resolve(), config.recipe)
    return JudgedPatches(run_folder, config, source, about["split"], table)
