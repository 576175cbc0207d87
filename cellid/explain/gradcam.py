"""Grad-CAM and Grad-CAM++: which places of an image raise a classifier's score.

The score is the one before the sigmoid, as Selvaraju et al. take it ("y^c, before the softmax").
The gradient of the probability p is p (1 - p) times that, the same picture after scaling, but
all 0 where a sure network's p rounds to 1.
"""

from dataclasses import dataclass

import keras
import numpy as np
from numpy.typing import NDArray

from cellid.config import ExplainSettings
from cellid.explain.gradients import score_gradient
from cellid.types import Mask

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Explained:
    """What a classifier made of a batch, and where it looked.

    Attributes
    ----------
    probability : (B,) float32
    vector : (B, K) float32
        What the last layer takes.
    heat : (B, H, W) float32, not negative
        How much each place of the layer's map raises the score, for `spread_heat`. Images
        compare: with Grad-CAM on the last stage it is what the place adds to the score.
    stride_px : int
        Pixels from one place of the map to the next.
    """

    probability: Floats
    vector: Floats
    heat: Floats
    stride_px: int


class Explainer:
    """A classifier taken apart at one stage of its ResNet.

    Parameters
    ----------
    model : keras.Model
        Functional, of one image input and one probability, (B, 1), from a dense layer with a
        sigmoid.
    settings : ExplainSettings
        Everything must pass through its ``layer``.
    """

    def __init__(self, model: keras.Model, settings: ExplainSettings) -> None:
        activations = model.get_layer(settings.layer).output
        self._model = keras.Model(model.input, [activations, model.layers[-1].input, model.output])
        self._head = keras.Model(activations, _score_before_sigmoid(model))
        self._weigh = _METHODS[settings.method]

    def explain(self, images: Floats) -> Explained:
        """Explain images, (B, Y, X, C) float32 as the classifier takes them."""
        maps, vector, probability = self._model(images, training=False)
        gradient = score_gradient(self._head, maps)
        activations, vector, probability = map(
            keras.ops.convert_to_numpy, (maps, vector, probability)
        )
        weights = self._weigh(activations, gradient)
        heat = np.maximum(np.einsum("bk,bijk->bij", weights, activations), 0)
        stride_px = find_stride(images.shape[1], heat.shape[1])
        return Explained(np.array(probability[:, 0]), np.array(vector), heat, stride_px)


def weigh_channels(activations: Floats, gradient: Floats) -> Floats:
    """Return the weight of each channel: the mean of its gradient.

    Selvaraju et al., "Grad-CAM", ICCV 2017, equation 1.

    Parameters
    ----------
    activations, gradient : (B, H, W, K) float32

    Returns
    -------
    (B, K) float32
    """
    del activations
    return gradient.mean(axis=(1, 2))


def weigh_channels_twice(activations: Floats, gradient: Floats) -> Floats:
    """Return the weight of each channel: the mean of its positive gradients, weighted by place.

    Chattopadhay et al., "Grad-CAM++", WACV 2018, equations 19 and 10: with the exponential of
    the score as the score, its derivatives are powers of the gradient. The common factor, the
    exponential itself, is left out.

    Parameters
    ----------
    activations, gradient : (B, H, W, K) float32

    Returns
    -------
    (B, K) float32
    """
    total = activations.sum(axis=(1, 2), keepdims=True)
    below = 2 * gradient**2 + total * gradient**3
    # Where the gradient is 0 nothing is weighed
    share = np.divide(gradient**2, below, out=np.zeros_like(below), where=below != 0)
    return (share * np.maximum(gradient, 0)).sum(axis=(1, 2))


def find_stride(length_px: int, n_places: int) -> int:
    """Return the stride of a map: the least power of two by which a length has so few places."""
    stride_px = 1
    while -(-length_px // stride_px) > n_places:
        stride_px *= 2
    return stride_px


def spread_heat(heat: Floats, stride_px: int, shape: tuple[int, int]) -> Floats:
    """Bring heat to the size of the image, bilinear between the places of the map.

    Place (i, j) of a ResNet's map is centred at pixel (i, j) times the stride, as every padding
    is symmetric and every window but the first's odd; enlarging the map as a picture, as is
    often done, shifts the heat by half a stride.

    Parameters
    ----------
    heat : (B, H, W) float32
    stride_px : int
        Pixels a place of the map.
    shape : tuple of int
        Height and width of the images.

    Returns
    -------
    (B, Y, X) float32
        Beyond the last place it stays as there.
    """
    rows, columns = (_hats(length, stride_px) for length in shape)
    return rows @ heat @ columns.T


def coarsen_mask(mask: Mask, stride_px: int) -> Floats:
    """Return a mask as coarse as heat is: its means about the places of a map, spread again.

    Parameters
    ----------
    mask : (Y, X) bool
    stride_px : int
        Pixels a place of the map.

    Returns
    -------
    (Y, X) float32 in [0, 1]
    """
    rows, columns = (_hats(length, stride_px) for length in mask.shape)
    means = (rows / rows.sum(axis=0)).T @ mask @ (columns / columns.sum(axis=0))
    return rows @ means @ columns.T


def _hats(length: int, stride_px: int) -> Floats:
    """Return the share of each place of a map in each pixel, (length, number of places)."""
    n_places = -(-length // stride_px)
    at = np.minimum(np.arange(length) / stride_px, n_places - 1)
    return np.maximum(1 - np.abs(at[:, None] - np.arange(n_places)), 0).astype(np.float32)


def _score_before_sigmoid(model: keras.Model) -> keras.KerasTensor:
    """Return the score of the model's last layer without its sigmoid."""
    last = model.layers[-1]
    linear = keras.layers.Dense(last.units)
    score = linear(last.input)
    linear.set_weights(last.get_weights())
    return score


_METHODS = {"gradcam": weigh_channels, "gradcam++": weigh_channels_twice}
