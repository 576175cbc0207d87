"""Convolution blocks that the segmentation networks are made of."""

import keras
from keras import KerasTensor, layers


def double_convolution(
    inputs: KerasTensor, filters: int, dropout: float, momentum: float, name: str
) -> KerasTensor:
    """Apply two 3×3 convolutions, each with batch norm, ReLU and dropout.

    Ronneberger et al., "U-Net", MICCAI 2015, with zero padding, and with batch norm and
    dropout on every convolution (thesis, section 5.3.1).

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
    filters : int
        Number of kernels of each convolution.
    dropout : float
        Share of activations dropped in training.
    momentum : float
        Share of the old that the running statistics of batch norm keep in a step.
    name : str
        Prefix of the layers' names.

    Returns
    -------
    (B, Y, X, filters) KerasTensor
    """
    x = inputs
    for i in (1, 2):
        x = layers.Conv2D(
            filters, 3, padding="same", kernel_initializer="he_normal", name=f"{name}_conv{i}"
        )(x)
        x = layers.BatchNormalization(momentum=momentum, name=f"{name}_norm{i}")(x)
        x = layers.Activation("relu", name=f"{name}_relu{i}")(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_drop{i}")(x)
    return x


def preactivated_convolutions(
    inputs: KerasTensor, filters: int, kernel_px: int, dropout: float, momentum: float, name: str
) -> KerasTensor:
    """Apply two convolutions, each after batch norm and ELU and before dropout.

    The order of He et al., "Identity mappings in deep residual networks", ECCV 2016.

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
    filters : int
        Number of kernels of each convolution.
    kernel_px : int
        Side of a kernel.
    dropout, momentum, name
        As `double_convolution`.

    Returns
    -------
    (B, Y, X, filters) KerasTensor
    """
    x = inputs
    for i in (1, 2):
        x = layers.BatchNormalization(momentum=momentum, name=f"{name}_norm{i}")(x)
        x = layers.Activation("elu", name=f"{name}_elu{i}")(x)
        x = layers.Conv2D(
            filters,
            kernel_px,
            padding="same",
            kernel_initializer="he_normal",
            name=f"{name}_conv{i}",
        )(x)
        if dropout:
            x = layers.Dropout(dropout, name=f"{name}_drop{i}")(x)
    return x


def residual_block(
    inputs: KerasTensor, filters: int, kernel_px: int, dropout: float, momentum: float, name: str
) -> KerasTensor:
    """Add `preactivated_convolutions` to their input.

    Where they change the number of channels, a 1×1 convolution does so on the identity path.
    Parameters and returned value are those of `preactivated_convolutions`.
    """
    x = preactivated_convolutions(inputs, filters, kernel_px, dropout, momentum, name)
    if inputs.shape[-1] != filters:
        inputs = layers.Conv2D(filters, 1, kernel_initializer="he_normal", name=f"{name}_identity")(
            inputs
        )
    return layers.Add(name=f"{name}_add")([x, inputs])


def up_convolution(inputs: KerasTensor, filters: int, name: str) -> KerasTensor:
    """Double height and width by a 2×2 transposed convolution with stride 2.

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
    filters : int
        Number of kernels.
    name : str
        The layer's name.

    Returns
    -------
    (B, 2Y, 2X, filters) KerasTensor
    """
    return layers.Conv2DTranspose(filters, 2, strides=2, kernel_initializer="he_normal", name=name)(
        inputs
    )


def logistic_head(inputs: KerasTensor, name: str) -> KerasTensor:
    """Turn features into a probability by a 1×1 convolution and a sigmoid, in float32.

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
    name : str
        The layer's name.

    Returns
    -------
    (B, Y, X, 1) float32 KerasTensor
    """
    logits = layers.Conv2D(1, 1, kernel_initializer="glorot_uniform", name=f"{name}_conv")(inputs)
    # float32 also under mixed precision: a loss of small probabilities needs the digits
    return keras.layers.Activation("sigmoid", dtype="float32", name=name)(logits)
