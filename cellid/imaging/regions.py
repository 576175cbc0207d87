"""Regions of an image: the rectangles that hold what was chosen of it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.imaging.patches import Boxes
from cellid.types import Mask


def cover_boxes(boxes: Boxes, shape: tuple[int, ...]) -> Mask:
    """Return the pixels that lie in any of some boxes.

    Parameters
    ----------
    boxes : (N, 4) int64
        y0, x0, y1, x1, half-open pixels.
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    (Y, X) bool
    """
    mask = np.zeros(shape[:2], bool)
    for y0, x0, y1, x1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def bound_regions(mask: Mask, margin_px: int, step_px: int) -> Boxes:
    """Return rectangles, none of which overlap, that hold all pixels of a mask with a margin.

    Parameters
    ----------
    mask : (Y, X) bool
    margin_px : int
        About every connected part of it.
    step_px : int
        Rectangles begin, and end unless at the image's end, at multiples of it.

    Returns
    -------
    (N, 4) int64
        y0, x0, y1, x1, half-open pixels. Of a mask of the whole image, the whole image.
    """
    n, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    x0, y0, width, height = stats[1:n, :4].T
    boxes = np.stack([y0, x0, y0 + height, x0 + width], axis=1).astype(np.int64)
    boxes += np.array([-margin_px, -margin_px, margin_px, margin_px])
    boxes[:, :2] = boxes[:, :2] // step_px * step_px
    boxes[:, 2:] = -(-boxes[:, 2:] // step_px) * step_px
    limits = np.array(mask.shape * 2)
    return _merge_overlapping(boxes.clip(0, limits))


def _merge_overlapping(boxes: Boxes) -> Boxes:
    """Put rectangles that overlap into the one about both, until none do."""
    merged: list[NDArray[np.int64]] = []
    waiting = list(boxes)
    while waiting:
        box = waiting.pop()
        near = [
            other for other in merged if (box[:2] < other[2:]).all() and (other[:2] < box[2:]).all()
        ]
        if near:
            merged = [other for other in merged if not any(other is each for each in near)]
            both = np.stack([box, *near])
            waiting.append(np.concatenate([both[:, :2].min(axis=0), both[:, 2:].max(axis=0)]))
        else:
            merged.append(box)
    return np.array(merged, np.int64).reshape(-1, 4)
