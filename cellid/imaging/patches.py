"""Square patches of an image: where they lie, what is in them, and how a network sees them."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import Scaling
from cellid.errors import CellidError
from cellid.imaging.geometry import rescale_frame
from cellid.types import Frame, Labels, Mask

Boxes = NDArray[np.int64]

POSITIVE, NEGATIVE, DOUBTFUL = 1, 0, -1

# Single hot or dead pixels are no measure of what is black and white
_PERCENTILES = (0.1, 99.9)


def patch_boxes(shape: tuple[int, ...], size_px: int, overlap: float) -> Boxes:
    """Return patches that cover an image, evenly placed from edge to edge.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image, pixels.
    size_px : int
        Side of a patch. An image that is smaller is one patch.
    overlap : float in [0, 1)
        Least overlap of neighbours, as a share of their side.

    Returns
    -------
    (N, 4) int64
        y0, x0, y1, x1, half-open pixels, row by row.
    """
    rows, columns = (_starts(length, size_px, overlap) for length in shape[:2])
    corners = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    return np.hstack([corners, np.minimum(corners + size_px, shape[:2])])


def judge_patches(
    labels: Labels, known: Mask, boxes: Boxes, min_object_px: int
) -> NDArray[np.int64]:
    """Return the class of each patch of a label image.

    Parameters
    ----------
    labels : (Y, X) int32
    known : (Y, X) bool
        Where the labels are to be believed.
    boxes : (N, 4) int64
    min_object_px : int
        Pixels of one object that make a patch positive, or all of a smaller object.

    Returns
    -------
    (N,) int64
        `POSITIVE`; `NEGATIVE` without a pixel of any object; `DOUBTFUL` with fewer, or
        where nothing is found and not all is known.
    """
    enough = np.minimum(np.bincount(labels.ravel()), min_object_px)[1:]
    classes = np.empty(len(boxes), np.int64)
    for place, (y0, x0, y1, x1) in enumerate(boxes):
        within = np.bincount(labels[y0:y1, x0:x1].ravel(), minlength=len(enough) + 1)[1:]
        if ((within > 0) & (within >= enough)).any():
            classes[place] = POSITIVE
        elif within.any() or not known[y0:y1, x0:x1].all():
            classes[place] = DOUBTFUL
        else:
            classes[place] = NEGATIVE
    return classes


def scale_intensity(image: NDArray[Any], scaling: Scaling) -> Frame:
    """Bring the intensities of an image to 0 to 1.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        As the camera gave it, whole.
    scaling : {"range", "percentiles"}
        As `PatchSettings.scaling` says.

    Returns
    -------
    float32 of the same shape in [0, 1]
        Channels by percentiles each on its own; a constant image becomes zeros.

    Raises
    ------
    CellidError
        If the range of a data type is asked for and it has none.
    """
    if scaling == "percentiles":
        low, high = np.percentile(image, _PERCENTILES, axis=(0, 1))
    elif image.dtype.kind == "f":
        low, high = np.zeros(()), np.ones(())
        if image.min() < low or image.max() > high:
            raise CellidError(
                "image",
                expected="whole numbers, or intensities from 0 to 1",
                got=f"{image.dtype} from {image.min():g} to {image.max():g}",
                remedy="set patches.scaling=percentiles (of a detector, objects.scaling), which "
                "needs no range",
            )
    else:
        limits = np.iinfo(image.dtype)
        low, high = np.float64(limits.min), np.float64(limits.max)
    span = np.where(high > low, high - low, np.inf)
    return np.asarray(np.clip((image - low) / span, 0, 1), np.float32)


def cut_patch(field: Frame, box: NDArray[np.int64], size_px: int, network_px: int) -> Frame:
    """Return one patch as the network sees it, before its intensities are standardised.

    Parameters
    ----------
    field : (Y, X) or (Y, X, C) float32
    box : (4,) int64
        y0, x0, y1, x1; where it is smaller than ``size_px`` it is reflected up to that.
    size_px, network_px : int
        Side of a patch in the image, and as the network sees it.

    Returns
    -------
    (network_px, network_px, C) float32
    """
    y0, x0, y1, x1 = box
    patch = field[y0:y1, x0:x1]
    below, right = size_px - (y1 - y0), size_px - (x1 - x0)
    if below or right:
        padded = cv2.copyMakeBorder(patch, 0, int(below), 0, int(right), cv2.BORDER_REFLECT)
        patch = np.asarray(padded, np.float32)
    seen = rescale_frame(patch, (network_px, network_px))
    return seen.reshape(network_px, network_px, -1)


def average_patches(
    values: NDArray[np.floating], boxes: Boxes, shape: tuple[int, ...]
) -> NDArray[np.float32]:
    """Return an image of what patches say, the mean where they overlap.

    Parameters
    ----------
    values : (N,) float
        Of the patches, which cover the image.
    boxes : (N, 4) int64
    shape : tuple of int
        Height and width of the image.

    Returns
    -------
    (Y, X) float32
    """
    total, count = np.zeros(shape[:2], np.float32), np.zeros(shape[:2], np.float32)
    for value, (y0, x0, y1, x1) in zip(values, boxes, strict=True):
        total[y0:y1, x0:x1] += value
        count[y0:y1, x0:x1] += 1
    return total / count


def _starts(length: int, size_px: int, overlap: float) -> NDArray[np.int64]:
    last = max(0, length - size_px)
    stride = max(1, int(size_px * (1 - overlap)))
    return np.linspace(0, last, -(-last // stride) + 1).astype(np.int64)
