"""Geometry: change of scale, and crops of a field."""

from collections.abc import Iterator
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import CropSettings
from cellid.types import Frame, Labels


def scaled_shape(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Return the (Y, X) shape of an image of ``shape`` after a change of scale, at least 1×1."""
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def rescale_frame(frame: NDArray[np.generic], shape: tuple[int, int]) -> Frame:
    """Return a frame resampled to (Y, X) ``shape``: area mean when shrinking, else bilinear.

    Parameters
    ----------
    frame : (Y, X) or (Y, X, C) array
    shape : tuple of int
        Height and width wanted, pixels.

    Returns
    -------
    float32, ``shape`` and the frame's channels
    """
    image = np.ascontiguousarray(frame, dtype=np.float32)
    if image.shape[:2] == shape:
        return image
    shrinks = shape[0] < image.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, shape[::-1], interpolation=method), dtype=np.float32)


def rescale_labels(labels: Labels, shape: tuple[int, int]) -> Labels:
    """Return labels resampled to (Y, X) ``shape`` by the nearest pixel, numbers unchanged."""
    if labels.shape == shape:
        return labels
    # OpenCV has no int32 resize; gathering rows and columns is exact for any number
    rows = ((np.arange(shape[0]) + 0.5) * (labels.shape[0] / shape[0])).astype(np.intp)
    columns = ((np.arange(shape[1]) + 0.5) * (labels.shape[1] / shape[1])).astype(np.intp)
    return np.asarray(labels[rows[:, None], columns[None, :]])


def crop_origins(
    shape: tuple[int, int], settings: CropSettings
) -> Iterator[tuple[int, int, int, int]]:
    """Yield the crops of a field as (y0, x0, y1, x1), half-open pixels.

    ``fixed`` gives the thesis's four 512×512 crops of 1408×1040 (section 5.2.2): as many as
    fit, evenly spaced from edge to edge. ``partition`` cuts the whole field in equal pieces
    of about that size. A field smaller than a crop is one crop.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the field, pixels.
    settings : CropSettings
    """
    rows, columns = (_spans(length, settings) for length in shape)
    for y0, y1 in rows:
        for x0, x1 in columns:
            yield y0, x0, y1, x1


def _spans(length: int, settings: CropSettings) -> list[tuple[int, int]]:
    size = settings.size
    if settings.layout == "partition":
        edges = np.linspace(0, length, max(1, round(length / size)) + 1).round().astype(int)
        return [(int(a), int(b)) for a, b in pairwise(edges)]
    count = max(1, length // size)
    starts = np.linspace(0, max(0, length - size), count).round().astype(int)
    return [(int(start), min(int(start) + size, length)) for start in starts]
