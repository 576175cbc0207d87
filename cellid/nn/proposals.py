"""Proposals of a detector in two stages: which boxes are looked at again, and which are judged.

Ren et al., "Faster R-CNN", NIPS 2015, in torchvision's arithmetic. No gradient passes. All sizes
are known beforehand; images differ in how much of them is real.
"""

from collections.abc import Sequence

import numpy as np
from keras import KerasTensor, ops
from numpy.typing import NDArray

from cellid.config import SampleSettings
from cellid.nn.boxes import BACKGROUND, clip_boxes, decode_boxes, take_boxes

ANCHOR_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
"""Box coding against anchors."""

_SMALLEST_PX = 1e-3  # a box with a shorter side is none (torchvision's)


def proposal_candidates(
    logits: KerasTensor,
    shifts: KerasTensor,
    anchors: Sequence[NDArray[np.float32]],
    image_shape: tuple[int, int],
    per_level: int,
) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Return the surest boxes of each pyramid level, for `cellid.nn.nms.suppress`.

    Parameters
    ----------
    logits : (B, A)
        That there is an object; A anchors of all levels.
    shifts : (B, A, 4)
    anchors : sequence of (n, 4) float32
        One array a level, as from `cellid.nn.anchors.pyramid_anchors`; A in all.
    image_shape : (int, int)
        Rows and columns that boxes are clipped to.
    per_level : int
        Most boxes of a level.

    Returns
    -------
    boxes : (B, K, 4) float32
        K is the sum over levels of ``per_level``, or all anchors of a level where they are fewer.
    scores : (B, K) float32
        Logits; minus infinity where nothing of a box is in the image.
    levels : (B, K) int32
        Number of the level, from 0.
    """
    logits = ops.stop_gradient(ops.cast(logits, "float32"))
    shifts = ops.stop_gradient(ops.cast(shifts, "float32"))
    surest, levels, start = [], [], 0
    for level, of_level in enumerate(anchors):
        stop = start + len(of_level)
        n = min(per_level, len(of_level))
        surest.append(start + ops.cast(ops.top_k(logits[:, start:stop], n)[1], "int32"))
        levels += [level] * n
        start = stop
    index = ops.concatenate(surest, axis=1)
    starts = ops.take(ops.convert_to_tensor(np.concatenate(anchors)), index, axis=0)
    boxes = decode_boxes(take_boxes(shifts, index), starts, ANCHOR_WEIGHTS)
    boxes = clip_boxes(boxes, image_shape)
    exists = ops.min(boxes[..., 2:] - boxes[..., :2], axis=-1) >= _SMALLEST_PX
    scores = ops.where(exists, ops.take_along_axis(logits, index, axis=1), -np.inf)
    return boxes, scores, ops.zeros_like(index) + ops.convert_to_tensor(levels, "int32")


def sample(
    matched: KerasTensor, settings: SampleSettings, noise: KerasTensor
) -> tuple[KerasTensor, KerasTensor, KerasTensor]:
    """Return which boxes are judged: a random choice of those of objects and of background.

    Parameters
    ----------
    matched : (B, N) int32
        As from `cellid.nn.boxes.match_anchors`.
    settings : SampleSettings
    noise : (B, N) float32 in [0, 1)
        What the choice follows: the highest numbers of either kind.

    Returns
    -------
    index : (B, S) int32
        Of boxes; S is ``settings.samples``. Those of objects come first.
    positive : (B, S) bool
        Which of them find an object: ``settings.most_positive`` at most.
    real : (B, S) bool
        Which of them count.
    """
    most = settings.most_positive
    positives, n_positive = _choose(matched >= 0, noise, most)
    negatives, n_negative = _choose(matched == BACKGROUND, noise, settings.samples)
    if not settings.fill:
        n_negative = ops.minimum(n_negative, settings.samples - most)
    slot = ops.arange(settings.samples, dtype="int32")
    positive = slot < n_positive
    both = ops.concatenate([positives, negatives], axis=1)
    place = ops.where(positive, slot, most + slot - n_positive)
    index = ops.take_along_axis(both, place, axis=1)
    return index, positive, slot < n_positive + n_negative


def _choose(candidates: KerasTensor, noise: KerasTensor, n: int) -> tuple[KerasTensor, KerasTensor]:
    """Return n indices (B, n), candidates first, and how many (B, 1) of them are candidates."""
    order = ops.where(candidates, noise, -1.0)
    # there may be fewer boxes than n, and their number need not be known
    padding = ops.zeros_like(order[:, :1]) - ops.ones((n,))
    values, index = ops.top_k(ops.concatenate([order, padding], axis=1), n)
    chosen = ops.cast(values >= 0, "int32")
    return ops.cast(index, "int32") * chosen, ops.sum(chosen, axis=1, keepdims=True)
