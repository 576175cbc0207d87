"""From a probability map to nuclei, touching ones apart."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.segmentation import watershed

from cellid.types import Labels


def label_nuclei(
    probability: NDArray[np.float32], threshold: float, seed_distance_px: float, min_area_px: float
) -> Labels:
    """Return the nuclei of a probability map as instance labels.

    Pixels at or above the threshold are nucleus. Within them, the product of probability
    and distance to the background peaks at every nucleus; peaks further apart than
    ``seed_distance_px`` seed a watershed (the marker-controlled watershed of section 8.1).

    Parameters
    ----------
    probability : (Y, X) float32 in [0, 1]
    threshold : float
        Least probability of a nucleus pixel.
    seed_distance_px : float
        Least distance of two centres in one connected component; 0 never splits.
    min_area_px : float
        Smaller objects are dropped, pixels.

    Returns
    -------
    (Y, X) int32
        Numbered from 1 without gaps.
    """
    mask = (probability >= threshold).astype(np.uint8)
    components = _connected(mask)
    labels = (
        _split(probability, mask, components, seed_distance_px)
        if seed_distance_px > 0
        else components
    )
    return drop_small(labels, min_area_px)


def drop_small(labels: Labels, min_area_px: float) -> Labels:
    """Remove objects smaller than ``min_area_px`` pixels and number the rest from 1."""
    areas = np.bincount(labels.ravel())
    keep = areas >= max(min_area_px, 1)
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return np.asarray(numbers[labels])


def separate_touching(labels: Labels) -> NDArray[np.bool_]:
    """Return the nucleus mask with a one-pixel gap wherever two nuclei touch.

    The gap is taken from the nucleus of the lower number, so that an isolated nucleus and
    the other one keep their outline.

    Parameters
    ----------
    labels : (Y, X) int32

    Returns
    -------
    (Y, X) bool
    """
    exact = _to_float(labels)
    return np.asarray((exact > 0) & (_dilate(exact) <= exact))


def _split(
    probability: NDArray[np.float32],
    mask: NDArray[np.uint8],
    components: NDArray[np.int32],
    seed_distance_px: float,
) -> NDArray[np.int32]:
    distance = cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    surface = np.asarray(
        cv2.GaussianBlur(distance * probability, (0, 0), max(0.5, seed_distance_px / 6))
    )
    surface[mask == 0] = 0
    width = 2 * int(np.ceil(seed_distance_px)) + 1
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    peaks = (surface >= cv2.dilate(surface, disk)) & (mask > 0)
    seeds = _connected(peaks.astype(np.uint8))
    # A component in the shadow of a higher neighbour has no peak of its own: it is one nucleus
    lost = components * ~np.isin(components, components[peaks])
    seeds = np.where(lost > 0, lost + seeds.max(), seeds)
    return np.asarray(watershed(-surface, seeds, mask=mask > 0), dtype=np.int32)


def _connected(mask: NDArray[np.uint8]) -> NDArray[np.int32]:
    _, components = cv2.connectedComponents(mask, connectivity=8)
    return np.asarray(components, dtype=np.int32)


def grow_labels(labels: Labels) -> Labels:
    """Return labels in which every object has grown by one pixel into the background.

    Where two objects would meet, the higher number takes the pixel.
    """
    return np.where(labels > 0, labels, _dilate(_to_float(labels)).astype(np.int32))


def _to_float(labels: Labels) -> NDArray[np.floating]:
    """Hold the numbers in a type that OpenCV dilates: it does no integers of 32 bits."""
    # float32 is exact up to 2^24.
    return labels.astype(np.float32 if labels.max(initial=0) <= 2**24 else np.float64)


def _dilate(numbers: NDArray[np.floating]) -> NDArray[np.floating]:
    """Give every pixel the highest number among its own and those around it."""
    return np.asarray(cv2.dilate(numbers, np.ones((3, 3), np.uint8)))
