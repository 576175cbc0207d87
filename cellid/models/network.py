"""The networks that a recipe can name, built and measured."""

from collections.abc import Callable

import keras
from keras import KerasTensor

from cellid.config import NetworkSettings
from cellid.models.c_resunet import c_resunet_features, c_resunet_reach_px
from cellid.models.unet import unet_features, unet_reach_px
from cellid.nn.blocks import logistic_head

_FEATURES: dict[str, Callable[[KerasTensor, NetworkSettings], KerasTensor]] = {
    "unet": unet_features,
    "c-resunet": c_resunet_features,
}
_REACH_PX: dict[str, Callable[[NetworkSettings], int]] = {
    "unet": unet_reach_px,
    "c-resunet": c_resunet_reach_px,
}


def build_network(settings: NetworkSettings, n_channels: int) -> keras.Model:
    """Return the untrained network of ``settings.architecture``.

    Parameters
    ----------
    settings : NetworkSettings
    n_channels : int
        Of the images: 1 for grey, 3 for colour.

    Returns
    -------
    keras.Model
        ``(B, Y, X, C)`` float32 to ``(B, Y, X, 1)`` float32 probability; Y and X multiples
        of `alignment_px`. With more than one head, to one such array each, by the names of
        `heads`.
    """
    inputs = keras.Input((None, None, n_channels), name="image")
    features = _FEATURES[settings.architecture](inputs, settings)
    outputs = {head: logistic_head(features, head) for head in heads(settings)}
    one = len(outputs) == 1
    return keras.Model(
        inputs, outputs["probability"] if one else outputs, name=settings.architecture
    )


def heads(settings: NetworkSettings) -> tuple[str, ...]:
    """Return the names of what the network answers, in order."""
    return ("probability", "distance") if settings.distance_head else ("probability",)


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
    step = alignment_px(settings)
    return -(-_REACH_PX[settings.architecture](settings) // step) * step
