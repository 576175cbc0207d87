"""The U-Net of the thesis (sections 2.9 and 5.3.1)."""

from functools import partial

import keras
from keras import layers

from cellid.config import NetworkSettings
from cellid.nn.blocks import double_convolution, logistic_head, up_convolution


def build_unet(settings: NetworkSettings) -> keras.Model:
    """Return an untrained U-Net.

    Two 3×3 convolutions a level, ``filters`` kernels on the first level and twice as many
    after each 2×2 max pooling; transposed convolutions and concatenation on the way up; a
    1×1 convolution with a sigmoid on top. With 64 kernels and four poolings it has
    31.06 million weights, 31.04 million of them trainable.

    Parameters
    ----------
    settings : NetworkSettings
        Size, depth, dropout and input channels.

    Returns
    -------
    keras.Model
        ``(B, Y, X, C)`` float32 to ``(B, Y, X, 1)`` float32 probability; Y and X multiples
        of ``2^depth``.
    """
    inputs = keras.Input((None, None, settings.input_channels), name="image")
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
    return keras.Model(inputs, logistic_head(x, "probability"), name="unet")


def reach_px(settings: NetworkSettings) -> int:
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
