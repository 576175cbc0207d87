"""What Mask R-CNN is charged for, in torchvision's arithmetic.

Sums are over what is judged in a batch, and are divided by its number: an image without objects
counts with its background.
"""

from typing import NamedTuple

import numpy as np
from keras import KerasTensor, ops
from numpy.typing import NDArray

from cellid.config import MaskRcnnSettings, SampleSettings
from cellid.nn.boxes import IGNORED, encode_boxes, match_anchors, take_boxes
from cellid.nn.detection_losses import leave_out, smooth_l1
from cellid.nn.proposals import ANCHOR_WEIGHTS, sample

BOX_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""Box coding against proposals (Girshick, "Fast R-CNN", ICCV 2015, and torchvision)."""


class Judged(NamedTuple):
    """Boxes that a training step judges, and what is right.

    Attributes
    ----------
    boxes : (B, S, 4) float32
        What is not real is the whole image.
    truth : (B, S, 4) float32
        Box of the object that each overlaps most; of no meaning where it is background.
    classes : (B, S) int32
        0: background.
    numbers : (B, S) int32
        The object's in the label image; 0: background.
    positive, real : (B, S) bool
        Which are of objects, and which count.
    """

    boxes: KerasTensor
    truth: KerasTensor
    classes: KerasTensor
    numbers: KerasTensor
    positive: KerasTensor
    real: KerasTensor


def proposal_losses(
    outputs: dict[str, KerasTensor],
    truth: dict[str, KerasTensor],
    anchors: NDArray[np.float32],
    settings: MaskRcnnSettings,
    noise: KerasTensor,
) -> dict[str, KerasTensor]:
    """Return what the proposals of a batch cost.

    Parameters
    ----------
    outputs : dict
        ``objectness`` (B, A) and ``shifts`` (B, A, 4), as from the network.
    truth : dict
        ``boxes`` (B, M, 4) float32 and ``valid`` (B, M) bool; ``unknown`` may be there.
    anchors : (A, 4) float32
    settings : MaskRcnnSettings
    noise : (B, A) float32
        As `cellid.nn.proposals.sample`.

    Returns
    -------
    dict of str to float32 scalar
        ``objectness``, the cross-entropy of the anchors that are judged, and
        ``proposal_boxes``, the smooth L1 loss of those of objects.
    """
    boxes, rules = ops.cast(truth["boxes"], "float32"), settings.anchor_samples
    anchors = ops.convert_to_tensor(anchors)
    matched = match_anchors(
        anchors,
        boxes,
        ops.cast(truth["valid"], "bool"),
        rules.positive_iou,
        rules.negative_iou,
        keep_best=True,
    )
    if "unknown" in truth:
        matched = leave_out(matched, anchors, truth["unknown"])
    index, positive, real = sample(matched, rules, noise)
    logits = ops.cast(ops.take_along_axis(outputs["objectness"], index, axis=1), "float32")
    shifts = ops.cast(take_boxes(outputs["shifts"], index), "float32")
    surprise = ops.binary_crossentropy(ops.cast(positive, "float32"), logits, from_logits=True)
    found = take_boxes(boxes, ops.take_along_axis(matched, index, axis=1))
    target = encode_boxes(found, ops.take(anchors, index, axis=0), ANCHOR_WEIGHTS)
    misplaced = smooth_l1(shifts, target, settings.box_smoothing)
    return {
        "objectness": _mean(surprise, real, real),
        "proposal_boxes": _mean(misplaced, positive, real),
    }


def judge(
    proposals: KerasTensor,
    valid: KerasTensor,
    truth: dict[str, KerasTensor],
    settings: SampleSettings,
    image_shape: tuple[int, int],
    noise: KerasTensor,
) -> Judged:
    """Return the boxes to be judged, of proposals and the objects' own.

    Parameters
    ----------
    proposals : (B, N, 4)
    valid : (B, N) bool
        Which of them are real.
    truth : dict
        As `cellid.models.mask_rcnn.MaskRcnn` says; M objects.
    settings : SampleSettings
    image_shape : (int, int)
        Rows and columns.
    noise : (B, N + M) float32
        As `cellid.nn.proposals.sample`.

    Returns
    -------
    Judged
    """
    objects, is_object = ops.cast(truth["boxes"], "float32"), ops.cast(truth["valid"], "bool")
    boxes = ops.concatenate([proposals, objects], axis=1)
    matched = match_anchors(
        boxes, objects, is_object, settings.positive_iou, settings.negative_iou, keep_best=False
    )
    if "unknown" in truth:
        matched = leave_out(matched, boxes, truth["unknown"])
    valid = ops.concatenate([valid, is_object], axis=1)
    index, positive, real = sample(ops.where(valid, matched, IGNORED), settings, noise)
    matched = ops.take_along_axis(matched, index, axis=1)
    whole = ops.convert_to_tensor((0, 0, *image_shape), "float32")

    def of_object(values: KerasTensor) -> KerasTensor:
        values = ops.take_along_axis(ops.cast(values, "int32"), ops.maximum(matched, 0), axis=1)
        return ops.where(positive, values, 0)

    return Judged(
        boxes=ops.where(real[..., None], take_boxes(boxes, index), whole),
        truth=take_boxes(objects, matched),
        classes=of_object(truth["classes"] + 1),
        numbers=of_object(truth["numbers"]),
        positive=positive,
        real=real,
    )


def box_losses(
    logits: KerasTensor, shifts: KerasTensor, judged: Judged, smoothing: float
) -> dict[str, KerasTensor]:
    """Return what classes and boxes of a batch cost.

    Parameters
    ----------
    logits : (B, S, 1 + K)
        Background first.
    shifts : (B, S, 1 + K, 4)
        One a class.
    judged : Judged
    smoothing : float
        As `smooth_l1`.

    Returns
    -------
    dict of str to float32 scalar
        ``classification``, a cross-entropy, and ``boxes``, the smooth L1 loss of those
        of objects.
    """
    surprise = ops.sparse_categorical_crossentropy(
        judged.classes, ops.cast(logits, "float32"), from_logits=True
    )
    target = encode_boxes(judged.truth, judged.boxes, BOX_WEIGHTS)
    misplaced = smooth_l1(of_class(shifts, judged.classes), target, smoothing)
    return {
        "classification": _mean(surprise, judged.real, judged.real),
        "boxes": _mean(misplaced, judged.positive, judged.real),
    }


def mask_loss(
    logits: KerasTensor, targets: KerasTensor, classes: KerasTensor, positive: KerasTensor
) -> KerasTensor:
    """Return the mean cross-entropy of the masks of objects, each of its own class; 0 without any.

    Parameters
    ----------
    logits : (B, P, 1 + K, m, m)
    targets : (B, P, m, m)
        As from `cellid.nn.roi_align.mask_targets`.
    classes : (B, P) int32
        From 1.
    positive : (B, P) bool

    Returns
    -------
    float32 scalar
    """
    own = ops.cast(of_class(logits, classes), "float32")
    surprise = ops.mean(ops.binary_crossentropy(targets, own, from_logits=True), axis=(2, 3))
    return _mean(surprise, positive, positive)


def of_class(values: KerasTensor, classes: KerasTensor) -> KerasTensor:
    """Return those of values (B, R, K, ...) that belong to a class (B, R) each: (B, R, ...)."""
    index = ops.reshape(classes, (*ops.shape(classes), *[1] * (len(values.shape) - 2)))
    return ops.squeeze(ops.take_along_axis(values, index, axis=2), axis=2)


def _mean(losses: KerasTensor, counted: KerasTensor, judged: KerasTensor) -> KerasTensor:
    """Return the sum of the losses that are counted, over the number of those judged."""
    total = ops.sum(losses * ops.cast(counted, "float32"))
    return total / ops.maximum(ops.sum(ops.cast(judged, "float32")), 1.0)
