"""Touching nuclei: an object is cut at its waists wherever the pieces look more like nuclei."""

import cv2
import numpy as np
from skimage.segmentation import watershed

from cellid.imaging.instances import drop_small, separate_touching
from cellid.labeling.shape import Floats, find_cut, score_likeness, sum_moments
from cellid.types import Frame, Labels

_SMOOTHING = 0.06  # of the depth, nucleus diameters: dents smaller than this are no waists
# A waist is at most this share of the depth of the parts beside it: a band is none.
_WAIST = 0.95


def cut_waists(objects: Labels, diameter_px: float) -> Labels:
    """Cut objects that look like several nuclei.

    The depth within an object (distance to its outline) has a maximum in each part. Parts
    are joined again in the order of the waists between them, widest first, as long as the
    union looks more like a nucleus than its parts do.

    Parameters
    ----------
    objects : (Y, X) int32
        Numbered from 1 without gaps.
    diameter_px : float
        Diameter of a nucleus, pixels.

    Returns
    -------
    (Y, X) int32
        The same pixels, numbered anew from 1 without gaps.
    """
    inner = separate_touching(objects)
    distance = cv2.distanceTransform(inner.view(np.uint8), cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(distance, (0, 0), _SMOOTHING * diameter_px)
    depth = np.asarray(smooth, np.float32) * inner
    peaks = inner & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))
    n_parts, seeds = cv2.connectedComponents(peaks.view(np.uint8), connectivity=8, ltype=cv2.CV_32S)
    at = np.flatnonzero(peaks)
    part = seeds.ravel()[at]
    whole_of = np.zeros(n_parts, np.int64)
    whole_of[part] = objects.ravel()[at]
    peak = np.zeros(n_parts)
    peak[part] = depth.ravel()[at]
    several = np.bincount(whole_of, minlength=int(objects.max()) + 1) > 1
    several[0] = False
    if not several.any():
        return objects
    cluster = several[objects]
    area = inner & cluster
    parts = watershed(-depth, seeds * area, mask=area).astype(np.int32)
    piece_of = _join_parts(parts, depth, peak, np.pi * diameter_px**2 / 4)
    pieces = piece_of[parts]
    split = np.where(cluster, pieces + int(objects.max()) + 1, objects)
    split[cluster & (pieces == 0)] = 0
    return drop_small(split, 0)


def _join_parts(parts: Labels, depth: Frame, peak: Floats, nucleus_area_px: float) -> Labels:
    """Number the piece that every part ends up in."""
    n_parts = peak.size
    moments = sum_moments(parts.ravel(), parts.shape[1], n_parts)
    cut = find_cut(parts, n_parts)
    score = score_likeness(moments, nucleus_area_px, cut)
    root = list(range(n_parts))
    groups: dict[int, list[list[int]]] = {i: [[i]] for i in range(1, n_parts)}

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    for first, second, waist in _order_waists(parts, depth):
        a, b = find(first), find(second)
        if a == b:
            continue
        apart = (moments[a, 0] * score[a] + moments[b, 0] * score[b]) / (
            moments[a, 0] + moments[b, 0]
        )
        moments[a] += moments[b]
        cut[a] |= cut[b]
        root[b] = a
        joined = float(score_likeness(moments[a], nucleus_area_px, cut[a]))
        groups[a] += groups.pop(b)
        one = joined >= apart or waist > _WAIST * min(peak[a], peak[b])
        peak[a] = max(peak[a], peak[b])
        score[a] = joined if one else apart
        if one:
            groups[a] = [[part for group in groups[a] for part in group]]
    piece_of = np.zeros(n_parts, np.int32)
    pieces = [group for together in groups.values() for group in together]
    for number, group in enumerate(pieces, start=1):
        piece_of[group] = number
    return piece_of


def _order_waists(parts: Labels, depth: Frame) -> list[tuple[int, int, float]]:
    """List the pairs of touching parts, deepest waist first."""
    firsts, seconds, depths = [], [], []
    for a, b in (
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
    ):
        touching = (parts[a] != parts[b]) & (parts[a] > 0) & (parts[b] > 0)
        firsts.append(parts[a][touching])
        seconds.append(parts[b][touching])
        depths.append(np.minimum(depth[a][touching], depth[b][touching]))
    first, second = np.concatenate(firsts), np.concatenate(seconds)
    order = np.argsort(-np.concatenate(depths), kind="stable")
    pairs = np.stack([np.minimum(first, second), np.maximum(first, second)], axis=1)[order]
    # Of each pair only the deepest point counts.
    _, earliest = np.unique(pairs, axis=0, return_index=True)
    earliest = np.sort(earliest)
    waists = np.concatenate(depths)[order][earliest]
    return [(int(a), int(b), float(w)) for (a, b), w in zip(pairs[earliest], waists, strict=True)]
