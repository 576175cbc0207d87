"""Labels without a setting to tune: everything is measured in nucleus diameters and noise."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import LabelSettings
from cellid.errors import CellidError
from cellid.labeling.refinement import refine_contours
from cellid.labeling.scale import estimate_diameter, measure_noise
from cellid.labeling.tree import grow_tree, select_nodes
from cellid.types import Frame, Labels

_WORK_DIAMETER_PX = 16.0
_BLOB_SIGMA = 0.22  # of the blob filter, diameters
_SOFT = 0.2  # share of the contrast up to which brightness is linear
_LEVELS = 20


@dataclass(frozen=True)
class AutoLabels:
    """What `label_auto` found.

    Attributes
    ----------
    labels : (Y, X) int32
    diameter_px : float
        Diameter of a nucleus, measured or given.
    noise : float
        Standard deviation of the noise, grey levels of the input.
    """

    labels: Labels
    diameter_px: float
    noise: float


def label_auto(stain: NDArray[np.generic], settings: LabelSettings) -> AutoLabels:
    """Find nuclei in a stain image of any brightness, scale and bit depth."""
    if stain.ndim != 2:
        raise CellidError(
            "stain",
            expected="one image with axes YX",
            got=f"shape {stain.shape}",
            remedy="pass one two-dimensional image at a time",
        )
    image = np.ascontiguousarray(stain, dtype=np.float32)
    noise = measure_noise(image)
    diameter = settings.diameter_px or estimate_diameter(image, noise)
    empty = np.zeros(image.shape, np.int32)
    if np.ptp(image) == 0:
        return AutoLabels(empty, diameter, noise)
    scale = min(1.0, _WORK_DIAMETER_PX / diameter)
    work = _shrink(image, scale)
    work_noise = measure_noise(work)
    d = diameter * scale
    blobs, floor = _find_blobs(work, d, work_noise)
    nodes, planes = grow_tree(blobs, floor, _LEVELS)
    cores = select_nodes(nodes, planes, np.pi * d * d / 4, blobs.shape)
    labels = refine_contours(image, work, cores, diameter, d, work_noise)
    return AutoLabels(labels, diameter, noise)


def _shrink(image: Frame, scale: float) -> Frame:
    if scale >= 1:
        return image
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))


def _find_blobs(work: Frame, d: float, noise: float) -> tuple[Frame, float]:
    box = int(2 * d) | 1
    low = cv2.erode(cv2.GaussianBlur(work, (0, 0), 0.2 * d), np.ones((box, box), np.uint8))
    above = work - cv2.GaussianBlur(low, (0, 0), d)
    soft = max(float(np.percentile(above[::2, ::2], 99.5)) * _SOFT, 3 * noise)
    even = np.arcsinh(above / soft)
    sigma = _BLOB_SIGMA * d
    blobs = cv2.GaussianBlur(even, (0, 0), sigma / 1.26) - cv2.GaussianBlur(
        even, (0, 0), sigma * 1.26
    )
    return blobs, max(0.03, 4 * (noise / soft) * 0.4 / sigma)
