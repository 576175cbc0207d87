"""From a probability map to nuclei, touching ones apart."""

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.morphology import remove_small_holes
from skimage.segmentation import watershed

from cellid.runs import InstanceRule
from cellid.types import Labels, Mask


def label_nuclei(maps: NDArray[np.float32], rule: InstanceRule) -> Labels:
    """Return the nuclei of the network's maps as instance labels.

    Within the mask, the product of probability and distance to the nucleus's edge peaks in
    every nucleus; peaks far enough apart seed a watershed (the marker-controlled watershed
    of section 8.1).

    Parameters
    ----------
    maps : (H, Y, X) float32 in [0, 1]
        The probability of a nucleus; then, if there is one, the network's map of
        `inner_distance`.
    rule : InstanceRule

    Returns
    -------
    (Y, X) int32
        Numbered from 1 without gaps.
    """
    mask = nucleus_mask(maps[0], rule).view(np.uint8)
    labels = _connected(mask)
    if rule.seed_distance_px > 0:
        distance = maps[1] if rule.seeds == "distance" else edge_distance(mask)
        labels = _split(maps[0] * distance, mask, labels, rule)
    return drop_small(labels, rule.min_area_px)


def nucleus_mask(probability: NDArray[np.float32], rule: InstanceRule) -> Mask:
    """Return where nuclei are: above the threshold, small holes filled, outlines smoothed.

    Outlines are smoothed by an opening and a closing with a disk.

    Parameters
    ----------
    probability : (Y, X) float32 in [0, 1]
    rule : InstanceRule

    Returns
    -------
    (Y, X) bool
    """
    mask = np.asarray(probability >= rule.threshold)
    if rule.smoothing_px:
        disk = _disk(rule.smoothing_px)
        for operation in (cv2.MORPH_OPEN, cv2.MORPH_CLOSE):
            smooth = cv2.morphologyEx(mask.view(np.uint8), operation, disk)
            mask = np.asarray(smooth).view(np.bool_)
    if rule.max_hole_px:
        mask = remove_small_holes(mask, max_size=rule.max_hole_px)
    return mask


def inner_distance(labels: Labels) -> NDArray[np.float32]:
    """Return how deep in its nucleus every pixel lies, 1 in the middle of each.

    The distance to the nearest pixel that is not the nucleus's own, over the largest such
    distance in the nucleus: large and small nuclei peak alike, touching ones apart.

    Parameters
    ----------
    labels : (Y, X) int32

    Returns
    -------
    (Y, X) float32 in [0, 1]
        0 in the background.
    """
    inside = separate_touching(labels)
    distance = edge_distance(inside.view(np.uint8))
    deepest = np.ones(int(labels.max(initial=0)) + 1, np.float32)
    np.maximum.at(deepest, labels.ravel(), distance.ravel())
    return np.asarray(distance / deepest[labels], np.float32)


def drop_small(labels: Labels, min_area_px: float) -> Labels:
    """Remove objects smaller than ``min_area_px`` pixels and number the rest from 1."""
    areas = np.bincount(labels.ravel())
    keep = areas >= max(min_area_px, 1)
    keep[0] = False
    numbers = np.where(keep, np.cumsum(keep), 0).astype(np.int32)
    return np.asarray(numbers[labels])


def separate_touching(labels: Labels) -> Mask:
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
    surface: NDArray[np.float32],
    mask: NDArray[np.uint8],
    components: NDArray[np.int32],
    rule: InstanceRule,
) -> NDArray[np.int32]:
    surface = np.asarray(cv2.GaussianBlur(surface, (0, 0), max(0.5, rule.seed_distance_px / 6)))
    if rule.plateau_px:
        surface = np.asarray(cv2.dilate(surface, _disk(rule.plateau_px)))
    surface[mask == 0] = 0
    peaks = (surface >= cv2.dilate(surface, _disk(rule.seed_distance_px))) & (mask > 0)
    seeds = _connected(peaks.astype(np.uint8))
    # A component in the shadow of a higher neighbour has no peak of its own: it is one nucleus
    lost = components * ~np.isin(components, components[peaks])
    seeds = np.where(lost > 0, lost + seeds.max(), seeds)
    return np.asarray(watershed(-surface, seeds, mask=mask > 0), dtype=np.int32)


def _disk(radius_px: float) -> NDArray[np.uint8]:
    width = 2 * int(np.ceil(radius_px)) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width)))


def edge_distance(mask: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the distance of every pixel of the mask to the nearest outside it."""
    return np.asarray(cv2.distanceTransform(mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE), np.float32)


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
