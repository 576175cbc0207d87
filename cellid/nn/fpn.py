"""The feature pyramid network: one kind of features at every scale."""

from collections.abc import Sequence
from typing import Literal

import keras
from keras import KerasTensor, layers, ops

Top = Literal["p5", "c5", "pool"]

_COARSEST_STAGE = 5


def feature_pyramid(
    stages: Sequence[KerasTensor], levels: Sequence[int], filters: int, top: Top
) -> list[KerasTensor]:
    """Return the levels of a feature pyramid over the stages of a backbone.

    Lin et al., "Feature pyramid networks for object detection", CVPR 2017, in torchvision's
    arithmetic; layers are named as its parameters, with ``_`` for ``.``.

    Parameters
    ----------
    stages : sequence of (B, Y, X, C) KerasTensor
        C2 to C5, as from `resnet_stages`.
    levels : sequence of int
        Consecutive levels from 2 to 7, finest first.
    filters : int
        Channels of every level.
    top : {"p5", "c5", "pool"}
        Levels above the fifth: convolutions with stride 2, of P5 (torchvision's
        ``retinanet_resnet50_fpn``) or of C5 (Lin et al., "Focal loss", ICCV 2017); or every
        other place of the level below (Mask R-CNN).

    Returns
    -------
    list of (B, ⌈Y / 2^l⌉, ⌈X / 2^l⌉, filters) KerasTensor
        One a level.
    """
    stages = stages[levels[0] - 2 :]
    pyramid: list[KerasTensor] = []
    above = None
    for i in reversed(range(len(stages))):
        x = _convolution(filters, 1, f"fpn_inner_blocks_{i}_0")(stages[i])
        if above is not None:
            x = layers.Add(name=f"fpn_add_{i}")([x, _UpsampleTo(name=f"fpn_up_{i}")(above, x)])
        above = x
        if levels[0] + i in levels:
            pyramid.insert(0, _convolution(filters, 3, f"fpn_layer_blocks_{i}_0")(x))
    x = stages[-1] if top == "c5" else pyramid[-1]
    for level in range(_COARSEST_STAGE + 1, levels[-1] + 1):
        if top == "pool":
            x = layers.MaxPooling2D(1, strides=2, name=f"fpn_pool{level}")(x)
        else:
            if level > _COARSEST_STAGE + 1:
                x = layers.Activation("relu", name=f"fpn_relu{level - 1}")(x)
            x = layers.ZeroPadding2D(1, name=f"fpn_pad{level}")(x)
            x = _convolution(filters, 3, f"fpn_extra_blocks_p{level}", stride=2)(x)
        pyramid.append(x)
    return pyramid


class _UpsampleTo(layers.Layer):
    """Double height and width by the nearest place, and cut to those of a finer level.

    A level has ⌈n/2⌉ places where the finer one has n. There this is PyTorch's ``interpolate``.
    """

    def call(self, coarse: KerasTensor, fine: KerasTensor) -> KerasTensor:
        """Return the coarse features (B, Y, X, C) on the places of the fine ones."""
        doubled = ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2)
        height, width = ops.shape(fine)[1:3]
        return doubled[:, :height, :width]

    def compute_output_shape(self, coarse_shape: tuple, fine_shape: tuple) -> tuple:
        """Return the shape of the fine features with the channels of the coarse ones."""
        return (*fine_shape[:3], coarse_shape[3])


def _convolution(filters: int, size: int, name: str, stride: int = 1) -> layers.Conv2D:
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        # PyTorch's kaiming_uniform_ with a = 1, as torchvision draws them
        kernel_initializer=keras.initializers.VarianceScaling(1.0, "fan_in", "uniform"),
        name=name,
    )
