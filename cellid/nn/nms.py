"""Of detections of the same object, the surest."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from cellid.nn.boxes import centres, pairwise_iou, take_boxes

_NO_CANDIDATE = -np.inf


def suppress(
    boxes: KerasTensor,
    scores: KerasTensor,
    classes: KerasTensor,
    max_iou: float,
    min_distance_px: float,
    max_detections: int,
) -> KerasTensor:
    """Return the candidates that stay when each gives way to surer ones too near to it.

    Greedy non-maximum suppression, as torchvision's ``batched_nms``, with a rule of distance
    beside that of overlap. The surest candidate is taken, those of its class that overlap it
    or lie near it go, and so on: a loop of as many rounds as there are detections, each over
    all candidates at once. TensorFlow's own loops are slow, so that there XLA compiles it
    wherever it is called from.

    Parameters
    ----------
    boxes : (B, N, 4)
    scores : (B, N) float32
        Minus infinity: no candidate.
    classes : (B, N) int32
        Boxes of different classes do not meet.
    max_iou : float
        Boxes that overlap a surer one by more go.
    min_distance_px : float
        Boxes with centres nearer to that of a surer one go.
    max_detections : int
        Of an image.

    Returns
    -------
    (B, max_detections) int32
        Indices of candidates, the surest first; then -1.
    """
    loop = _compile() if keras.backend.backend() == "tensorflow" else _suppress
    return loop(boxes, scores, classes, max_iou, min_distance_px, max_detections)


@cache
def _compile() -> Callable[..., Any]:
    """Return `_suppress`, compiled for every shape and rule: once, for eager steps call it anew."""
    import tensorflow as tf

    return tf.function(_suppress, jit_compile=True, autograph=False)


def _suppress(
    boxes: KerasTensor,
    scores: KerasTensor,
    classes: KerasTensor,
    max_iou: float,
    min_distance_px: float,
    max_detections: int,
) -> KerasTensor:
    places, candidates = ops.arange(max_detections), ops.arange(boxes.shape[1])

    def some_are_left(turn: KerasTensor, left: KerasTensor, kept: KerasTensor) -> KerasTensor:
        return ops.any(left > _NO_CANDIDATE)

    def keep_surest(turn: KerasTensor, left: KerasTensor, kept: KerasTensor) -> tuple:
        surest = ops.cast(ops.argmax(left, axis=1), "int32")[:, None]
        exists = ops.max(left, axis=1, keepdims=True) > _NO_CANDIDATE
        box = take_boxes(boxes, surest)
        apart = ops.sum(ops.square(centres(boxes) - centres(box)), axis=-1)
        near = ops.logical_or(pairwise_iou(box, boxes)[:, 0] > max_iou, apart < min_distance_px**2)
        near = ops.logical_and(near, classes == ops.take_along_axis(classes, surest, axis=1))
        left = ops.where(ops.logical_or(near, candidates == surest), _NO_CANDIDATE, left)
        kept = ops.where(ops.logical_and(places == turn, exists), surest, kept)
        return turn + 1, left, kept

    # of the scores' own batch size, which need not be known
    none_kept = ops.zeros_like(scores[:, :1], dtype="int32") - ops.ones_like(places)
    start = (ops.convert_to_tensor(0, "int32"), scores, none_kept)
    return ops.while_loop(some_are_left, keep_surest, start, maximum_iterations=max_detections)[2]


def build_suppressor(
    n_candidates: int, max_iou: float, min_distance_px: float, max_detections: int
) -> keras.Model:
    """Return `suppress` for so many candidates, compiled at its first use.

    On a CPU, XLA's loop over 5000 candidates is twenty times faster than NumPy's, and
    TensorFlow's without XLA as slow; PyTorch's needs no compiling.

    Parameters
    ----------
    n_candidates : int
        N, minus infinity being the score of those that are none.
    max_iou, min_distance_px, max_detections
        As `suppress`.

    Returns
    -------
    keras.Model
        From boxes, scores and classes to indices; for ``predict_on_batch``.
    """
    inputs = [
        keras.Input((n_candidates, 4)),
        keras.Input((n_candidates,)),
        keras.Input((n_candidates,), dtype="int32"),
    ]
    rules = {"max_iou": max_iou, "min_distance_px": min_distance_px}
    loop = partial(suppress, **rules, max_detections=max_detections)
    model = keras.Model(inputs, layers.Lambda(lambda candidates: loop(*candidates))(inputs))
    model.compile(jit_compile=keras.backend.backend() != "torch")
    return model


class Suppressor:
    """Suppression among any number of candidates of one image, compiled once.

    Parameters
    ----------
    n_candidates : int
        Most candidates.
    max_iou, min_distance_px, max_detections
        As `suppress`.
    """

    def __init__(
        self, n_candidates: int, max_iou: float, min_distance_px: float, max_detections: int
    ) -> None:
        self._n_candidates = n_candidates
        self._loop = build_suppressor(n_candidates, max_iou, min_distance_px, max_detections)

    def kept(
        self, boxes: NDArray[np.float32], scores: NDArray[np.float32], classes: NDArray[np.int32]
    ) -> NDArray[np.int32]:
        """Return the indices of candidates that stay, the surest first.

        Parameters
        ----------
        boxes : (N, 4) float32
        scores : (N,) float32
        classes : (N,) int32

        Returns
        -------
        (K,) int32
        """
        missing = self._n_candidates - len(scores)
        padded = (
            np.pad(boxes, [(0, missing), (0, 0)]),
            np.pad(scores, (0, missing), constant_values=_NO_CANDIDATE),
            np.pad(classes, (0, missing)),
        )
        kept = self._loop.predict_on_batch([array[None] for array in padded])[0]
        return kept[kept >= 0]
