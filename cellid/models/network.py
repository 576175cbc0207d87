"""The networks that a recipe can name, built and measured."""

from collections.abc import Callable

import keras

from cellid.config import NetworkSettings
from cellid.models import unet

_ARCHITECTURES: dict[
    str, tuple[Callable[[NetworkSettings], keras.Model], Callable[[NetworkSettings], int]]
] = {
    "unet": (unet.build_unet, unet.reach_px),
}
"""How each is built, and how far it sees."""


def build_network(settings: NetworkSettings) -> keras.Model:
    """Return the untrained network of ``settings.architecture``.

    Parameters
    ----------
    settings : NetworkSettings

    Returns
    -------
    keras.Model
        ``(B, Y, X, C)`` float32 to ``(B, Y, X, 1)`` float32 probability; Y and X multiples
        of `alignment_px`.
    """
    build, _ = _ARCHITECTURES[settings.architecture]
    return build(settings)


def alignment_px(settings: NetworkSettings) -> int:
    """Return the number that height and width must be multiples of: one pixel of the lowest level.

    Parameters
    ----------
    settings : NetworkSettings

    Returns
    -------
    int
        Pixels.
    """
    return 2**settings.depth


def receptive_radius_px(settings: NetworkSettings) -> int:
    """Return how far away a pixel can still change the output at another.

    A tile with this margin gives the same output as the whole image.

    Parameters
    ----------
    settings : NetworkSettings

    Returns
    -------
    int
        Pixels, rounded up to a multiple of `alignment_px`.
    """
    _, reach_px = _ARCHITECTURES[settings.architecture]
    step = alignment_px(settings)
    return -(-reach_px(settings) // step) * step
