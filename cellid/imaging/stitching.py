"""Stitching: the objects that overlapping tiles show, joined to those of the whole image."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellid.config import TileSettings
from cellid.errors import CellidError
from cellid.imaging.geometry import rescale_frame
from cellid.imaging.mini_tiles import MiniTiling
from cellid.imaging.seams import group_objects
from cellid.types import Detections, Labels, ObjectPixels

_Pixels = tuple[NDArray[np.integer], NDArray[np.integer]]


def stitch_objects(
    tiling: MiniTiling, tiles: Sequence[ObjectPixels], settings: TileSettings
) -> ObjectPixels:
    """Return the objects of the whole image, to the pixel; they may overlap.

    Parameters
    ----------
    tiling, tiles, settings
        As of `group_objects`, which chooses them.
    """
    pixels = _place_all(tiling, tiles)
    groups = group_objects(tiling, tiles, settings)
    return ObjectPixels.of_objects(tiling.shape, (_unite(pixels, each) for each in groups))


def stitch_labels(tiling: MiniTiling, tiles: Sequence[Labels], settings: TileSettings) -> Labels:
    """Return the labels of the whole image from those of its tiles.

    Parameters
    ----------
    tiling : MiniTiling
    tiles : sequence of (tile Y, tile X) int32
        In the order of ``tiling.tiles``; numbers of one tile mean nothing in another.
    settings : TileSettings

    Returns
    -------
    (Y, X) int32
        Numbered from 1 without gaps but for objects that others hide; where objects of two
        tiles overlap, the smaller has the pixels.
    """
    objects = [ObjectPixels.of_labels(tile) for tile in tiles]
    return stitch_objects(tiling, objects, settings).draw()


def stitch_detections(
    tiling: MiniTiling, tiles: Sequence[Detections], settings: TileSettings
) -> Detections:
    """Return the detections of the whole image from those of its tiles.

    Parameters
    ----------
    tiling : MiniTiling
    tiles : sequence of Detections
        In the order of ``tiling.tiles``, in pixels from each tile's corner. Those without
        masks are their boxes.
    settings : TileSettings

    Returns
    -------
    Detections
        Boxes and masks as the tiles gave them. Those united have the box around all parts
        in whole pixels, a mask resampled to it, and the score of the surest.

    Raises
    ------
    CellidError
        If there are masks in some tiles only.
    """
    objects = [ObjectPixels.of_detections(tile, tiling.tile_shape) for tile in tiles]
    groups = group_objects(tiling, objects, settings, [tile.classes for tile in tiles])
    pixels = _place_all(tiling, objects)
    every = _pool(tiling, tiles)
    surest = np.array([each[np.argmax(every.scores[each])] for each in groups], np.int64)
    # Indexing copies: these arrays are nobody else's yet
    boxes, masks = every.boxes[surest], None if every.masks is None else every.masks[surest]
    for place, each in enumerate(groups):
        if each.size > 1:
            y0, x0 = np.floor(every.boxes[each, :2].min(axis=0)).astype(int)
            y1, x1 = np.ceil(every.boxes[each, 2:].max(axis=0)).astype(int)
            boxes[place] = y0, x0, y1, x1
            if masks is not None:
                y, x = _unite(pixels, each)
                part = np.zeros((y1 - y0, x1 - x0), np.float32)
                part[y - y0, x - x0] = 1
                masks[place] = rescale_frame(part, masks.shape[1:])
    return Detections(boxes, every.scores[surest], every.classes[surest], masks)


def _pool(tiling: MiniTiling, tiles: Sequence[Detections]) -> Detections:
    """Return the detections of all tiles, one after another, in pixels of the whole."""
    masks = [tile.masks for tile in tiles if len(tile)]
    with_masks = [each for each in masks if each is not None]
    if len(with_masks) not in (0, len(masks)):
        raise CellidError(
            "detections",
            expected="masks of all tiles, or of none",
            got=f"masks of {len(with_masks)} of {len(masks)} tiles with objects",
            remedy="find the objects of all tiles with one model",
        )
    corners = np.tile(tiling.tiles[:, :2], 2)
    return Detections(
        np.concatenate([tile.boxes + at for tile, at in zip(tiles, corners, strict=True)]),
        np.concatenate([tile.scores for tile in tiles]),
        np.concatenate([tile.classes for tile in tiles]),
        np.concatenate(with_masks) if with_masks else None,
    )


def _place_all(tiling: MiniTiling, tiles: Sequence[ObjectPixels]) -> list[_Pixels]:
    """Return the pixels of the objects of all tiles, one after another, in the whole."""
    corners = tiling.tiles[:, :2].tolist()
    return [
        (y + y0, x + x0)
        for tile, (y0, x0) in zip(tiles, corners, strict=True)
        for y, x in tile.each()
    ]


def _unite(pixels: Sequence[_Pixels], members: NDArray[np.int64]) -> _Pixels:
    """Return the pixels that any of some objects has."""
    if members.size == 1:
        return pixels[int(members[0])]
    every = np.concatenate([np.stack(pixels[i], axis=1) for i in members.tolist()])
    y, x = np.unique(every, axis=0).T
    return y, x
