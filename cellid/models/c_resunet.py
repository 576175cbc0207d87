"""The c-ResUnet of Morelli et al., Scientific Reports 11, 22920 (2021)."""

from functools import partial

from keras import KerasTensor, layers

from cellid.config import NetworkSettings
from cellid.nn.blocks import preactivated_convolutions, residual_block, up_convolution


def c_resunet_features(inputs: KerasTensor, settings: NetworkSettings) -> KerasTensor:
    """Return what a c-ResUnet makes of an image, before its head.

    A 1×1 convolution mixes colours to one channel; grey images have none, as the batch norm
    behind it would undo it. Two 3×3 convolutions a level, ``filters`` kernels on the first
    and twice as many after each 2×2 max pooling, are residual blocks from the second level
    on; the lowest level has two residual blocks of 5×5 convolutions. On the way up, a
    transposed convolution is concatenated with the level's features of the way down (long
    connection), and added to what two convolutions make of both (short connection). With 16
    kernels, three poolings and a 1×1 convolution as its head it has 1.71 million weights.

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
    block = partial(residual_block, dropout=settings.dropout, momentum=settings.norm_momentum)
    convolve = partial(
        preactivated_convolutions, dropout=settings.dropout, momentum=settings.norm_momentum
    )
    x, skips = inputs, []
    if inputs.shape[-1] > 1:
        x = layers.Conv2D(1, 1, kernel_initializer="he_normal", name="colour_conv")(x)
    for level in range(settings.depth):
        width = settings.filters * 2**level
        x = (block if level else convolve)(x, width, kernel_px=3, name=f"down{level}")
        skips.append(x)
        x = layers.MaxPooling2D(2, name=f"down{level}_pool")(x)
    for name in ("bottleneck1", "bottleneck2"):
        x = block(x, settings.filters * 2**settings.depth, kernel_px=5, name=name)
    for level in reversed(range(settings.depth)):
        width = settings.filters * 2**level
        short = up_convolution(x, width, f"up{level}_transpose")
        x = layers.Concatenate(name=f"up{level}_concat")([skips[level], short])
        x = convolve(x, width, kernel_px=3, name=f"up{level}")
        x = layers.Add(name=f"up{level}_add")([x, short])
    return x


def c_resunet_reach_px(settings: NetworkSettings) -> int:
    """Return a bound of how far away a pixel can still change the output at another, pixels.

    As `unet_reach_px`, with four 5×5 convolutions on the lowest level.

    Parameters
    ----------
    settings : NetworkSettings
    """
    step = 2**settings.depth
    return 4 * (step - 1) + 8 * step + (step - 1)
