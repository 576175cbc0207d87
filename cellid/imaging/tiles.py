"""Tiles: a large image in overlapping pieces, and their results blended back together."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame


@dataclass(frozen=True)
class Tiling:
    """Equal tiles that cover an image, each with a margin it shares with its neighbours.

    Tiles start at multiples of ``step_px``, so that a network that pools sees the same grid
    in every tile. A pixel of the result comes from tiles in which it lies at least
    ``margin_px`` from the tile's edge, unless that edge is the image's own; where two such
    tiles overlap further, they are blended linearly.

    Attributes
    ----------
    shape : tuple of int
        Height and width of the image, pixels.
    tile_px : int
        Longest side of a tile.
    margin_px : int
        How far a tile's edge disturbs its result.
    step_px : int
        Tile corners and sides are multiples of it.
    """

    shape: tuple[int, int]
    tile_px: int
    margin_px: int
    step_px: int

    @property
    def padded_shape(self) -> tuple[int, int]:
        """Height and width of the image after padding to a multiple of ``step_px``."""
        return self._round_up(self.shape[0]), self._round_up(self.shape[1])

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of every tile, pixels."""
        # A tile below two margins and two steps would yield next to nothing of its own
        side = max(self._round_up(self.tile_px), 2 * self._round_up(self.margin_px + self.step_px))
        return min(side, self.padded_shape[0]), min(side, self.padded_shape[1])

    def pad(self, image: Frame) -> Frame:
        """Return the image padded below and to the right by reflection."""
        bottom = self.padded_shape[0] - image.shape[0]
        right = self.padded_shape[1] - image.shape[1]
        padded = cv2.copyMakeBorder(image, 0, bottom, 0, right, cv2.BORDER_REFLECT_101)
        return np.asarray(padded, dtype=np.float32)

    def corners(self) -> Iterator[tuple[int, int]]:
        """Yield (y0, x0) of every tile in the padded image, row by row."""
        for y0 in self._starts(0):
            for x0 in self._starts(1):
                yield y0, x0

    def weights(self, y0: int, x0: int) -> NDArray[np.float32]:
        """Return how much each pixel of the tile at (y0, x0) counts, (tile Y, tile X) float32."""
        return np.outer(self._ramp(0, y0), self._ramp(1, x0)).astype(np.float32)

    def _round_up(self, length: int) -> int:
        return -(-length // self.step_px) * self.step_px

    def _starts(self, axis: int) -> list[int]:
        last = self.padded_shape[axis] - self.tile_shape[axis]
        if last == 0:
            return [0]
        stride = self.tile_shape[axis] - 2 * self._round_up(self.margin_px)
        count = -(-last // stride) + 1
        even = np.linspace(0, last, count) // self.step_px * self.step_px
        return [int(start) for start in even]

    def _ramp(self, axis: int, start: int) -> NDArray[np.float64]:
        length = self.tile_shape[axis]
        at_start, at_end = start == 0, start + length == self.padded_shape[axis]
        position = np.arange(length) + 0.5
        left = np.full(length, np.inf) if at_start else position - self.margin_px
        right = np.full(length, np.inf) if at_end else length - position - self.margin_px
        ramp = np.minimum(np.minimum(left, right), length)
        # Above 0 in at least one tile, as they overlap by two margins
        return np.asarray(np.maximum(ramp, 0), np.float64)


def merge_tiles(
    tiling: Tiling, tiles: Iterator[tuple[tuple[int, int], NDArray[np.float32]]], n_maps: int
) -> NDArray[np.float32]:
    """Blend the results of tiles into images of the whole.

    Parameters
    ----------
    tiling : Tiling
    tiles : iterator of ((y0, x0), (n_maps, tile Y, tile X) float32)
        The corner of each tile of the tiling and its results.
    n_maps : int
        Results of a tile.

    Returns
    -------
    (n_maps, Y, X) float32, ``tiling.shape``
    """
    total = np.zeros((n_maps, *tiling.padded_shape), np.float32)
    weight = np.zeros(tiling.padded_shape, np.float32)
    height, width = tiling.tile_shape
    for (y0, x0), tile in tiles:
        part = np.s_[..., y0 : y0 + height, x0 : x0 + width]
        factors = tiling.weights(y0, x0)
        total[part] += factors * tile
        weight[part] += factors
    total /= weight
    return total[:, : tiling.shape[0], : tiling.shape[1]]
