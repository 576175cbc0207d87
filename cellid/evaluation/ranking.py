"""Average precision at one IoU from what was counted on each image, quick enough to bootstrap.

`cellid.evaluation.coco` gives all of COCO's scores and matches anew for each set of images. Here
images are matched once, and any sample of them is scored from that, to the same number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.evaluation.counts import check_any
from cellid.evaluation.instances import Instances, check_comparable, overlap_masks
from cellid.evaluation.matching import check_threshold

_RECALLS = np.linspace(0.0, 1.0, 101)  # COCO's
_ROUNDING = 1e-10  # by which COCO's code lowers the least IoU


@dataclass(frozen=True, eq=False)
class RankedMatches:
    """Found objects of an image, of one class, and which of them hit a true one.

    Attributes
    ----------
    scores : (N,) float64
    hits : (N,) bool
    n_true : int
        True objects.
    """

    scores: NDArray[np.float64]
    hits: NDArray[np.bool_]
    n_true: int


def rank_matches(
    true: Instances, found: Instances, *, iou_threshold: float, max_detections: int
) -> RankedMatches:
    """Match the masks of one image as COCO does: the surest first, each with the best one left.

    Parameters
    ----------
    true, found : Instances
        Of one class.
    iou_threshold : float in (0, 1]
    max_detections : int
        Most found objects that count, the surest first.

    Returns
    -------
    RankedMatches
        The surest first.

    Raises
    ------
    CellidError
        If masks are missing or the frames differ.
    """
    check_threshold(iou_threshold)
    check_comparable(true, found, "mask")
    order = np.argsort(-found.scores, kind="stable")[:max_detections]
    rows, columns, iou = overlap_masks(true, found)
    enough = iou >= min(iou_threshold, 1 - _ROUNDING)
    rows, columns, iou = rows[enough], columns[enough], iou[enough]
    free, hits = np.ones(len(true), bool), np.zeros(len(order), bool)
    for place, number in enumerate(order):
        mine = (columns == number) & free[rows]
        if mine.any():
            hits[place] = True
            free[rows[mine][iou[mine].argmax()]] = False
    return RankedMatches(found.scores[order], hits, len(true))


def average_precision(images: Sequence[RankedMatches]) -> float:
    """Return COCO's average precision of images together; nan where nothing is to be found.

    Precision, made not to rise, at 101 recalls (Lin et al., Microsoft COCO, ECCV 2014, in the
    arithmetic of ``pycocotools``).

    Raises
    ------
    CellidError
        If there are no images.
    """
    check_any(images)
    n_true = sum(image.n_true for image in images)
    if not n_true:
        return np.nan
    scores = np.concatenate([image.scores for image in images])
    hits = np.concatenate([image.hits for image in images])
    found = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    precision = found / np.arange(1, len(found) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    first = np.searchsorted(found / n_true, _RECALLS)
    return float(np.append(best, 0.0)[np.minimum(first, len(found))].mean())
