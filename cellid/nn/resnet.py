"""ResNet-18 and ResNet-50 without their head, in torchvision's arithmetic."""

from collections.abc import Callable
from typing import Literal

import keras
from keras import KerasTensor, layers

Variant = Literal["resnet18", "resnet50"]

STAGES = ("layer1", "layer2", "layer3", "layer4")

# PyTorch's own; a momentum of 0.1 there is 0.9 in Keras, which counts what is kept.
_EPSILON = 1e-5
_MOMENTUM = 0.9

_STEM_FILTERS = 64
_BOTTLENECK_EXPANSION = 4


def resnet_stages(inputs: KerasTensor, variant: Variant) -> list[KerasTensor]:
    """Return what the four stages of a ResNet make of an image.

    He et al., "Deep residual learning for image recognition", CVPR 2016, as torchvision
    builds it: in bottlenecks the 3×3 convolution has the stride ("v1.5"), and every padding is
    symmetric, so that weights trained there give the same features here. Layers are
    named as torchvision's parameters, with ``_`` for ``.``; the last activation of each
    stage bears the name in `STAGES`.

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
        Any number of channels; Y and X may be unknown.
    variant : {"resnet18", "resnet50"}

    Returns
    -------
    list of KerasTensor
        C2 to C5, of strides 4, 8, 16 and 32: (B, ⌈Y/4⌉, ⌈X/4⌉, 64) to (B, ⌈Y/32⌉, ⌈X/32⌉, 512)
        for ResNet-18, and four times the channels for ResNet-50.
    """
    block, depths = _VARIANTS[variant]
    x = _convolution(inputs, _STEM_FILTERS, 7, 2, "conv1")
    x = _relu(_norm(x, "bn1"), "relu")
    # Zeros do for -inf here: nothing after a ReLU is less.
    x = layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    features = []
    for i, (stage, depth) in enumerate(zip(STAGES, depths, strict=True)):
        for j in range(depth):
            stride = 2 if i > 0 and j == 0 else 1
            name = f"{stage}_{j}"
            x = _shortcut_sum(x, block(x, _STEM_FILTERS * 2**i, stride, name), stride, name)
            x = _relu(x, stage if j == depth - 1 else f"{name}_relu")
        features.append(x)
    return features


def freeze(model: keras.Model, parts: int) -> None:
    """Hold the first parts of a model's ResNet as they are, and train the others.

    Batch norm in a held part runs on its stored statistics. A compiled model must be
    compiled anew for this to count.

    Parameters
    ----------
    model : keras.Model
        With the layers of `resnet_stages`.
    parts : int
        How many of the stem and the four stages are held, from the stem on: 0 to 5.
    """
    for i, part in enumerate(backbone_parts(model)):
        for layer in part:
            layer.trainable = i >= parts


def set_norm_momentum(model: keras.Model, momentum: float) -> None:
    """Set what share of the old the running statistics of a model's ResNet keep in a step.

    Parameters
    ----------
    model : keras.Model
        With the layers of `resnet_stages`; it must not have run yet.
    momentum : float in [0, 1)
    """
    for part in backbone_parts(model):
        for layer in part:
            if isinstance(layer, layers.BatchNormalization):
                layer.momentum = momentum


def backbone_parts(model: keras.Model) -> list[list[keras.Layer]]:
    """Return the convolutions and batch norms of a model's ResNet: of its stem, and stage by stage.

    Parameters
    ----------
    model : keras.Model
        With the layers of `resnet_stages`.

    Returns
    -------
    list of list of keras.Layer
        Five lists.
    """
    prefixes = (("conv1", "bn1"), *((f"{stage}_",) for stage in STAGES))
    kinds = (layers.Conv2D, layers.BatchNormalization)
    return [
        [x for x in model.layers if isinstance(x, kinds) and x.name.startswith(prefix)]
        for prefix in prefixes
    ]


def _basic_block(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    """Two 3×3 convolutions, the first with the stride."""
    x = _norm(_convolution(x, filters, 3, stride, f"{name}_conv1"), f"{name}_bn1")
    x = _relu(x, f"{name}_relu1")
    return _norm(_convolution(x, filters, 3, 1, f"{name}_conv2"), f"{name}_bn2")


def _bottleneck(x: KerasTensor, filters: int, stride: int, name: str) -> KerasTensor:
    """Reduce by 1×1, convolve 3×3 with the stride, expand by 1×1."""
    x = _norm(_convolution(x, filters, 1, 1, f"{name}_conv1"), f"{name}_bn1")
    x = _relu(x, f"{name}_relu1")
    x = _norm(_convolution(x, filters, 3, stride, f"{name}_conv2"), f"{name}_bn2")
    x = _relu(x, f"{name}_relu2")
    expanded = filters * _BOTTLENECK_EXPANSION
    return _norm(_convolution(x, expanded, 1, 1, f"{name}_conv3"), f"{name}_bn3")


def _shortcut_sum(
    inputs: KerasTensor, residual: KerasTensor, stride: int, name: str
) -> KerasTensor:
    """Add a block's input to what it made of it, projected where their shapes differ."""
    if stride > 1 or inputs.shape[-1] != residual.shape[-1]:
        inputs = _convolution(inputs, residual.shape[-1], 1, stride, f"{name}_downsample_0")
        inputs = _norm(inputs, f"{name}_downsample_1")
    return layers.Add(name=f"{name}_add")([residual, inputs])


def _convolution(x: KerasTensor, filters: int, size: int, stride: int, name: str) -> KerasTensor:
    """Convolve without bias after padding both ends alike, which "same" does not with a stride."""
    if stride > 1 and size > 1:
        x = layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        size,
        strides=stride,
        padding="same" if stride == 1 else "valid",
        use_bias=False,
        # He et al., ICCV 2015, by fan-out; one a layer, for an initializer repeats its draw
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)


def _norm(x: KerasTensor, name: str) -> KerasTensor:
    return layers.BatchNormalization(momentum=_MOMENTUM, epsilon=_EPSILON, name=name)(x)


def _relu(x: KerasTensor, name: str) -> KerasTensor:
    return layers.Activation("relu", name=name)(x)


_Block = Callable[[KerasTensor, int, int, str], KerasTensor]

_VARIANTS: dict[Variant, tuple[_Block, tuple[int, int, int, int]]] = {
    "resnet18": (_basic_block, (2, 2, 2, 2)),
    "resnet50": (_bottleneck, (3, 4, 6, 3)),
}
