"""What a detector found in an image beside what was drawn there."""

from cellid.evaluation.instances import Instances, detected_instances, pixel_instances
from cellid.types import Detections, Labels, Mask, ObjectPixels

InstancePair = tuple[Instances, Instances]


def pair_instances(
    labels: Labels, known: Mask, found: Detections, min_area_px: float
) -> InstancePair:
    """Return the true and the found objects of an image, for scores, as `pair_found`."""
    drawn = ObjectPixels.of_labels(labels)
    return pair_found(drawn, known, detected_instances(found, drawn.shape), min_area_px)


def pair_found(
    drawn: ObjectPixels, known: Mask, found: Instances, min_area_px: float
) -> InstancePair:
    """Return the true objects of an image, and those of the found that count, for scores.

    Parameters
    ----------
    drawn : ObjectPixels
    known : (Y, X) bool
        Where they are to be believed.
    found : Instances
        In pixels of the drawn ones.
    min_area_px : float
        Smaller objects are no objects. What is found with its centre on one, or where nothing is
        known, is left out too: it counts neither way.

    Returns
    -------
    true, found : Instances
    """
    large = drawn.areas_px >= min_area_px
    judged = known.copy()
    speck = ~large[drawn.number]
    judged[drawn.y[speck], drawn.x[speck]] = False
    rows, columns = ((found.boxes[:, :2] + found.boxes[:, 2:]) / 2).astype(int).T
    limits = judged.shape
    counts = judged[rows.clip(0, limits[0] - 1), columns.clip(0, limits[1] - 1)]
    return pixel_instances(drawn).chosen(large), found.chosen(counts)
