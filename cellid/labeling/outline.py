"""The outline of every nucleus: a threshold of its own, halfway up from its surroundings."""

from dataclasses import dataclass

import cv2
import numpy as np

from cellid.imaging.instances import separate_touching
from cellid.labeling.enhancement import WorkingImage
from cellid.labeling.shape import Floats
from cellid.types import Frame, Labels, Mask

# Lengths in nucleus diameters.
_REACH = 0.45  # of the zone of a nucleus beyond its core
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
    zone, far = _share_out(cores, work.diameter_px)
    inside, outside = _measure_levels(cores, zone, far, work)
    threshold = np.where(inside > outside, outside + _HEIGHT * (inside - outside), np.inf)
    threshold[0] = np.inf
    objects = zone * (work.smooth > threshold.astype(np.float32)[zone])
    kept, objects = _keep_largest(objects, n, _LEAST_AREA * np.pi * work.diameter_px**2 / 4)
    number = np.zeros(n + 1, np.int32)
    number[kept] = np.arange(kept.size)
    zone = number[zone]
    objects = _fill_holes(objects, zone, 0.1 * np.pi * work.diameter_px**2 / 4)
    return Outlines(objects, zone, threshold[kept], inside[kept], outside[kept])


def _share_out(cores: Labels, diameter_px: float) -> tuple[Labels, Mask]:
    """Give every pixel within reach to the nearest core, and tell which are away from all."""
    square = np.ones((3, 3), np.uint8)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    # float32 holds every number that an image has room for, and OpenCV dilates it.
    zone = cores.astype(np.float32)
    near = zone > 0
    for step in range(int(_REACH * diameter_px)):
        # Square and cross in turn grow an octagon.
        grown = cv2.dilate(zone, cross if step % 2 else square)
        zone = np.asarray(cv2.copyTo(zone, (zone > 0).view(np.uint8), grown))
        if step + 1 == max(1, int(_RING * diameter_px)):
            near = zone > 0
    return zone.astype(np.int32), ~near


def _measure_levels(
    cores: Labels, zone: Labels, far: Mask, work: WorkingImage
) -> tuple[Floats, Floats]:
    """Measure the grey level within and around every core."""
    n = int(cores.max())
    values = work.stain.ravel()
    pixels = np.flatnonzero(cores > 0)
    core = cores.ravel()[pixels]
    count = np.maximum(np.bincount(core, minlength=n + 1), 1)
    inside = np.bincount(core, values[pixels], n + 1) / count
    # Half of the pixels tell a quantile well enough.
    ring = np.flatnonzero(far & (zone > 0))[::2]
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
    apart = separate_touching(objects).view(np.uint8)
    pieces, plane = cv2.connectedComponents(apart, connectivity=8, ltype=cv2.CV_32S)
    pixels = np.flatnonzero(objects > 0)
    piece, old = plane.ravel()[pixels], objects.ravel()[pixels]
    of = np.zeros(pieces, np.int64)
    of[piece] = old
    area = np.bincount(piece, minlength=pieces)
    order = np.argsort(area[1:], kind="stable") + 1
    largest = np.zeros(n + 1, np.int64)
    largest[of[order]] = order
    kept = np.flatnonzero((largest > 0) & (area[largest] >= min_area_px))
    number = np.zeros(pieces, np.int32)
    number[largest[kept]] = np.arange(1, kept.size + 1)
    result = np.zeros(objects.shape, np.int32)
    # The gap that parted touching objects goes back to them.
    result.ravel()[pixels] = number[np.where(piece > 0, piece, largest[old])]
    return np.concatenate([[0], kept]), result


def _fill_holes(objects: Labels, zone: Labels, max_area_px: float) -> Labels:
    """Fill small holes, such as dark nucleoli."""
    filled = cv2.copyMakeBorder(
        (objects > 0).view(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0
    )
    # What the background does not reach from beyond the border of the image is enclosed.
    cv2.floodFill(filled, None, (0, 0), 1, flags=8)
    enclosed = (filled[1:-1, 1:-1] == 0).view(np.uint8)
    pixels = np.flatnonzero(enclosed)
    if pixels.size == 0:
        return objects
    _, plane = cv2.connectedComponents(enclosed, connectivity=8, ltype=cv2.CV_32S)
    hole = plane.ravel()[pixels]
    small = pixels[(np.bincount(hole) <= max_area_px)[hole]]
    objects.ravel()[small] = zone.ravel()[small]
    return objects


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
    level = found.threshold.astype(np.float32)[zone] + work.background
    level[deep > 0] = -np.inf
    level[zone == 0] = np.inf
    size = image.shape[::-1]
    wide = cv2.resize(zone, size, interpolation=cv2.INTER_NEAREST)
    wide_level = cv2.resize(level, size, interpolation=cv2.INTER_NEAREST)
    smooth = cv2.GaussianBlur(image, (0, 0), max(_SMOOTHING * diameter_px, 0.5))
    return np.asarray(cv2.copyTo(wide, cv2.compare(smooth, wide_level, cv2.CMP_GT)))
