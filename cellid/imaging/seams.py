"""Seams: which of the objects that overlapping tiles show are one, and which of them to keep.

An object is kept from the tile that answers for most of it (`cellid.imaging.mini_tiles`).
That alone leaves doubles and gaps along seams, for two tiles never show quite the same: so
the objects of different tiles are compared first, in what both tiles show.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from cellid.config import TileSettings
from cellid.imaging.mini_tiles import MiniTiling
from cellid.types import ObjectPixels

Counts = NDArray[np.int64]

_EDGE_PX = 2  # masks on coarse grids may end a pixel short of where a tile cuts them


class _Pairs(NamedTuple):
    """Objects of two tiles that share pixels, by number over all tiles, and how they fit."""

    first: Counts
    second: Counts
    same: NDArray[np.bool_]  # one object; else the smaller lies in the larger


@dataclass(frozen=True, eq=False)
class _Views:
    """How the tile of each object, ``(N,)``, shows it."""

    tile: Counts
    answering: Counts  # the tile that answers for most of it
    owned_px: Counts  # its pixels that its own tile answers for
    whole: NDArray[np.bool_]  # touches no inner border of its tile

    @property
    def claimed(self) -> NDArray[np.bool_]:
        """Whether its own tile answers for most of it."""
        return np.asarray(self.answering == self.tile)


def group_objects(
    tiling: MiniTiling,
    tiles: Sequence[ObjectPixels],
    settings: TileSettings,
    classes: Sequence[NDArray[np.integer]] | None = None,
) -> list[Counts]:
    """Choose which objects of the tiles make the objects of the whole image.

    1. Objects of two tiles are the same if they overlap by ``settings.same_iou`` in what
       both tiles show and neither has a better partner in the other's tile.
    2. Of those that are the same, one stands for all: one that its tile shows whole before
       one that touches an inner border of its tile; then one of which its own tile answers
       for the most. If every one is cut, as of an object longer than two mini-tiles, they
       are united.
    3. An object stays if the tile that answers for most of it has found it too. One that
       only other tiles believe in is dropped: they see it at their edge, that one in its
       middle.
    4. Of two that stay, from two tiles, of which the smaller lies in the larger
       (``settings.same_share``), the one in the region of its own tile, then the one with
       more pixels there stays.

    Parameters
    ----------
    tiling : MiniTiling
    tiles : sequence of ObjectPixels
        What was found in each tile, in pixels from its corner; objects of one tile may
        overlap and are never taken for each other.
    settings : TileSettings
    classes : sequence of (N,) integers, optional
        Of the objects of each tile; only objects of one class can be the same.

    Returns
    -------
    list of (M,) int64
        For each object of the whole, the objects that it is made of, counted through all
        tiles one after another: one, or several to be united.

    Notes
    -----
    An object longer than the overlap of neighbouring tiles, two of three mini-tiles, may be
    whole in none. It is put together as far as tiles agree on its parts; a tile that finds
    nothing there leaves a hole, and parts that agree nowhere stay apart. Larger tiles, or a
    smaller image, serve such objects better. Memory is that of the pixels of all tiles.
    """
    counts = [tile.n_objects for tile in tiles]
    if not sum(counts):
        return []
    placed = [_place(tile, box) for tile, box in zip(tiles, tiling.tiles, strict=True)]
    kinds = [np.zeros(n, np.int64) for n in counts] if classes is None else classes
    views = _view(tiling, placed)
    pairs = _find_pairs(tiling, placed, kinds, settings)
    first, second, _ = (each[pairs.same] for each in pairs)
    links = coo_array((np.ones(first.size), (first, second)), shape=(sum(counts), sum(counts)))
    group = connected_components(links, directed=False)[1]
    groups = _represent(group, views)
    known = _find_known(group, views, pairs)
    return [groups[place] for place in _drop_doubles(groups, known, views, pairs)]


def _place(tile: ObjectPixels, box: Counts) -> ObjectPixels:
    """Return objects of a tile in pixels of the whole; ``shape`` stays the tile's."""
    y0, x0 = box[:2].astype(np.int32)
    return ObjectPixels(tile.shape, tile.n_objects, tile.number, tile.y + y0, tile.x + x0)


def _view(tiling: MiniTiling, placed: Sequence[ObjectPixels]) -> _Views:
    views = []
    height, width = tiling.shape
    for place, (tile, box) in enumerate(zip(placed, tiling.tiles.tolist(), strict=True)):
        y0, x0, y1, x1 = box
        owner = tiling.owner(tile.y, tile.x)
        px = np.bincount(
            tile.number.astype(np.int64) * len(placed) + owner,
            minlength=tile.n_objects * len(placed),
        ).reshape(tile.n_objects, len(placed))
        cut = (tile.y < y0 + _EDGE_PX) & (y0 > 0) | (tile.y >= y1 - _EDGE_PX) & (y1 < height)
        cut |= (tile.x < x0 + _EDGE_PX) & (x0 > 0) | (tile.x >= x1 - _EDGE_PX) & (x1 < width)
        whole = np.bincount(tile.number[cut], minlength=tile.n_objects) == 0
        # What has no pixel is nobody's
        answering = np.where(px.any(axis=1), px.argmax(axis=1), -1)
        views.append((np.full(tile.n_objects, place), answering, px[:, place], whole))
    return _Views(*(np.concatenate(each) for each in zip(*views, strict=True)))


def _find_pairs(
    tiling: MiniTiling,
    placed: Sequence[ObjectPixels],
    kinds: Sequence[NDArray[np.integer]],
    settings: TileSettings,
) -> _Pairs:
    """Return the pairs of objects that are the same, or one in the other."""
    firsts = np.cumsum([0, *(tile.n_objects for tile in placed)])
    boxes = tiling.tiles
    none = np.zeros(0, np.int64)
    found = [_Pairs(none, none, none.astype(bool))]
    for t in range(len(placed)):
        low = np.maximum(boxes[t, :2], boxes[:, :2])
        high = np.minimum(boxes[t, 2:], boxes[:, 2:])
        overlapping = np.flatnonzero((low < high).all(axis=1))
        for u in overlapping[overlapping > t].tolist():
            common = np.append(low[u], high[u])
            one, other = (_within(placed[k], common) for k in (t, u))
            pairs = _compare(one, other, kinds[t], kinds[u], settings)
            found.append(_Pairs(pairs.first + firsts[t], pairs.second + firsts[u], pairs.same))
    return _Pairs(*(np.concatenate(each) for each in zip(*found, strict=True)))


def _within(tile: ObjectPixels, common: Counts) -> csr_array:
    """Return an object a row, a pixel of the box ``common`` a column."""
    y0, x0, y1, x1 = common
    inside = (tile.y >= y0) & (tile.y < y1) & (tile.x >= x0) & (tile.x < x1)
    column = (tile.y[inside] - y0) * (x1 - x0) + tile.x[inside] - x0
    ones = np.ones(column.size, np.int32)
    shape = (tile.n_objects, (y1 - y0) * (x1 - x0))
    return csr_array((ones, (tile.number[inside], column)), shape=shape)


def _compare(
    one: csr_array,
    other: csr_array,
    kinds: NDArray[np.integer],
    other_kinds: NDArray[np.integer],
    settings: TileSettings,
) -> _Pairs:
    """Compare the objects of two tiles by the pixels they have in what both show."""
    shared = (one @ other.T).tocoo()
    first, second = (ends.astype(np.int64) for ends in shared.coords)
    alike = kinds[first] == other_kinds[second]
    first, second, shared_px = first[alike], second[alike], shared.data[alike]
    px, other_px = (np.diff(each.indptr).astype(np.int64) for each in (one, other))
    iou = shared_px / (px[first] + other_px[second] - shared_px)
    best, other_best = np.zeros(px.size), np.zeros(other_px.size)
    np.maximum.at(best, first, iou)
    np.maximum.at(other_best, second, iou)
    same = (iou >= settings.same_iou) & (iou == best[first]) & (iou == other_best[second])
    smaller_px = np.minimum(px[first], other_px[second])
    partnered = np.where(
        px[first] <= other_px[second],
        np.isin(first, first[same]),
        np.isin(second, second[same]),
    )
    fits = same | ((shared_px >= settings.same_share * smaller_px) & ~partnered)
    return _Pairs(first[fits], second[fits], same[fits])


def _represent(group: Counts, views: _Views) -> list[Counts]:
    """Return for each group the member that stands for it, or all if each is cut."""
    order = np.lexsort((-views.owned_px, ~views.claimed, ~views.whole, group))
    members = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    return [each[:1] if views.whole[each[0]] else each for each in members]


def _find_known(group: Counts, views: _Views, pairs: _Pairs) -> NDArray[np.bool_]:
    """Return whether the tile that answers for most of a member of a group has found it."""
    n_tiles = 1 + int(max(views.tile.max(), views.answering.max()))
    apart = ~pairs.same
    first, second = pairs.first[apart], pairs.second[apart]
    seen_by = [
        group * n_tiles + views.tile,
        group[first] * n_tiles + views.tile[second],
        group[second] * n_tiles + views.tile[first],
    ]
    wanted = group * n_tiles + views.answering
    known = np.isin(wanted, np.concatenate(seen_by)) & (views.answering >= 0)
    return np.bincount(group[known], minlength=int(group.max()) + 1) > 0


def _drop_doubles(
    groups: Sequence[Counts], known: NDArray[np.bool_], views: _Views, pairs: _Pairs
) -> list[int]:
    """Return which of the known groups stay where one lies in another."""
    place = np.full(views.tile.size, -1)
    for number in np.flatnonzero(known).tolist():
        place[groups[number]] = number
    first, second = place[pairs.first], place[pairs.second]
    double = (first >= 0) & (second >= 0) & (first != second)
    rivals: dict[int, set[int]] = {}
    for one, other in zip(first[double].tolist(), second[double].tolist(), strict=True):
        rivals.setdefault(one, set()).add(other)
        rivals.setdefault(other, set()).add(one)
    gone: set[int] = set()
    ranks = {
        number: (views.claimed[groups[number]].any(), views.owned_px[groups[number]].sum())
        for number in rivals
    }
    for number in sorted(rivals, key=lambda number: ranks[number], reverse=True):
        if number not in gone:
            gone |= rivals[number]
    return [number for number in np.flatnonzero(known).tolist() if number not in gone]
