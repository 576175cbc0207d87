"""What a detector found in an image beside what was drawn there."""

import numpy as np

from cellid.evaluation.instances import Instances, detected_instances, label_instances
from cellid.imaging.instances import drop_small
from cellid.types import Detections, Labels, Mask

InstancePair = tuple[Instances, Instances]


def pair_instances(
    labels: Labels, known: Mask, found: Detections, min_area_px: float
) -> InstancePair:
    """Return the true and the found objects of an image, for scores, as `pair_found`."""
    return pair_found(labels, known, detected_instances(found, labels.shape), min_area_px)


def pair_found(labels: Labels, known: Mask, found: Instances, min_area_px: float) -> InstancePair:
    """Return the true objects of an image, and those of the found that count, for scores.

    Parameters
    ----------
    labels : (Y, X) int32
    known : (Y, X) bool
        Where they are to be believed.
    found : Instances
        In pixels of the labels.
    min_area_px : float
        Smaller objects are no objects. What is found with its centre on one, or where nothing is
        known, is left out too: it counts neither way.

    Returns
    -------
    true, found : Instances
    """
    true = drop_small(labels, min_area_px)
    judged = known & ~((labels > 0) & (true == 0))
    rows, columns = ((found.boxes[:, :2] + found.boxes[:, 2:]) / 2).astype(int).T
    limits = np.array(labels.shape) - 1
    counts = judged[rows.clip(0, limits[0]), columns.clip(0, limits[1])]
    return label_instances(true), found.chosen(counts)
