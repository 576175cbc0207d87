"""The U-Net of the thesis (sections 2.9 and 5.3.1)."""

from functools import partial

from keras import KerasTensor, layers

from cellid.config import NetworkSettings
from cellid.nn.blocks import double_convolution, up_convolution


def unet_features(inputs: KerasTensor, settings: NetworkSettings) -> KerasTensor:
    """Return what a U-Net makes of an image, before its head.

    Two 3×3 convolutions a level, ``filters`` kernels on the first level and twice as many
    after each 2×2 max pooling; transposed convolutions and concatenation on the way up.
    With 64 kernels, four poolings and a 1×1 convolution as its head it has 31.06 million
    weights, 31.04 million of them trainable.

    Parameters
    ----------
    inputs : (B, Y, X, C) KerasTensor
        Y and X multiples of ``2^depth``.
    settings : NetworkSettings
        Size, depth and dropout.

    Returns
    -------
    (B, Y, X, filters) KerasTensor
    """
    convolve = partial(
        double_convolution, dropout=settings.dropout, momentum=settings.norm_momentum
    )
    x, skips = inputs, []
    for level in range(settings.depth):
        width = settings.filters * 2**level
        x = convolve(x, width, name=f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
    x = convolve(x, settings.filters * 2**settings.depth, name=f"level{settings.depth}")
    for level in reversed(range(settings.depth)):
        width = settings.filters * 2**level
        x = up_convolution(x, width, f"up{level}_transpose")
        x = layers.Concatenate(name=f"up{level}_concat")([skips[level], x])
        x = convolve(x, width, name=f"up{level}")
    return x


def unet_reach_px(settings: NetworkSettings) -> int:
    """Return a bound of how far away a pixel can still change the output at another, pixels.

    Each of the two 3×3 convolutions of level ``l`` reaches ``2^l`` pixels of the input, on
    the way down and up; the 2×2 poolings and transposed convolutions together less than
    ``2^depth``.

    Parameters
    ----------
    settings : NetworkSettings
    """
    step = 2**settings.depth
    return 4 * (step - 1) + 2 * step + (step - 1)
