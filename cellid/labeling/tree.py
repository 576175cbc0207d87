"""The tree of level sets of an image, and the choice of those that look like nuclei."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame, Labels

_SHAPE_SPREAD = 0.06
_SIZE_SPREAD = 0.9  # of the logarithm of the area
_LEAST_SCORE = 0.12


@dataclass(frozen=True)
class Nodes:
    """Components of all levels, one row a component; row 0 of every level is its background."""

    area: NDArray[np.float64]
    roundness: NDArray[np.float64]
    parent: NDArray[np.int64]
    offsets: list[int]


def grow_tree(image: Frame, floor: float, n_levels: int) -> tuple[Nodes, list[NDArray[np.int32]]]:
    """Find the components above every level, their moments and their parents."""
    planes: list[NDArray[np.int32]] = []
    area, roundness, parent, offsets = [], [], [], [0]
    top = float(image.max())
    levels = np.geomspace(floor, top, n_levels, endpoint=False) if top > floor else np.empty(0)
    for level in levels:
        mask = (image > level).view(np.uint8)
        n, plane, stats, centres = cv2.connectedComponentsWithStats(
            mask, connectivity=4, ltype=cv2.CV_32S
        )
        if n == 1:
            break
        where = np.flatnonzero(mask)
        label = plane.ravel()[where]
        y, x = np.divmod(where, image.shape[1])
        x = x - centres[label, 0]
        y = y - centres[label, 1]
        size = stats[:, cv2.CC_STAT_AREA].astype(np.float64)
        xx = np.bincount(label, x * x, n) / size + 1 / 12
        yy = np.bincount(label, y * y, n) / size + 1 / 12
        xy = np.bincount(label, x * y, n) / size
        area.append(size)
        roundness.append(size / (4 * np.pi * np.sqrt(np.maximum(xx * yy - xy**2, 1e-9))))
        first = np.zeros(n, np.int64)
        first[label[::-1]] = where[::-1]
        above = planes[-1].ravel()[first] + offsets[-2] if planes else np.full(n, -1)
        parent.append(above.astype(np.int64))
        planes.append(plane)
        offsets.append(offsets[-1] + n)
    if not planes:
        none = np.zeros(0)
        return Nodes(none, none, np.zeros(0, np.int64), offsets), planes
    return Nodes(
        np.concatenate(area), np.concatenate(roundness), np.concatenate(parent), offsets
    ), planes


def select_nodes(
    nodes: Nodes, planes: list[NDArray[np.int32]], nucleus_area: float, shape: tuple[int, ...]
) -> Labels:
    """Choose components that exclude each other and look most like nuclei."""
    score = np.exp(-((np.maximum(1 - nodes.roundness, 0) / _SHAPE_SPREAD) ** 2))
    score *= np.exp(
        -(np.log(np.maximum(nodes.area, 0.1) / nucleus_area) ** 2) / (2 * _SIZE_SPREAD**2)
    )
    best = score.copy()
    own = np.ones(score.size, bool)
    spans = [slice(a, b) for a, b in zip(nodes.offsets, nodes.offsets[1:], strict=False)]
    for above, here in zip(spans[-2::-1], spans[:0:-1], strict=True):
        inner = slice(here.start + 1, here.stop)
        to = nodes.parent[inner] - above.start
        n = above.stop - above.start
        weight = nodes.area[inner] * (best[inner] > 0.02)
        total = np.bincount(to, weight, n)
        mean = np.bincount(to, weight * best[inner], n) / np.maximum(total, 1e-9)
        own[above] = score[above] >= mean
        best[above] = np.maximum(score[above], mean)
    labels = np.zeros(shape, np.int32)
    alive = np.zeros(score.size, bool)
    count = 0
    for span, plane in zip(spans, planes, strict=True):
        inner = slice(span.start + 1, span.stop)
        reached = np.ones(span.stop - span.start - 1, bool)
        if span.start:
            reached = alive[nodes.parent[inner]]
        chosen = reached & own[inner] & (score[inner] > _LEAST_SCORE)
        alive[inner] = reached & ~own[inner]
        if chosen.any():
            numbers = np.zeros(span.stop - span.start, np.int32)
            n = int(chosen.sum())
            numbers[1:][chosen] = np.arange(count + 1, count + 1 + n)
            count += n
            painted = numbers[plane]
            np.copyto(labels, painted, where=painted > 0)
    return labels
