"""RoIAlign: what a feature pyramid, or a label image, holds within boxes, on a grid of set size.

He et al., "Mask R-CNN", ICCV 2017: places are not rounded; a cell of the grid is the mean of
samples between places. Boxes, y0, x0, y1, x1 in pixels, get no gradient.
"""

from collections.abc import Iterator, Sequence

from keras import KerasTensor, ops

_SAMPLES = 2  # a side of a cell, as torchvision's and Detectron's Mask R-CNN

# Lin et al., "Feature pyramid networks", CVPR 2017, equation 1: a box as large as ImageNet's images
# belongs to level 4; and torchvision's allowance for rounding
_CANONICAL_PX = 224
_CANONICAL_LEVEL = 4
_ROUNDING = 1e-6

_SMALLEST_PX = 1e-6  # stands for the size of an empty box, where the logarithm needs one


def box_levels(boxes: KerasTensor, finest: int, coarsest: int) -> KerasTensor:
    """Return the pyramid level that each box (..., 4) is read from: (...) int32."""
    sides = ops.maximum(boxes[..., 2:] - boxes[..., :2], _SMALLEST_PX)
    size = ops.sqrt(sides[..., 0] * sides[..., 1])
    level = ops.floor(_CANONICAL_LEVEL + ops.log2(size / _CANONICAL_PX) + _ROUNDING)
    return ops.cast(ops.clip(level, finest, coarsest), "int32")


def roi_align(
    pyramid: Sequence[KerasTensor], finest: int, boxes: KerasTensor, side: int
) -> KerasTensor:
    """Return the features of boxes, each from the level that `box_levels` says.

    In torchvision's arithmetic with ``aligned=False``: a place's coordinate is that of its
    corner, and a box is at least a place large. The pyramid is one table of places that each box
    indexes, one of the 16 places of a cell at a time, so that memory is that of the result and the
    pyramid, whatever the number of levels.

    Parameters
    ----------
    pyramid : sequence of (B, Y, X, C)
        Consecutive levels; level ``l`` has steps of 2^l pixels.
    finest : int
        The first level's number.
    boxes : (B, R, 4)
    side : int
        Rows and columns of the result.

    Returns
    -------
    (B, R, side, side, C)
    """
    boxes = ops.stop_gradient(ops.cast(boxes, "float32"))
    level = box_levels(boxes, finest, finest + len(pyramid) - 1) - finest
    grids = [ops.shape(features)[1:3] for features in pyramid]
    heights, widths = (
        ops.take(ops.convert_to_tensor([grid[axis] for grid in grids], "int32"), level)
        for axis in (0, 1)
    )
    starts = [0]
    for height, width in grids[:-1]:
        starts.append(starts[-1] + height * width)
    start = ops.take(ops.convert_to_tensor(starts, "int32"), level)

    corners = boxes / ops.cast(2 ** (level + finest), "float32")[..., None]
    corners = ops.concatenate(
        [corners[..., :2], ops.maximum(corners[..., 2:], corners[..., :2] + 1)], axis=-1
    )
    batch, channels = ops.shape(pyramid[0])[0], pyramid[0].shape[-1]
    table = ops.concatenate([ops.reshape(x, (batch, -1, channels)) for x in pyramid], axis=1)
    terms = (
        ops.cast(weight, table.dtype)[..., None] * values
        for values, weight in _samples(table, start, heights, widths, corners, side)
    )
    return sum(terms)


def mask_targets(
    labels: KerasTensor, numbers: KerasTensor, boxes: KerasTensor, side: int
) -> KerasTensor:
    """Return how much of each cell of a box's grid belongs to an object.

    Pixels have their centres at halves, as `cellid.types.Detections` takes them to lie when it
    puts masks back.

    Parameters
    ----------
    labels : (B, Y, X) int32
        0 is background.
    numbers : (B, R) int32
        The object of each box; 0: background.
    boxes : (B, R, 4)
    side : int
        Rows and columns of the result.

    Returns
    -------
    (B, R, side, side) float32 in [0, 1]
    """
    batch, height, width = ops.shape(labels)
    corners = ops.stop_gradient(ops.cast(boxes, "float32")) - 0.5
    numbers = ops.cast(numbers, "int32")
    table = ops.reshape(ops.cast(labels, "int32"), (batch, -1))
    heights, widths = ops.full_like(numbers, height), ops.full_like(numbers, width)
    terms = (
        weight * ops.cast(found == numbers[..., None, None], "float32")
        for found, weight in _samples(
            table, ops.zeros_like(numbers), heights, widths, corners, side
        )
    )
    return sum(terms)


def _samples(
    table: KerasTensor,
    start: KerasTensor,
    heights: KerasTensor,
    widths: KerasTensor,
    corners: KerasTensor,
    side: int,
) -> Iterator[tuple[KerasTensor, KerasTensor]]:
    """Yield, for each of the places that a cell is the mean of, its values and its weight.

    Parameters
    ----------
    table : (B, places, ...)
        Of one grid after another, along the rows.
    start, heights, widths : (B, R) int32
        Of the grid of each box.
    corners : (B, R, 4)
        Boxes in steps of their grids.
    side : int

    Yields
    ------
    (B, R, side, side, ...)
        Values.
    (B, R, side, side) float32
        Weight.
    """
    batch, places = ops.shape(table)[:2]
    table = ops.reshape(table, (-1, *table.shape[2:]))
    start = start + places * ops.arange(batch, dtype="int32")[:, None]
    across = list(_axis_samples(corners[..., 1], corners[..., 3], widths, side))
    for row, row_weight in _axis_samples(corners[..., 0], corners[..., 2], heights, side):
        row_start = start[..., None] + row * widths[..., None]
        for column, column_weight in across:
            place = row_start[..., :, None] + column[..., None, :]
            yield (
                ops.take(table, place, axis=0),
                row_weight[..., :, None] * column_weight[..., None, :],
            )


def _axis_samples(
    start: KerasTensor, stop: KerasTensor, extent: KerasTensor, side: int
) -> Iterator[tuple[KerasTensor, KerasTensor]]:
    """Yield index and weight, both (B, R, side), of the places that cells take from one axis.

    A sample lies between two places; beyond the outermost it has the value of that, and from one
    step beyond none.
    """
    extent = extent[..., None]
    last = ops.cast(extent - 1, "float32")
    cell = (stop - start)[..., None] / side
    first = start[..., None] + ops.arange(side, dtype="float32") * cell
    for i in range(_SAMPLES):
        position = first + (i + 0.5) * cell / _SAMPLES
        inside = ops.logical_and(position >= -1, position <= last + 1)
        share = ops.cast(inside, "float32") / _SAMPLES
        position = ops.minimum(ops.maximum(position, 0.0), last)
        low = ops.floor(position)
        index = ops.cast(low, "int32")
        yield index, share * (1 - (position - low))
        yield ops.minimum(index + 1, extent - 1), share * (position - low)
