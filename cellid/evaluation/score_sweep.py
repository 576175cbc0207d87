"""What every least score of a detection would give."""

from collections.abc import Sequence
from functools import reduce
from operator import add

import numpy as np
import pandas as pd

from cellid.evaluation.counts import check_any
from cellid.evaluation.instances import Instances, Outline, match_instances

_STEP = 0.02


def sweep_scores(
    images: Sequence[tuple[Instances, Instances]],
    *,
    by: Outline,
    iou_threshold: float,
    lowest: float,
) -> pd.DataFrame:
    """Return precision, recall and F1 of the detections above each of many scores.

    Parameters
    ----------
    images : sequence of (true, predicted)
    by : "box" or "mask"
        What overlaps.
    iou_threshold : float in (0, 1]
        Least IoU of a match.
    lowest : float
        The lowest score tried.

    Returns
    -------
    DataFrame
        ``score``, ``precision``, ``recall``, ``f1``, rising by score; pooled over images, nan of
        0/0. Scores are tried in steps of 0.02, as long as something is found.

    Raises
    ------
    CellidError
        If there are no images.
    """
    check_any(images)
    highest = max(float(found.scores.max(initial=0.0)) for _, found in images)
    n_tried = max(1, int(np.ceil((highest - lowest) / _STEP)))
    rows = []
    for score in (lowest + _STEP * np.arange(n_tried)).round(4).tolist():
        matched = reduce(
            add,
            (
                match_instances(true, found.above(score), by=by, iou_threshold=iou_threshold)
                for true, found in images
            ),
        )
        rows.append((score, matched.precision, matched.recall, matched.f1))
    return pd.DataFrame(rows, columns=["score", "precision", "recall", "f1"])
