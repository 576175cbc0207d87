"""The tree of level sets of an image, and the choice of those that look most like nuclei.

Every grey level cuts the image into components, and the components of a level lie within
those of the level below. A nucleus is a component of some level; which level, differs from
nucleus to nucleus, and no level of the whole image need show them all. Choosing components
that exclude each other and score best is the idea of Arteta et al. (MICCAI 2012, p. 348);
the score here needs no training.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.labeling.basins import Indices, find_basins, follow
from cellid.labeling.shape import Floats, find_cut, score_likeness, sum_moments
from cellid.types import Frame, Labels

# Pieces that look like nothing at all, such as specks, take no part in the vote on whether
# a component is better divided.
_NEGLIGIBLE = 0.02
# A component that looks like no nucleus is kept if it is large: it may be several.
_LEAST_SCORE = 0.12
_LARGE = 0.5  # nucleus areas


@dataclass(frozen=True)
class LevelTree:
    """Components of all levels, numbered from 1, those of a higher level after its parents.

    Attributes
    ----------
    highest : (Y, X) int32
        The highest component that a pixel lies in; 0 below the lowest level.
    parent : (N + 1,) int64
        The component around each; 0 at the lowest level.
    starts : list of int
        Where the components of each level begin, and the end.
    """

    highest: Labels
    parent: NDArray[np.int64]
    starts: list[int]


def grow_tree(image: Frame, levels: Floats) -> LevelTree:
    """Find the components above every level.

    Parameters
    ----------
    image : (Y, X) float32
    levels : (L,) float64
        Ascending.

    Returns
    -------
    LevelTree
    """
    levels = levels.astype(np.float32)
    pixels = np.flatnonzero(image > levels[0])
    # How many levels lie below each pixel.
    height = np.searchsorted(levels, image.ravel()[pixels])
    basins = find_basins(image, pixels)
    is_peak = basins.peak == np.arange(pixels.size)
    top = height[is_peak]
    basin = (np.cumsum(is_peak) - 1)[basins.peak]
    saddle = height[basins.borders].min(axis=0)
    joined = _join_basins(basin[basins.borders], saddle, top.size, levels.size)

    component = np.zeros((levels.size + 1, top.size), np.int32)
    parents, starts = [np.zeros(1, np.int64)], [1]
    for level, first in enumerate(joined, start=1):
        risen = top >= level
        firsts = np.flatnonzero(risen & (first == np.arange(top.size)))
        if firsts.size == 0:
            break
        component[level, firsts] = np.arange(starts[-1], starts[-1] + firsts.size)
        component[level] = np.where(risen, component[level, first], 0)
        parents.append(component[level - 1, firsts])
        starts.append(starts[-1] + firsts.size)
    highest = np.zeros(image.shape, np.int32)
    highest.ravel()[pixels] = component[height, basin]
    return LevelTree(highest, np.concatenate(parents), starts)


def _join_basins(pairs: Indices, saddle: Indices, n_basins: int, n_levels: int) -> list[Indices]:
    """Tell at every level, the lowest first, the first of the basins that each is one with."""
    first = np.arange(n_basins)
    levels = []
    for level in range(n_levels, 0, -1):
        apart = first[pairs[:, saddle == level]]
        # A basin that is to follow several follows one of them, and the next time another.
        while (apart := apart[:, apart[0] != apart[1]]).size:
            first[apart.max(axis=0)] = apart.min(axis=0)
            first = follow(first)
            apart = first[apart]
        levels.append(first.copy())
    return levels[::-1]


def select_nuclei(tree: LevelTree, nucleus_area_px: float) -> Labels:
    """Choose the components that exclude each other and look most like nuclei.

    A component is divided into those within it if they score more, on average by area.

    Parameters
    ----------
    tree : LevelTree
    nucleus_area_px : float
        Area of a typical nucleus, pixels.

    Returns
    -------
    (Y, X) int32
        Nuclei, and clusters of nuclei that no level divides.
    """
    n = tree.parent.size
    levels = [slice(a, b) for a, b in zip(tree.starts, tree.starts[1:], strict=False)]
    moments = sum_moments(tree.highest.ravel(), tree.highest.shape[1], n)
    cut = find_cut(tree.highest, n)
    for level in reversed(levels[1:]):
        parent = tree.parent[level]
        np.add.at(moments, parent, moments[level])
        np.logical_or.at(cut, parent, cut[level])
    score = score_likeness(moments, nucleus_area_px, cut)
    whole = _vote(tree, levels, moments[:, 0], score)

    wanted = (score > _LEAST_SCORE) | (moments[:, 0] > _LARGE * nucleus_area_px)
    owner = np.zeros(n, np.int32)
    undecided = np.ones(n, np.bool_)
    count = 0
    for level in levels:
        parent = tree.parent[level]
        chosen = undecided[parent] & whole[level]
        undecided[level] = undecided[parent] & ~whole[level]
        owner[level] = owner[parent]
        chosen &= wanted[level]
        n_chosen = int(np.count_nonzero(chosen))
        owner[level][chosen] = np.arange(count + 1, count + n_chosen + 1)
        count += n_chosen
    return np.asarray(owner[tree.highest])


def _vote(tree: LevelTree, levels: list[slice], area: Floats, score: Floats) -> NDArray[np.bool_]:
    """Tell of every component whether it scores at least as much as what it divides into."""
    n = score.size
    best = score.copy()
    whole = np.ones(n, np.bool_)
    for outer, inner in zip(levels[-2::-1], levels[:0:-1], strict=True):
        parent = tree.parent[inner] - outer.start
        weight = area[inner] * (best[inner] > _NEGLIGIBLE)
        size = outer.stop - outer.start
        total = np.bincount(parent, weight, size)
        divided = np.bincount(parent, weight * best[inner], size) / np.maximum(total, 1)
        whole[outer] = score[outer] >= divided
        best[outer] = np.maximum(score[outer], divided)
    return whole
