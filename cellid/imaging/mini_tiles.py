"""Mini-tiles: a large image in overlapping tiles, each answering for the middle of itself.

A detector sees tiles of `window` × `window` mini-tiles and its objects are whole or cut, not
blended as the probabilities of `cellid.imaging.tiles`; `cellid.imaging.stitching` joins them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cellid.config import TileSettings
from cellid.errors import CellidError
from cellid.types import Labels, ObjectPixels

Boxes = NDArray[np.int64]

_LEAST_PX = 5  # of a mini-tile, with whose rounding tiles still overlap by two pixels


@dataclass(frozen=True)
class MiniTiling:
    """Equal tiles that cover an image, a mini-tile apart, each with a region it answers for.

    A mini-tile has whole pixels, the image's over the grid's rounded down, and a tile
    ``window`` times as many: 7×7 mini-tiles of 704×520 are 100×74 pixels and the 25 tiles
    of 3×3 are 300×222. The pixels left over, here 4 and 2, come between tiles, which are
    spread evenly from edge to edge. Along an axis with no more mini-tiles than the window
    there is one tile, as long as the image.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image, pixels.
    grid : tuple of int
        Mini-tiles down and across.
    window : int
        Mini-tiles along a side of a tile.

    Raises
    ------
    CellidError
        If a mini-tile is too small for neighbouring tiles to overlap.
    """

    shape: tuple[int, int]
    grid: tuple[int, int]
    window: int

    def __post_init__(self) -> None:
        for length, count in zip(self.shape, self.grid, strict=True):
            if count < 1 or (count > self.window and length // count < _LEAST_PX):
                raise CellidError(
                    "grid",
                    expected=f"mini-tiles of {_LEAST_PX} pixels or more",
                    got=f"{count} along {length} pixels",
                    remedy="give a coarser grid, or none and the side of a tile",
                )

    @cached_property
    def tiles(self) -> Boxes:
        """Return the tiles, (T, 4) int64: y0, x0, y1, x1, half-open pixels, row by row."""
        starts = np.stack(np.meshgrid(*self._starts, indexing="ij"), axis=-1).reshape(-1, 2)
        return np.hstack([starts, starts + self.tile_shape])

    @cached_property
    def owned(self) -> Boxes:
        """Return the region each tile answers for, (T, 4) int64 as `tiles`.

        Its centre mini-tile, and out to the border of the image where the tile touches it.
        Neighbours share what both show in the middle; so every pixel is in one region.
        """
        spans = [
            np.stack([np.append(0, cuts), np.append(cuts, length)], axis=1)
            for cuts, length in zip(self._cuts, self.shape, strict=True)
        ]
        rows, columns = (np.arange(len(each)) for each in spans)
        row, column = (each.ravel() for each in np.meshgrid(rows, columns, indexing="ij"))
        return np.hstack([spans[0][row], spans[1][column]])[:, [0, 2, 1, 3]]

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of every tile, pixels."""
        height, width = (
            length if count <= self.window else length // count * self.window
            for length, count in zip(self.shape, self.grid, strict=True)
        )
        return height, width

    def owner(self, y: NDArray[np.integer], x: NDArray[np.integer]) -> NDArray[np.int64]:
        """Return the place in `tiles` of the tile that answers for each pixel, as ``y``."""
        row, column = (
            np.searchsorted(cuts, place, side="right")
            for cuts, place in zip(self._cuts, (y, x), strict=True)
        )
        return np.asarray(row * len(self._starts[1]) + column)

    @cached_property
    def _starts(self) -> tuple[NDArray[np.int64], ...]:
        lengths = zip(self.shape, self.tile_shape, self.grid, strict=True)
        return tuple(
            np.linspace(0, length - side, max(count - self.window, 0) + 1).round().astype(np.int64)
            for length, side, count in lengths
        )

    @cached_property
    def _cuts(self) -> tuple[NDArray[np.int64], ...]:
        """Where the regions of neighbours meet along each axis: in the middle of their overlap."""
        sides = zip(self._starts, self.tile_shape, strict=True)
        return tuple((starts[:-1] + side + starts[1:]) // 2 for starts, side in sides)


def choose_tiling(shape: tuple[int, int], settings: TileSettings) -> MiniTiling:
    """Return the tiles of an image of any size.

    Parameters
    ----------
    shape : tuple of int
        Height and width of the image, pixels.
    settings : TileSettings
        Its ``grid``; where it has none, the fewest mini-tiles with which no tile is longer
        than ``tile_px``.

    Returns
    -------
    MiniTiling
    """
    grid = settings.grid or (
        -(-shape[0] * settings.window // settings.tile_px),
        -(-shape[1] * settings.window // settings.tile_px),
    )
    return MiniTiling(shape, grid, settings.window)


def cut_objects(
    objects: ObjectPixels, tiling: MiniTiling, min_visible: float
) -> Iterator[tuple[ObjectPixels, NDArray[np.int64]]]:
    """Yield the objects of one tile after another, and which of the whole they are.

    Parameters
    ----------
    objects : ObjectPixels
        Of the whole image.
    tiling : MiniTiling
    min_visible : float in [0, 1]
        Least share of its pixels that an object has in a tile of which it is an object; one
        without a pixel there never is.

    Yields
    ------
    ObjectPixels
        What the tile shows of them, in pixels from its corner.
    (N,) int64
    """
    for y0, x0, y1, x1 in tiling.tiles.tolist():
        yield objects.crop(y0, x0, y1, x1, min_visible)


def cut_labels(labels: Labels, tiling: MiniTiling, min_visible: float) -> Iterator[Labels]:
    """Yield the labels of one tile after another, (tile Y, tile X) int32.

    Numbers are those of the whole. ``min_visible`` is that of `cut_objects`: pixels of
    objects of which less is to be seen become background.

    Parameters
    ----------
    labels : (Y, X) int32
    tiling : MiniTiling
    min_visible : float in [0, 1]
    """
    areas_px = np.bincount(labels.ravel())
    for y0, x0, y1, x1 in tiling.tiles.tolist():
        tile = labels[y0:y1, x0:x1]
        seen_px = np.bincount(tile.ravel(), minlength=areas_px.size)
        yield np.where((seen_px >= min_visible * areas_px)[tile], tile, 0)
