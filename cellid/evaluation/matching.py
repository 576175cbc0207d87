"""One-to-one matching of true and predicted objects by intersection over union."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.evaluation.assignment import choose_pairs
from cellid.evaluation.contingency import Contingency, Counts, tabulate_overlap
from cellid.evaluation.counts import BinaryCounts, divide


@dataclass(frozen=True)
class Matching(BinaryCounts):
    """Counts of a one-to-one matching; ``+`` pools images. Scores of 0/0 are nan.

    True positives are matched pairs, false positives predicted objects without a
    partner, false negatives true objects without one.

    Attributes
    ----------
    iou_sum : float
        Sum of the IoU of the matched pairs.
    iou_threshold : float
        Least IoU of a matched pair.
    """

    iou_sum: float
    iou_threshold: float

    _summed: ClassVar[tuple[str, ...]] = (*BinaryCounts._summed, "iou_sum")

    def __add__(self, other: Self) -> Self:
        if self.iou_threshold != other.iou_threshold:
            raise CellidError(
                "iou_threshold",
                expected="matchings at one threshold",
                got=f"{self.iou_threshold} and {other.iou_threshold}",
                remedy="pool the matchings of each threshold by themselves",
            )
        return super().__add__(other)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        return self.dice

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN): the "AP" of StarDist and cellpose, not COCO's."""
        return self.iou

    @property
    def mean_matched_iou(self) -> float:
        """Mean IoU of the matched pairs (StarDist's ``mean_matched_score``)."""
        return divide(self.iou_sum, self.true_positives)

    @property
    def panoptic_quality(self) -> float:
        """Sum of matched IoU / (TP + FP/2 + FN/2); Kirillov et al., CVPR 2019, eq. 1."""
        return divide(self.iou_sum, (self.n_true + self.n_predicted) / 2)


class Pairs(NamedTuple):
    """Matched objects: positions in the table's ids, ``(P,)`` int64, and IoU, ``(P,)`` float64."""

    true_index: Counts
    predicted_index: Counts
    iou: NDArray[np.float64]


def match_objects(
    true: NDArray[np.generic], predicted: NDArray[np.generic], *, iou_threshold: float
) -> Matching:
    """Match the objects of two label images one to one.

    Parameters
    ----------
    true, predicted : (Y, X) integers
        Label images of one shape, 0 for background.
    iou_threshold : float in (0, 1]
        Least intersection over union of a matched pair.

    Returns
    -------
    Matching

    Raises
    ------
    CellidError
        If the images cannot be compared or the threshold is out of range.
    """
    (matching,) = match_table(
        tabulate_overlap(true, predicted), iou_thresholds=(iou_threshold,), min_area_px=0
    )
    return matching


def match_table(
    table: Contingency, *, iou_thresholds: Sequence[float], min_area_px: int
) -> tuple[Matching, ...]:
    """Match at several thresholds from one contingency table.

    Parameters
    ----------
    table : Contingency
        Overlaps of two label images.
    iou_thresholds : sequence of float in (0, 1]
        Least IoU of a matched pair.
    min_area_px : int
        True objects smaller than this are ignored: they are no misses, and a
        prediction that matches only such an object is no error (as COCO treats
        objects outside its area range).

    Returns
    -------
    tuple of Matching
        One for each threshold, in their order.
    """
    return tuple(_match_once(table, threshold, min_area_px) for threshold in iou_thresholds)


def find_pairs(table: Contingency, *, iou_threshold: float) -> Pairs:
    """Find the matching with most pairs and, among those, the greatest sum of IoU.

    Parameters
    ----------
    table : Contingency
        Overlaps of two label images.
    iou_threshold : float in (0, 1]
        Least IoU of a pair; a tie such as 7/10 at 0.7 is a match.

    Returns
    -------
    Pairs
        Sorted by position of the true object.

    Notes
    -----
    Above an IoU of 1/2 a partner is unique (Kirillov et al., CVPR 2019); below, several
    candidates may compete for an object (`choose_pairs`).
    """
    check_threshold(iou_threshold)
    return _pair_candidates(table, table.iou, table.iou >= iou_threshold)


def _match_once(table: Contingency, iou_threshold: float, min_area_px: int) -> Matching:
    check_threshold(iou_threshold)
    iou = table.iou
    candidate = iou >= iou_threshold
    judged = table.true_areas_px >= min_area_px
    judged_pair = judged[table.true_index]
    matched = _pair_candidates(table, iou, candidate & judged_pair)
    n_true = int(np.count_nonzero(judged))
    n_predicted = table.n_predicted
    if n_true < table.n_true:
        free = np.ones(table.n_predicted, dtype=bool)
        free[matched.predicted_index] = False
        spare = candidate & ~judged_pair & free[table.predicted_index]
        n_predicted -= _pair_candidates(table, iou, spare).iou.size
    true_positives = matched.iou.size
    return Matching(
        iou_threshold=float(iou_threshold),
        true_positives=true_positives,
        false_positives=n_predicted - true_positives,
        false_negatives=n_true - true_positives,
        iou_sum=float(matched.iou.sum()),
    )


def _pair_candidates(
    table: Contingency, iou: NDArray[np.float64], candidate: NDArray[np.bool_]
) -> Pairs:
    true_index, predicted_index = table.true_index[candidate], table.predicted_index[candidate]
    iou = iou[candidate]
    chosen = choose_pairs(true_index, predicted_index, iou)
    return Pairs(true_index[chosen], predicted_index[chosen], iou[chosen])


def check_threshold(iou_threshold: float) -> None:
    """Raise CellidError unless the threshold lies above 0 and up to 1."""
    if not 0 < iou_threshold <= 1:
        raise CellidError(
            "iou_threshold",
            expected="a number above 0 and up to 1",
            got=f"{iou_threshold}",
            remedy="0.5 is customary",
        )
