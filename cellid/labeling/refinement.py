"""The outline of every nucleus, where the stain is halfway between it and its surroundings."""

import cv2
import numpy as np

from cellid.types import Frame, Labels

_REACH = 0.35  # of an outline beyond its core, diameters
_RING = 0.15  # where the surroundings begin, diameters
_SIGNAL_TO_NOISE = 4.0


def refine_contours(
    image: Frame, work: Frame, cores: Labels, diameter_px: float, d: float, noise: float
) -> Labels:
    """Give every core the outline at half its contrast, at the resolution of ``image``."""
    n = int(cores.max()) if cores.size else 0
    if n == 0:
        return np.zeros(image.shape, np.int32)
    distance, nearest = cv2.distanceTransformWithLabels(
        (cores == 0).astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    owner = np.zeros(int(nearest.max()) + 1, np.int32)
    owner[nearest[cores > 0]] = cores[cores > 0]
    zone = owner[nearest]
    zone[distance > _REACH * d] = 0
    inside = np.bincount(cores.ravel(), work.ravel(), n + 1) / np.bincount(
        cores.ravel(), minlength=n + 1
    )
    ring = (zone > 0) & (distance > _RING * d)
    order = np.lexsort((work[ring], zone[ring]))
    values = work[ring][order]
    starts = np.searchsorted(zone[ring][order], np.arange(n + 2))
    count = np.diff(starts)
    outside = np.full(n + 1, float(np.median(work)))
    has = count > 0
    outside[has] = values[(starts[:-1] + 0.4 * count).astype(int)[has]]
    level = (inside + outside) / 2
    level[inside - outside < _SIGNAL_TO_NOISE * noise] = np.inf
    level[0] = np.inf
    height, width = image.shape
    wide = cv2.resize(
        zone.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST
    ).astype(np.int32)
    smooth = cv2.GaussianBlur(image, (0, 0), max(0.04 * diameter_px, 0.5))
    labels = np.where(smooth > level.astype(np.float32)[wide], wide, 0)
    return _keep_largest(labels, n, 0.05 * np.pi * diameter_px**2 / 4)


def _keep_largest(labels: Labels, n: int, min_area_px: float) -> Labels:
    """Keep the largest piece of each object, without specks and threads."""
    mask = labels > 0
    mask[:, :-1] &= labels[:, :-1] == labels[:, 1:]
    mask[:-1] &= labels[:-1] == labels[1:]
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
    opened = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_OPEN, kernel)
    pieces, plane, stats, _ = cv2.connectedComponentsWithStats(
        opened, connectivity=4, ltype=cv2.CV_32S
    )
    area = stats[:, cv2.CC_STAT_AREA]
    where = np.flatnonzero(opened)
    of = np.zeros(pieces, np.int64)
    of[plane.ravel()[where]] = labels.ravel()[where]
    order = np.argsort(area[1:]) + 1
    largest = np.zeros(n + 1, np.int64)
    largest[of[order]] = order
    kept = largest[1:][largest[1:] > 0]
    kept = kept[area[kept] >= max(min_area_px, 8)]
    numbers = np.zeros(pieces, np.int32)
    numbers[kept] = np.arange(1, kept.size + 1)
    return np.asarray(numbers[plane])
