"""Cells found and counted: by overlap, and by the distance of centres.

The measures of the study of loss functions for c-ResUnet (F1 at IoU > 0.4 and at
centres up to 40 pixels apart; errors of the count). Its published code departs from its
definitions, and both are here:

==================  ==============================  =====================================
quantity            default                         ``compat="fluocells"``
==================  ==============================  =====================================
a match             one to one, optimal assignment  any: many predictions share one cell
TP                  matched pairs                   true cells near enough to a prediction
FP                  predictions without partner     predictions near enough to no true cell
cells of the truth  TP + FN                         TP by overlap + FN by distance
predicted cells     TP + FP                         TP + FN, by distance
precision, recall   TP/(TP + FP), TP/(TP + FN)      0.01 more in the denominators
percentage error    (true - predicted)/true         (predicted - true)/true
==================  ==============================  =====================================

So their error of the count is the number of cells that are found by distance and not by
overlap, and false positives do not enter it. Take the default to judge a model, and
``fluocells`` to stand beside numbers that were published.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from cellid.config import DetectionSettings
from cellid.errors import CellidError
from cellid.evaluation.assignment import choose_pairs
from cellid.evaluation.contingency import Contingency, tabulate_overlap
from cellid.evaluation.counting import CountErrors, compare_counts, median_absolute_error
from cellid.evaluation.counts import BinaryCounts, Summable, check_any, divide
from cellid.evaluation.matching import match_table
from cellid.types import check_labels

Centres = NDArray[np.float64]

_EPSILON = 0.01  # fluocells/utils/metrics.py, all_metrics


@dataclass(frozen=True)
class FluocellsCounts(BinaryCounts):
    """Counts with the ratios of the published code, which adds 0.01 to denominators."""

    @property
    def precision(self) -> float:
        """TP / (TP + FP + 0.01)."""
        return self.true_positives / (self.n_predicted + _EPSILON)

    @property
    def recall(self) -> float:
        """TP / (TP + FN + 0.01)."""
        return self.true_positives / (self.n_true + _EPSILON)

    @property
    def dice(self) -> float:
        """Harmonic mean of these precision and recall."""
        return divide(2 * self.precision * self.recall, self.precision + self.recall)


@dataclass(frozen=True)
class FoundCells(Summable):
    """Cells of one image, found and counted; ``+`` pools images.

    Attributes
    ----------
    by_overlap, by_distance : BinaryCounts
        Found by IoU, and by the distance of centres.
    counts : CountErrors
        Predicted against true number of cells.
    """

    by_overlap: BinaryCounts
    by_distance: BinaryCounts
    counts: CountErrors

    def values(self) -> tuple[float, ...]:
        """Return all counts as one row, in the order that `with_values` takes."""
        parts = self.by_overlap, self.by_distance, self.counts
        return tuple(value for part in parts for value in part.values())

    def with_values(self, values: Sequence[float]) -> Self:
        """Return a copy that holds other counts."""
        overlap, distance = len(self.by_overlap.values()), len(self.by_distance.values())
        return replace(
            self,
            by_overlap=self.by_overlap.with_values(values[:overlap]),
            by_distance=self.by_distance.with_values(values[overlap : overlap + distance]),
            counts=self.counts.with_values(values[overlap + distance :]),
        )

    def as_dict(self) -> dict[str, float]:
        """Return the scores by name: those of `DetectionScores` that follow from sums."""
        return {
            "overlap_f1": self.by_overlap.dice,
            "overlap_precision": self.by_overlap.precision,
            "overlap_recall": self.by_overlap.recall,
            "distance_f1": self.by_distance.dice,
            "distance_precision": self.by_distance.precision,
            "distance_recall": self.by_distance.recall,
            "mae": self.counts.mae,
            "mean_percentage_error": self.counts.mean_percentage_error,
        }


@dataclass(frozen=True)
class DetectionScores:
    """Scores of detection and counting over images; 0/0 is nan.

    Attributes
    ----------
    overlap_f1, overlap_precision, overlap_recall : float
        Of all images' cells together, found by IoU.
    distance_f1, distance_precision, distance_recall : float
        Found by the distance of centres.
    mae, median_ae : float
        Mean and median absolute error of the count, cells an image.
    mean_percentage_error : float
        Mean over images of the error of the count, per cent.
    """

    overlap_f1: float
    overlap_precision: float
    overlap_recall: float
    distance_f1: float
    distance_precision: float
    distance_recall: float
    mae: float
    median_ae: float
    mean_percentage_error: float


def find_cells(
    true: NDArray[np.generic],
    predicted: NDArray[np.generic],
    settings: DetectionSettings,
    pixel_size_um: float | None = None,
) -> FoundCells:
    """Count the true cells of an image that a prediction finds.

    Parameters
    ----------
    true, predicted : (Y, X) integers
        Label images of one shape, 0 for background.
    settings : DetectionSettings
        When a cell counts as found; `compat` as in the table of this module.
    pixel_size_um : float, optional
        Needed where the settings give the distance in µm.

    Returns
    -------
    FoundCells

    Raises
    ------
    CellidError
        If the images cannot be compared, or the pixel size is needed and missing.
    """
    table = tabulate_overlap(true, predicted)
    centres = find_centres(true), find_centres(predicted)
    reach_px = _reach_px(settings, pixel_size_um)
    if settings.compat == "fluocells":
        return _find_as_fluocells(table, *centres, settings.iou, reach_px)
    # The next number up: the IoU has to exceed the setting
    (by_overlap,) = match_table(
        table, iou_thresholds=(np.nextafter(settings.iou, 1),), min_area_px=0
    )
    return FoundCells(
        by_overlap,
        match_centres(*centres, max_distance=reach_px),
        compare_counts(table.n_true, table.n_predicted),
    )


def score_detection(images: Sequence[FoundCells]) -> DetectionScores:
    """Score the cells found on several images; `bootstrap_interval` draws from such rows.

    Raises
    ------
    CellidError
        If there are no images.
    """
    check_any(images)
    return DetectionScores(
        **reduce(add, images).as_dict(),
        median_ae=median_absolute_error(image.counts for image in images),
    )


def find_centres(labels: NDArray[np.generic]) -> Centres:
    """Return the centroid of each object, ``(N, 2)`` float64 y, x in pixels, by ascending label."""
    checked = check_labels(labels)
    # Of runs of pixels along a row, of which there are some twenty times fewer than pixels
    begins = np.ones(checked.shape, bool)
    np.not_equal(checked[:, 1:], checked[:, :-1], out=begins[:, 1:])
    starts = np.flatnonzero(begins)
    lengths = np.diff(starts, append=checked.size)
    label = checked.ravel()[starts]
    ids, number = np.unique(label[label > 0], return_inverse=True)
    starts, lengths = starts[label > 0], lengths[label > 0]
    y, x = np.divmod(starts, checked.shape[1])
    areas, y_sums, x_sums = (
        np.bincount(number, weights=values * lengths, minlength=ids.size)
        for values in (np.ones(number.size), y, x + (lengths - 1) / 2)
    )
    return np.stack([y_sums, x_sums], axis=1) / areas[:, None]


def match_centres(true: Centres, predicted: Centres, *, max_distance: float) -> BinaryCounts:
    """Match centres one to one: as many pairs as can be and, of those, the closest in sum.

    Parameters
    ----------
    true, predicted : (N, 2) and (M, 2) float64
        Centres, in any unit of length.
    max_distance : float
        Greatest distance of a pair, in the same unit.

    Returns
    -------
    BinaryCounts
    """
    near = KDTree(true).sparse_distance_matrix(
        KDTree(predicted), max_distance, output_type="ndarray"
    )
    chosen = choose_pairs(near["i"], near["j"], 1 - near["v"] / max_distance)
    matched = int(np.count_nonzero(chosen))
    return BinaryCounts(matched, len(predicted) - matched, len(true) - matched)


def _reach_px(settings: DetectionSettings, pixel_size_um: float | None) -> float:
    if settings.distance_um is None:
        return settings.distance_px
    if pixel_size_um is None:
        raise CellidError(
            "pixel_size_um",
            expected=f"the pixel size, for a distance of {settings.distance_um} µm",
            got="none",
            remedy="give the pixel size, or set distance_px",
        )
    return settings.distance_um / pixel_size_um


def _find_as_fluocells(
    table: Contingency, true: Centres, predicted: Centres, iou: float, reach_px: float
) -> FoundCells:
    """Count as the study's published code does; see the table of this module."""
    overlapping = table.iou > iou
    hit = np.unique(table.true_index[overlapping]).size
    by_overlap = FluocellsCounts(
        true_positives=hit,
        false_positives=table.n_predicted - np.unique(table.predicted_index[overlapping]).size,
        false_negatives=table.n_true - hit,
    )
    near_prediction, _ = KDTree(predicted).query(true)
    near_truth, _ = KDTree(true).query(predicted)
    by_distance = FluocellsCounts(
        true_positives=int(np.count_nonzero(near_prediction <= reach_px)),
        false_positives=int(np.count_nonzero(near_truth > reach_px)),
        false_negatives=int(np.count_nonzero(near_prediction > reach_px)),
    )
    errors = compare_counts(
        by_overlap.true_positives + by_distance.false_negatives, by_distance.n_true
    )
    # Their error has the other sign
    counts = replace(errors, percentage_error_total=-errors.percentage_error_total)
    return FoundCells(by_overlap, by_distance, counts)
