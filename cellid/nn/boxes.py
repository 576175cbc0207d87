"""Boxes in batches: overlap, coding against anchors, matching with the truth.

Boxes are float32, y0, x0, y1, x1 in pixels, half-open. Images of a batch have different numbers
of them: the arrays are padded, and a mask says which are real. The arithmetic is that of
torchvision's detection models, with y before x.
"""

import math

from keras import KerasTensor, ops

BACKGROUND = -1
IGNORED = -2

BoxWeights = tuple[float, float, float, float]

# No box grows by more than 1000/16, so that exp stays finite (torchvision's, from Detectron)
_MOST_GROWTH = math.log(1000 / 16)
# Stands for the size of an empty or padded box, where log and division need one
_SMALLEST_PX = 1e-6


def centres(boxes: KerasTensor) -> KerasTensor:
    """Return the centres, (..., 2) as y and x, of boxes (..., 4)."""
    return (boxes[..., :2] + boxes[..., 2:]) / 2


def pairwise_iou(boxes: KerasTensor, others: KerasTensor) -> KerasTensor:
    """Return how much each box overlaps each other: intersection over union.

    Parameters
    ----------
    boxes : (..., N, 4)
    others : (..., M, 4)
        The leading axes broadcast.

    Returns
    -------
    (..., N, M) float32 in [0, 1]
        0 with an empty box.
    """
    one, other = boxes[..., :, None, :], others[..., None, :, :]
    sides = ops.minimum(one[..., 2:], other[..., 2:]) - ops.maximum(one[..., :2], other[..., :2])
    sides = ops.maximum(sides, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    union = _areas(boxes)[..., :, None] + _areas(others)[..., None, :] - intersection
    return intersection / ops.maximum(union, _SMALLEST_PX)


def encode_boxes(boxes: KerasTensor, anchors: KerasTensor, weights: BoxWeights) -> KerasTensor:
    """Return the shifts that turn anchors into boxes.

    Girshick et al., "Rich feature hierarchies", CVPR 2014, appendix C: the centre's shift in
    sides of the anchor, and the logarithm of the growth of the sides.

    Parameters
    ----------
    boxes, anchors : (..., 4)
        Anchors are not empty; the shift to an empty box is large, but finite.
    weights : (float, float, float, float)
        What the shifts are multiplied by.

    Returns
    -------
    (..., 4) float32
        Shifts dy, dx, dh, dw.
    """
    sides = anchors[..., 2:] - anchors[..., :2]
    shift = (centres(boxes) - centres(anchors)) / sides
    growth = ops.log(ops.maximum(boxes[..., 2:] - boxes[..., :2], _SMALLEST_PX) / sides)
    return ops.concatenate([shift, growth], axis=-1) * ops.convert_to_tensor(weights, "float32")


def decode_boxes(shifts: KerasTensor, anchors: KerasTensor, weights: BoxWeights) -> KerasTensor:
    """Return anchors moved and resized by shifts: the inverse of `encode_boxes`.

    Parameters
    ----------
    shifts, anchors : (..., 4)
    weights : (float, float, float, float)

    Returns
    -------
    (..., 4) float32
        Boxes, that have grown by a factor of 62.5 at most.
    """
    shifts = shifts / ops.convert_to_tensor(weights, "float32")
    sides = anchors[..., 2:] - anchors[..., :2]
    centre = shifts[..., :2] * sides + centres(anchors)
    half = ops.exp(ops.minimum(shifts[..., 2:], _MOST_GROWTH)) * sides / 2
    return ops.concatenate([centre - half, centre + half], axis=-1)


def clip_boxes(boxes: KerasTensor, image_shape: tuple[int, int]) -> KerasTensor:
    """Return what of boxes (..., 4) lies in an image of so many rows and columns."""
    limits = ops.convert_to_tensor(image_shape * 2, "float32")
    return ops.minimum(ops.maximum(boxes, 0.0), limits)


def match_anchors(
    anchors: KerasTensor,
    boxes: KerasTensor,
    valid: KerasTensor,
    positive_iou: float,
    negative_iou: float,
    keep_best: bool,
) -> KerasTensor:
    """Return which object each anchor is to find.

    The rules of Faster R-CNN and RetinaNet, as torchvision's ``Matcher``. It also gives
    an object that touches no anchor to all anchors that touch nothing; here to none.

    Parameters
    ----------
    anchors : (A, 4) or (B, A, 4)
    boxes : (B, M, 4)
        The truth; M at least 1.
    valid : (B, M) bool
        Which boxes are real.
    positive_iou : float
        An anchor that overlaps an object by this much is to find the one it overlaps most.
    negative_iou : float
        An anchor that overlaps no object by this much is background.
    keep_best : bool
        Also an anchor than which no other overlaps some object more is to find the object
        that it overlaps most, so that no object goes without.

    Returns
    -------
    (B, A) int32
        Index of a box, `BACKGROUND` or `IGNORED`.
    """
    overlap = ops.where(valid[..., None], pairwise_iou(boxes, anchors), -1.0)
    most = ops.max(overlap, axis=1)
    positive = most >= positive_iou
    if keep_best:
        best = ops.max(overlap, axis=2, keepdims=True)
        is_best = ops.logical_and(overlap == best, best > 0)
        positive = ops.logical_or(positive, ops.any(is_best, axis=1))
    unmatched = ops.where(most < negative_iou, BACKGROUND, IGNORED)
    return ops.cast(ops.where(positive, ops.argmax(overlap, axis=1), unmatched), "int32")


def take_boxes(values: KerasTensor, index: KerasTensor) -> KerasTensor:
    """Return those of values (B, N, C) that an index (B, K) names in each image: (B, K, C)."""
    return ops.take_along_axis(values, ops.maximum(index, 0)[..., None], axis=1)


def _areas(boxes: KerasTensor) -> KerasTensor:
    sides = boxes[..., 2:] - boxes[..., :2]
    return sides[..., 0] * sides[..., 1]
