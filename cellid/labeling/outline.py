"""The outline of every nucleus: a threshold of its own, halfway up from its surroundings."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellid.imaging.instances import separate_touching
from cellid.labeling.enhancement import WorkingImage
from cellid.labeling.shape import Floats
from cellid.types import Frame, Labels

# Lengths in nucleus diameters.
_REACH = 0.5  # of the zone of a nucleus beyond its core
_RING = 0.15  # from the core to where the surroundings begin
_SMOOTHING = 0.04  # of the image before the threshold
_LEAST_AREA = 0.03  # of a nucleus: less is no object

# Otsu's threshold lies midway between the two means; the mean of the core is a little high,
# since the blurred rim is not in it.
_HEIGHT = 0.45
# Of the surroundings this quantile counts: neighbours not found make the upper half bright.
_SURROUNDINGS = 0.4


@dataclass(frozen=True)
class Outlines:
    """Objects at working resolution.

    Attributes
    ----------
    objects : (y, x) int32
        Numbered from 1 without gaps.
    zone : (y, x) int32
        The neighbourhood of each object, which no other object shares.
    threshold, inside, outside : (N + 1,) float64
        Grey levels of each object: threshold, mean of the core, surroundings.
    """

    objects: Labels
    zone: Labels
    threshold: Floats
    inside: Floats
    outside: Floats


def outline(cores: Labels, work: WorkingImage) -> Outlines:
    """Draw the outline around every core where the stain falls to half its contrast.

    Parameters
    ----------
    cores : (y, x) int32
        Parts of nuclei, numbered from 1 without gaps.
    work : WorkingImage

    Returns
    -------
    Outlines
        Cores whose surroundings are as bright as they have no object.
    """
    n = int(cores.max())
    distance, zone = _share_out(cores, _REACH * work.diameter_px)
    inside, outside = _measure_levels(cores, zone, distance, work)
    threshold = np.where(inside > outside, outside + _HEIGHT * (inside - outside), np.inf)
    smooth = cv2.GaussianBlur(work.stain, (0, 0), 0.5)
    objects = np.where(smooth > threshold.astype(np.float32)[zone], zone, 0)
    kept, objects = _keep_largest(objects, n, _LEAST_AREA * np.pi * work.diameter_px**2 / 4)
    number = np.zeros(n + 1, np.int32)
    number[kept] = np.arange(kept.size)
    zone = number[zone]
    objects = _fill_holes(objects, zone, 0.1 * np.pi * work.diameter_px**2 / 4)
    return Outlines(objects, zone, threshold[kept], inside[kept], outside[kept])


def _share_out(cores: Labels, reach_px: float) -> tuple[Frame, Labels]:
    """Give every pixel within reach to the nearest core."""
    distance, nearest = cv2.distanceTransformWithLabels(
        (cores == 0).view(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[cores > 0]] = cores[cores > 0]
    zone = owner[nearest]
    zone[distance > reach_px] = 0
    return distance, zone


def _measure_levels(
    cores: Labels, zone: Labels, distance: Frame, work: WorkingImage
) -> tuple[Floats, Floats]:
    """Measure the grey level within and around every core."""
    n = int(cores.max())
    values = work.stain.ravel()
    pixels = np.flatnonzero(cores)
    core = cores.ravel()[pixels]
    count = np.maximum(np.bincount(core, minlength=n + 1), 1)
    inside = np.bincount(core, values[pixels], n + 1) / count
    # Half of the pixels tell a quantile well enough.
    ring = np.flatnonzero((distance > _RING * work.diameter_px) & (zone > 0))[::2]
    # Sorting owner and grey level as one number is several times faster than one by one.
    low, span = float(values.min()), float(np.ptp(values)) * (1 + 1e-6) or 1.0
    key = np.sort(zone.ravel()[ring] + (values[ring].astype(np.float64) - low) / span)
    starts = np.searchsorted(key, np.arange(n + 2))
    size = np.diff(starts)
    outside = np.zeros(n + 1)
    found = np.flatnonzero(size)
    chosen = key[(starts[:-1] + _SURROUNDINGS * size).astype(np.int64)[found]]
    outside[found] = low + (chosen - found) * span
    inside[0] = 0
    return inside, outside


def _keep_largest(
    objects: Labels, n: int, min_area_px: float
) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], Labels]:
    """Keep the largest piece of each object and number what is left anew.

    Returns the old number of every new one, and the objects.
    """
    pieces, plane, stats, _ = cv2.connectedComponentsWithStats(
        separate_touching(objects).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    pixels = np.flatnonzero(plane)
    of = np.zeros(pieces, np.int64)
    of[plane.ravel()[pixels]] = objects.ravel()[pixels]
    area = stats[:, cv2.CC_STAT_AREA]
    order = np.argsort(area[1:], kind="stable") + 1
    largest = np.zeros(n + 1, np.int64)
    largest[of[order]] = order
    kept = np.flatnonzero((largest > 0) & (area[largest] >= min_area_px))
    number = np.zeros(pieces, np.int32)
    number[largest[kept]] = np.arange(1, kept.size + 1)
    result = np.asarray(number[plane])
    # The gap that parted touching objects goes back to them.
    gap = np.flatnonzero((plane == 0) & (objects > 0))
    result.ravel()[gap] = number[largest[objects.ravel()[gap]]]
    return np.concatenate([[0], kept]), result


def _fill_holes(objects: Labels, zone: Labels, max_area_px: float) -> Labels:
    """Fill small holes, such as dark nucleoli."""
    _, plane, stats, _ = cv2.connectedComponentsWithStats(
        (objects == 0).view(np.uint8), connectivity=4, ltype=cv2.CV_32S
    )
    height, width = objects.shape
    left, top, wide, high, area = stats.T
    hole = (area <= max_area_px) & (left > 0) & (top > 0)
    hole &= (left + wide < width) & (top + high < height)
    hole[0] = False
    return np.asarray(np.where(hole[plane], zone, objects))


def sharpen(image: Frame, found: Outlines, work: WorkingImage, diameter_px: float) -> Labels:
    """Draw the outlines at the resolution of the image.

    Within one working pixel of its outline every object is thresholded anew; what lies
    deeper is kept, and nothing is added beyond.

    Parameters
    ----------
    image : (Y, X) float32
    found : Outlines
    work : WorkingImage
        What ``found`` was found in.
    diameter_px : float
        Diameter of a nucleus in ``image``.

    Returns
    -------
    (Y, X) int32
    """
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask = (found.objects > 0).view(np.uint8)
    deep = cv2.erode(separate_touching(found.objects).view(np.uint8), cross, borderValue=1)
    near = cv2.dilate(mask, cross)
    zone = np.where(found.objects > 0, found.objects, found.zone)
    zone[near == 0] = 0
    threshold = found.threshold.astype(np.float32)[zone]
    threshold[deep > 0] = -np.inf
    threshold[zone == 0] = np.inf
    size = image.shape[::-1]
    wide = cv2.resize(zone, size, interpolation=cv2.INTER_NEAREST)
    level = cv2.resize(threshold, size, interpolation=cv2.INTER_NEAREST)
    smooth = cv2.GaussianBlur(image, (0, 0), max(_SMOOTHING * diameter_px, 0.5))
    background = cv2.resize(work.background, size, interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.where(smooth > level + background, wide, 0))
