"""Anchors: the boxes of set size, on every place of a feature pyramid, that a detector corrects.

They follow from shapes alone, so they are NumPy's and a constant of whatever is compiled.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from cellid.config import AnchorSettings

_SIZE_IN_STEPS = 4  # RetinaNet's smallest anchor, 32 px, on a level with steps of 8 px


def anchor_sides(
    sizes: Sequence[float], ratios: Sequence[float], whole_px: bool
) -> NDArray[np.float32]:
    """Return the height and width of the anchors of one place, in torchvision's order.

    Parameters
    ----------
    sizes : sequence of S floats
        Square root of the area, pixels.
    ratios : sequence of R floats
        Height over width.
    whole_px : bool
        Round halves of sides to pixels.

    Returns
    -------
    (R · S, 2) float32
        All sizes of the first ratio, then of the second.
    """
    stretch = np.sqrt(np.asarray(ratios, np.float32))
    scale = np.asarray(sizes, np.float32)
    sides = np.stack([np.outer(stretch, scale), np.outer(1 / stretch, scale)], axis=-1)
    sides = sides.reshape(-1, 2)
    return 2 * np.round(sides / 2) if whole_px else sides


def level_anchors(
    sides: NDArray[np.float32], grid: tuple[int, int], steps: tuple[int, int]
) -> NDArray[np.float32]:
    """Return the anchors of one pyramid level, the first place's at the image's corner.

    Parameters
    ----------
    sides : (A, 2) float32
        Heights and widths, as from `anchor_sides`.
    grid : (int, int)
        Rows and columns of the level.
    steps : (int, int)
        Pixels of the image from one row, or column, to the next.

    Returns
    -------
    (rows · columns · A, 4) float32
        y0, x0, y1, x1 in pixels; place by place along the rows.
    """
    centres = np.stack(np.indices(grid), axis=-1).reshape(-1, 1, 2) * np.asarray(steps)
    anchors = np.concatenate([centres - sides / 2, centres + sides / 2], axis=-1)
    return anchors.reshape(-1, 4).astype(np.float32)


def pyramid_anchors(
    settings: AnchorSettings, levels: Sequence[int], image_shape: tuple[int, int]
) -> list[NDArray[np.float32]]:
    """Return the anchors of every level of a pyramid over an image.

    Parameters
    ----------
    settings : AnchorSettings
        With sizes and ratios.
    levels : sequence of int
        Level ``l`` has ``⌈Y / 2^l⌉`` rows.
    image_shape : (int, int)
        Rows and columns.

    Returns
    -------
    list of (N, 4) float32
        As from `level_anchors`, one array a level.
    """
    anchors = []
    for level, sizes in zip(levels, settings.sizes, strict=True):
        grid = tuple(-(-side // 2**level) for side in image_shape)
        # torchvision's: less than 2^l where the image is no multiple of it
        steps = tuple(side // n for side, n in zip(image_shape, grid, strict=True))
        sides = anchor_sides(sizes, settings.ratios, settings.whole_px)
        anchors.append(level_anchors(sides, grid, steps))
    return anchors


def fit_anchors(
    settings: AnchorSettings, levels: Sequence[int], boxes: NDArray[np.floating]
) -> AnchorSettings:
    """Return settings with those sizes and ratios that were none taken from boxes.

    A box belongs to the coarsest level of which it is four steps large, as in RetinaNet, or
    else to the finest. Sizes of a level are quantiles of its boxes' sizes, so that each
    serves as many; a level without boxes has RetinaNet's, parts of an octave from four steps on.
    Ratios are quantiles over all boxes.

    Parameters
    ----------
    settings : AnchorSettings
    levels : sequence of int
        Pyramid levels, finest first.
    boxes : (N, 4) float
        y0, x0, y1, x1 in pixels, none of them empty; N at least 1 where something is none.

    Returns
    -------
    AnchorSettings
    """
    sides = np.asarray(boxes, float)[:, 2:] - np.asarray(boxes, float)[:, :2]
    sizes, ratios = settings.sizes, settings.ratios
    if ratios is None:
        ratios = _typical(sides[:, 0] / sides[:, 1], settings.n_ratios)
    if sizes is None:
        size = np.sqrt(sides.prod(axis=1))
        octave = np.floor(np.log2(size / _SIZE_IN_STEPS)).clip(levels[0], levels[-1])
        parts = 2 ** (np.arange(settings.n_sizes) / settings.n_sizes)
        sizes = tuple(
            _typical(size[octave == level], settings.n_sizes)
            if np.any(octave == level)
            else tuple((_SIZE_IN_STEPS * 2**level * parts).tolist())
            for level in levels
        )
    return settings.model_copy(update={"sizes": sizes, "ratios": ratios})


def _typical(values: NDArray[np.float64], n: int) -> tuple[float, ...]:
    """Return the middles of ``n`` equal shares of positive values, by rank."""
    middles = np.exp(np.quantile(np.log(values), (np.arange(n) + 0.5) / n))
    return tuple(middles.tolist())
