"""The network on one frame of any size, tile by tile."""

from collections.abc import Iterator
from itertools import islice

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.config import NetworkSettings
from cellid.imaging.tiles import Tiling, merge_tiles
from cellid.models.network import alignment_px, heads, receptive_radius_px
from cellid.types import Frame, count_channels


def infer_maps(
    model: keras.Model, settings: NetworkSettings, image: Frame, tile_px: int, batch_size: int
) -> NDArray[np.float32]:
    """Return what the heads of the network say of every pixel.

    Tiles overlap by the network's receptive radius, so the result does not depend on the
    tile size. Memory grows with ``batch_size * tile_px ** 2``.

    Parameters
    ----------
    model : keras.Model
        As from `build_network`.
    settings : NetworkSettings
        Those that the model was built with.
    image : (Y, X) or (Y, X, C) float32
        Of the network's channels, normalised, at the network's scale.
    tile_px : int
        Longest side of a tile.
    batch_size : int
        Tiles at once.

    Returns
    -------
    (H, Y, X) float32 in [0, 1]
        In the order of `heads`: the probability of a nucleus, then the distance map if there
        is one.
    """
    height, width = image.shape[:2]
    tiling = Tiling((height, width), tile_px, receptive_radius_px(settings), alignment_px(settings))
    padded = tiling.pad(image).reshape(*tiling.padded_shape, count_channels(image))
    rows, columns = tiling.tile_shape
    names = heads(settings)

    def tiles() -> Iterator[tuple[tuple[int, int], NDArray[np.float32]]]:
        remaining = tiling.corners()
        while corners := list(islice(remaining, batch_size)):
            batch = np.stack([padded[y0 : y0 + rows, x0 : x0 + columns] for y0, x0 in corners])
            output = model(batch, training=False)
            maps = [output[head] for head in names] if len(names) > 1 else [output]
            arrays = [keras.ops.convert_to_numpy(one)[..., 0] for one in maps]
            yield from zip(corners, np.stack(arrays, axis=1), strict=True)

    return merge_tiles(tiling, tiles(), len(names))
