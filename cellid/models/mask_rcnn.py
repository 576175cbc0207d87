"""Mask R-CNN: boxes that are proposed, looked at a second time, and drawn in."""

import keras
import numpy as np
from keras import KerasTensor, layers, ops
from numpy.typing import NDArray

from cellid.config import FINEST_LEVEL, AnchorSettings, MaskRcnnSettings
from cellid.models.mask_rcnn_losses import Judged, box_losses, judge, mask_loss, proposal_losses
from cellid.nn.anchors import pyramid_anchors
from cellid.nn.boxes import take_boxes
from cellid.nn.cbam import attend
from cellid.nn.fpn import feature_pyramid
from cellid.nn.nms import suppress
from cellid.nn.proposals import proposal_candidates
from cellid.nn.resnet import STAGES, freeze, resnet_stages
from cellid.nn.roi_align import mask_targets, roi_align

_COARSEST_READ = 5  # the level above is for proposals alone (Lin et al., CVPR 2017)
_MASK_CONVOLUTIONS = 4

ATTENTION, _PYRAMID, _PROPOSALS = "cbam_", "fpn_", "rpn_"  # what names of layers begin with


class MaskRcnn(keras.Model):
    """Network, anchors and loss in one, so that ``fit`` trains it.

    The model itself ends with proposals; its heads are called on boxes. ``compile`` takes no
    loss. A batch's truth is a dict: ``boxes`` (B, M, 4) float32, M at least 1, ``valid``
    (B, M) bool, ``classes`` (B, M) int32 from 0, ``labels`` (B, Y, X) int32 and
    ``numbers`` (B, M) int32, those of the objects in ``labels``. Where ``unknown`` (B, Y, X)
    float32 is above 0, background counts neither way. Parts of the loss are metrics.

    Attributes
    ----------
    settings : MaskRcnnSettings
        With sizes and ratios of anchors.
    n_classes : int
        K, without background.
    """

    def __init__(
        self,
        inputs: KerasTensor,
        outputs: dict[str, KerasTensor],
        heads: tuple[keras.Model, keras.Model],
        settings: MaskRcnnSettings,
        seed: int,
    ) -> None:
        super().__init__(inputs, outputs, name="mask_rcnn")
        self.settings = settings
        self._box_head, self._mask_head = heads
        self.n_classes = self._mask_head.output.shape[-1] - 1
        self._seed = keras.random.SeedGenerator(seed)
        names = ("objectness", "proposal_boxes", "classification", "boxes", "masks")
        self._parts = [keras.metrics.Mean(name=name) for name in names]
        self.hold(0)

    def anchors(self, image_shape: tuple[int, int]) -> list[NDArray[np.float32]]:
        """Return the anchors of every level, as `pyramid_anchors`."""
        return pyramid_anchors(self.settings.anchors, self.settings.levels, image_shape)

    def hold(self, parts: int, proposals: bool = False) -> None:
        """Hold what comes first as it is, and train the rest.

        A compiled model must be compiled anew for this to count.

        Parameters
        ----------
        parts : int
            How many of the backbone's stem and four stages are held: 0 to 5.
        proposals : bool
            Whether what lies between backbone and heads is held as well: attention, feature
            pyramid and proposals.
        """
        freeze(self, parts)
        for layer in self.layers:
            if layer.name.startswith((ATTENTION, _PYRAMID, _PROPOSALS)):
                layer.trainable = not proposals
            if self.settings.frozen_norm and isinstance(layer, layers.BatchNormalization):
                layer.trainable = False

    def find_layer(self, name: str) -> keras.Layer:
        """Return the layer of that name, of the network or of a head."""
        parts = (self, self._box_head, self._mask_head)
        return next(layer for part in parts for layer in part.layers if layer.name == name)

    def look_at(
        self, outputs: dict[str, KerasTensor], boxes: KerasTensor
    ) -> tuple[KerasTensor, KerasTensor]:
        """Return what boxes show: class logits and shifts.

        Parameters
        ----------
        outputs : dict
            As from the network.
        boxes : (B, R, 4)

        Returns
        -------
        (B, R, 1 + K)
            Background first.
        (B, R, 1 + K, 4)
            Shifts, coded with `cellid.models.mask_rcnn_losses.BOX_WEIGHTS`.
        """
        logits, shifts = self._box_head(self.features(outputs, boxes, self.settings.box_side))
        n_boxes, n_classes = boxes.shape[1], logits.shape[-1]
        shifts = ops.reshape(shifts, (-1, n_boxes, n_classes, 4))
        return ops.reshape(logits, (-1, n_boxes, n_classes)), shifts

    def draw(self, outputs: dict[str, KerasTensor], boxes: KerasTensor) -> KerasTensor:
        """Return the logits (B, R, 1 + K, m, m) of a mask a class in boxes (B, R, 4)."""
        logits = self._mask_head(self.features(outputs, boxes, self.settings.mask_side))
        logits = ops.reshape(logits, (-1, ops.shape(boxes)[1], *logits.shape[1:]))
        return ops.transpose(logits, (0, 1, 4, 2, 3))

    def compute_loss(
        self,
        x: KerasTensor | None = None,
        y: dict[str, KerasTensor] | None = None,
        y_pred: dict[str, KerasTensor] | None = None,
        sample_weight: KerasTensor | None = None,
        training: bool = True,
    ) -> KerasTensor:
        """Return the sum of the parts of the loss: of proposals, of boxes and of masks."""
        settings, image_shape = self.settings, tuple(x.shape[1:3])
        anchors = self.anchors(image_shape)
        losses = proposal_losses(
            y_pred, y, np.concatenate(anchors), settings, self._noise(y_pred["objectness"])
        )
        boxes, scores, levels = proposal_candidates(
            y_pred["objectness"],
            y_pred["shifts"],
            anchors,
            image_shape,
            settings.proposals.train_candidates,
        )
        n = settings.proposals.train_proposals
        kept = suppress(boxes, scores, levels, settings.proposals.max_iou, 0.0, n)
        proposals, exists = take_boxes(boxes, kept), kept >= 0
        is_object = ops.cast(y["valid"], "bool")
        noise = self._noise(ops.concatenate([exists, is_object], axis=1))
        judged = judge(proposals, exists, y, settings.box_samples, image_shape, noise)
        logits, shifts = self.look_at(y_pred, judged.boxes)
        losses |= box_losses(logits, shifts, judged, settings.box_smoothing)

        losses["masks"] = self._mask_loss(y_pred, judged, y["labels"])
        for part in self._parts:
            part.update_state(losses[part.name])
        return sum(losses.values())

    def features(
        self, outputs: dict[str, KerasTensor], boxes: KerasTensor, side: int
    ) -> KerasTensor:
        """Return the features (B · R, side, side, C) of boxes (B, R, 4)."""
        pyramid = [outputs[f"p{level}"] for level in range(FINEST_LEVEL, _COARSEST_READ + 1)]
        features = roi_align(pyramid, FINEST_LEVEL, boxes, side)
        return ops.reshape(features, (-1, *features.shape[2:]))

    def _mask_loss(
        self, outputs: dict[str, KerasTensor], judged: Judged, labels: KerasTensor
    ) -> KerasTensor:
        """Return what the masks of objects cost.

        Masks are the dearest part of a step: where sizes need not be known beforehand, as XLA and
        JAX want them, no more boxes of an image are drawn in than the image with most needs.
        """
        n = self.settings.box_samples.most_positive
        if not (self.jit_compile or keras.backend.backend() == "jax"):
            n = ops.maximum(ops.max(ops.sum(ops.cast(judged.positive, "int32"), axis=1)), 1)
        boxes, classes, numbers, positive = (
            values[:, :n]
            for values in (judged.boxes, judged.classes, judged.numbers, judged.positive)
        )
        targets = mask_targets(labels, numbers, boxes, self.settings.mask_output)
        return mask_loss(self.draw(outputs, boxes), targets, classes, positive)

    def _noise(self, like: KerasTensor) -> KerasTensor:
        return keras.random.uniform(ops.shape(like), seed=self._seed)


def build_mask_rcnn(
    settings: MaskRcnnSettings, n_channels: int, n_classes: int, seed: int
) -> MaskRcnn:
    """Return an untrained Mask R-CNN.

    He et al., "Mask R-CNN", ICCV 2017, in the arithmetic of torchvision's
    ``maskrcnn_resnet50_fpn``; layers are named as its parameters, with ``_`` for ``.`` and without
    ``backbone`` and ``body``. With attention, features go through it (`cellid.nn.cbam`) on
    their way from each stage to the pyramid; the next stage has them as they were.

    Parameters
    ----------
    settings : MaskRcnnSettings
        With sizes and ratios of anchors.
    n_channels : int
        Of the images.
    n_classes : int
        K, without background.
    seed : int
        Of what a training step judges.

    Returns
    -------
    MaskRcnn
        ``(B, Y, X, C)`` float32 to a dict: ``objectness`` (B, A) and ``shifts`` (B, A, 4), for
        the anchors of all levels, and the pyramid's features, ``p2`` to ``p5``.
    """
    inputs = keras.Input((None, None, n_channels), name="image")
    stages = resnet_stages(inputs, settings.backbone)
    if settings.attention:
        names = [f"{ATTENTION}{stage}" for stage in STAGES]
        stages = [attend(stage, name) for stage, name in zip(stages, names, strict=True)]
    pyramid = feature_pyramid(stages, settings.levels, settings.filters, "pool")
    outputs = _propose(pyramid, settings.anchors)
    for level, features in zip(settings.levels, pyramid, strict=True):
        if level <= _COARSEST_READ:
            outputs[f"p{level}"] = features
    heads = _build_box_head(settings, 1 + n_classes), _build_mask_head(settings, 1 + n_classes)
    return MaskRcnn(inputs, outputs, heads, settings, seed)


def _propose(pyramid: list[KerasTensor], anchors: AnchorSettings) -> dict[str, KerasTensor]:
    """Return a logit (B, A) and shifts (B, A, 4) for the anchors of all levels."""
    per_place = len(anchors.sizes[0]) * len(anchors.ratios)
    filters = pyramid[0].shape[-1]

    def convolution(filters: int, size: int, name: str, activation: str | None) -> layers.Layer:
        # Ren et al., "Faster R-CNN", NIPS 2015
        draw = keras.initializers.RandomNormal(stddev=0.01)
        return layers.Conv2D(
            filters,
            size,
            padding="same",
            activation=activation,
            kernel_initializer=draw,
            name=f"{_PROPOSALS}head_{name}",
        )

    hidden = convolution(filters, 3, "conv_0_0", "relu")
    answers = {
        "objectness": (convolution(per_place, 1, "cls_logits", None), (-1,)),
        "shifts": (convolution(4 * per_place, 1, "bbox_pred", None), (-1, 4)),
    }
    seen = [hidden(features) for features in pyramid]
    outputs = {}
    for name, (answer, shape) in answers.items():
        flat = layers.Reshape(shape, name=f"{name}_flat")
        outputs[name] = layers.Concatenate(axis=1, name=name)([flat(answer(x)) for x in seen])
    return outputs


def _build_box_head(settings: MaskRcnnSettings, n_classes: int) -> keras.Model:
    """Return what judges the features of boxes: n_classes logits, and shifts for each."""
    inputs = keras.Input((settings.box_side, settings.box_side, settings.filters))
    x = layers.Flatten()(inputs)
    for name in ("fc6", "fc7"):
        x = layers.Dense(settings.hidden, activation="relu", name=f"roi_heads_box_head_{name}")(x)
    logits = layers.Dense(n_classes, name="roi_heads_box_predictor_cls_score")(x)
    shifts = layers.Dense(4 * n_classes, name="roi_heads_box_predictor_bbox_pred")(x)
    return keras.Model(inputs, [logits, shifts], name="box_head")


def _build_mask_head(settings: MaskRcnnSettings, n_classes: int) -> keras.Model:
    """Return what draws a mask a class, (m, m, n_classes) logits, from the features of boxes."""

    def he() -> keras.initializers.Initializer:  # one a layer, for an initializer repeats its draw
        return keras.initializers.VarianceScaling(2.0, "fan_out", "untruncated_normal")

    filters, output = settings.mask_filters, settings.mask_output
    inputs = x = keras.Input((settings.mask_side, settings.mask_side, settings.filters))
    for i in range(_MASK_CONVOLUTIONS):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            activation="relu",
            kernel_initializer=he(),
            name=f"roi_heads_mask_head_{i}_0",
        )(x)
    predictor = "roi_heads_mask_predictor"
    x = layers.Conv2DTranspose(
        filters,
        2,
        strides=2,
        activation="relu",
        kernel_initializer=he(),
        name=f"{predictor}_conv5_mask",
    )(x)
    name = f"{predictor}_mask_fcn_logits"
    x = layers.Conv2D(n_classes, 1, kernel_initializer=he(), name=name)(x)
    if x.shape[1] != output:
        x = ops.image.resize(x, (output, output), interpolation="bilinear")
    return keras.Model(inputs, x, name="mask_head")
