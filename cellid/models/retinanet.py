"""RetinaNet: boxes from every place of a feature pyramid in one pass."""

import math

import keras
import numpy as np
from keras import KerasTensor, layers, ops

from cellid.config import AnchorSettings, DetectorLossSettings, DetectorNetworkSettings
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.boxes import (
    BACKGROUND,
    IGNORED,
    decode_boxes,
    encode_boxes,
    match_anchors,
    take_boxes,
)
from cellid.nn.detection_losses import (
    focal_loss,
    leave_out,
    repulsion_loss,
    smooth_l1,
    values_at,
)
from cellid.nn.fpn import feature_pyramid
from cellid.nn.resnet import resnet_stages, set_norm_momentum

ALIGNMENT_PX = 32
"""Images are padded to a multiple of it, as torchvision does."""

SHIFT_WEIGHTS = (1.0, 1.0, 1.0, 1.0)
"""RetinaNet's box coding."""

_HEAD_CONVOLUTIONS = 4


class RetinaNet(keras.Model):
    """Network, anchors and loss in one, so that ``fit`` trains it.

    ``compile`` takes no loss. A batch's truth is a dict: ``boxes`` (B, M, 4) float32, M at
    least 1, ``valid`` (B, M) bool and ``classes`` (B, M) int32; where some places count neither
    way, ``unknown`` (B, Y, X), 1 there; and where the context counts, ``implausibility``
    (B, Y, X) float32. Parts of the loss are metrics.

    Attributes
    ----------
    levels : tuple of int
        Of the pyramid.
    anchors : AnchorSettings
        With sizes and ratios.
    """

    def __init__(
        self,
        inputs: KerasTensor,
        outputs: dict[str, KerasTensor],
        levels: tuple[int, ...],
        anchors: AnchorSettings,
        loss: DetectorLossSettings,
    ) -> None:
        super().__init__(inputs, outputs, name="retinanet")
        self.levels = levels
        self.anchors = anchors
        self._loss_settings = loss
        parts = {"classification": True, "boxes": True}
        parts |= {"context": loss.context_weight > 0, "repulsion": loss.repulsion_weight > 0}
        self._parts = [keras.metrics.Mean(name=name) for name, counts in parts.items() if counts]

    def compute_loss(
        self,
        x: KerasTensor | None = None,
        y: dict[str, KerasTensor] | None = None,
        y_pred: dict[str, KerasTensor] | None = None,
        sample_weight: KerasTensor | None = None,
        training: bool = True,
    ) -> KerasTensor:
        """Return the sum of the parts of `retinanet_losses`, weighted."""
        anchors = np.concatenate(pyramid_anchors(self.anchors, self.levels, x.shape[1:3]))
        losses = retinanet_losses(y_pred, y, anchors, self._loss_settings)
        for part in self._parts:
            part.update_state(losses[part.name])
        return sum(losses.values())


def build_retinanet(
    network: DetectorNetworkSettings,
    anchors: AnchorSettings,
    loss: DetectorLossSettings,
    n_channels: int,
    n_classes: int,
) -> RetinaNet:
    """Return an untrained RetinaNet.

    Lin et al., "Focal loss for dense object detection", ICCV 2017, in the arithmetic of
    torchvision's ``retinanet_resnet50_fpn``; layers are named as its parameters, with ``_``
    for ``.`` and without ``backbone`` and ``body``.

    Parameters
    ----------
    network : DetectorNetworkSettings
    anchors : AnchorSettings
        With ratios, and with sizes for every level, as from `fit_anchors`.
    loss : DetectorLossSettings
    n_channels : int
        Of the images.
    n_classes : int
        K, without background.

    Returns
    -------
    RetinaNet
        ``(B, Y, X, C)`` float32 to a dict: ``logits`` (B, A, K) and ``shifts`` (B, A, 4), for
        the anchors of all levels in the order of `pyramid_anchors`.
    """
    levels = tuple(range(network.finest_level, network.coarsest_level + 1))
    inputs = keras.Input((None, None, n_channels), name="image")
    stages = resnet_stages(inputs, network.backbone)
    pyramid = feature_pyramid(stages, levels, network.filters, network.top)
    per_place = len(anchors.sizes[0]) * len(anchors.ratios)
    bias = -math.log((1 - network.prior) / network.prior)
    heads = {
        "logits": ("head_classification_head", "cls_logits", n_classes, bias),
        "shifts": ("head_regression_head", "bbox_reg", 4, 0.0),
    }
    outputs = {}
    for output, (head, last, n_values, first_bias) in heads.items():
        hidden = [
            _convolution(network.filters, f"{head}_conv_{i}_0", "relu")
            for i in range(_HEAD_CONVOLUTIONS)
        ]
        answer = _convolution(per_place * n_values, f"{head}_{last}", bias=first_bias)
        flat = layers.Reshape((-1, n_values), name=f"{output}_flat")
        answers = []
        for x in pyramid:
            for convolution in hidden:
                x = convolution(x)
            answers.append(flat(answer(x)))
        join = layers.Concatenate(axis=1, name=output)
        outputs[output] = join(answers) if len(answers) > 1 else answers[0]
    model = RetinaNet(inputs, outputs, levels, anchors, loss)
    set_norm_momentum(model, network.norm_momentum)
    return model


def retinanet_losses(
    outputs: dict[str, KerasTensor],
    truth: dict[str, KerasTensor],
    anchors: np.ndarray,
    settings: DetectorLossSettings,
) -> dict[str, KerasTensor]:
    """Return the weighted parts of the loss of a batch.

    Each is a sum over the anchors of an image, divided by the number of those that are to find
    an object, or by 1 if there is none, and averaged over images. What is implausible costs
    the focal loss of background once more, in proportion; scores of anchors that are to find
    an object are left alone, for what was drawn is there.

    Parameters
    ----------
    outputs : dict
        ``logits`` and ``shifts``, as from the network.
    truth : dict
        As `RetinaNet` says.
    anchors : (A, 4) float32
    settings : DetectorLossSettings

    Returns
    -------
    dict of str to float32 scalar
        ``classification``, ``boxes``, and those of ``context`` and ``repulsion`` whose weight
        is not 0.
    """
    logits = ops.cast(outputs["logits"], "float32")
    shifts = ops.cast(outputs["shifts"], "float32")
    anchors = ops.convert_to_tensor(anchors)
    boxes, valid = ops.cast(truth["boxes"], "float32"), ops.cast(truth["valid"], "bool")
    matched = match_anchors(
        anchors, boxes, valid, settings.positive_iou, settings.negative_iou, keep_best=True
    )
    if "unknown" in truth:
        matched = leave_out(matched, anchors, truth["unknown"])
    positive = ops.cast(matched >= 0, "float32")
    n_positive = ops.maximum(ops.sum(positive, axis=1), 1.0)

    def charge(losses: KerasTensor) -> KerasTensor:
        return ops.mean(ops.sum(losses, axis=1) / n_positive)

    classes = ops.take_along_axis(truth["classes"], ops.maximum(matched, 0), axis=1)
    target = ops.one_hot(classes, logits.shape[-1], dtype="float32") * positive[..., None]
    focal = ops.sum(focal_loss(logits, target, settings.alpha, settings.gamma), axis=-1)
    target_shifts = encode_boxes(take_boxes(boxes, matched), anchors, SHIFT_WEIGHTS)
    misplaced = smooth_l1(shifts, target_shifts, settings.box_smoothing)
    losses = {
        "classification": charge(focal * ops.cast(matched != IGNORED, "float32")),
        "boxes": settings.box_weight * charge(misplaced * positive),
    }
    if not (settings.context_weight or settings.repulsion_weight):
        return losses
    found = decode_boxes(shifts, anchors, SHIFT_WEIGHTS)
    if settings.context_weight:
        implausible = values_at(found, truth["implausibility"])
        false = focal * ops.cast(matched == BACKGROUND, "float32")
        losses["context"] = settings.context_weight * charge(false * implausible)
    if settings.repulsion_weight:
        surest, has_box = _surest_anchors(ops.max(logits, axis=-1), matched, boxes.shape[1])
        overlap = repulsion_loss(take_boxes(found, surest), boxes, has_box)
        losses["repulsion"] = settings.repulsion_weight * ops.mean(overlap)
    return losses


def _surest_anchors(
    scores: KerasTensor, matched: KerasTensor, n_boxes: int
) -> tuple[KerasTensor, KerasTensor]:
    """Return the surest anchor (B, M) that is to find each object, and whether there is one."""
    own = matched[:, None] == ops.arange(n_boxes)[:, None]
    scores = ops.where(own, ops.stop_gradient(scores)[:, None], -np.inf)
    return ops.cast(ops.argmax(scores, axis=2), "int32"), ops.any(own, axis=2)


def _convolution(
    filters: int, name: str, activation: str | None = None, bias: float = 0.0
) -> layers.Conv2D:
    """Return a convolution with the paper's first weights, to be used on every level."""
    return layers.Conv2D(
        filters,
        3,
        padding="same",
        activation=activation,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.01),
        bias_initializer=keras.initializers.Constant(bias),
        name=name,
    )
