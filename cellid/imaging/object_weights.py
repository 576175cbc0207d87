"""Weights that make a loss over pixels count objects: small ones, and those that touch."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, find_objects

from cellid.types import Labels

_MOST = 10.0  # of a single object's pixels: specks of a few pixels must not rule the loss
_GAP_WIDTH = 0.2  # σ in nucleus diameters: U-Net's 5 px on cells about 25 px wide
_REACH = 3.0  # σ beyond which a gap's weight is below 1.2 % of its peak


def weigh_objects(
    labels: Labels, nucleus_diameter_px: float, balance: float, gap_weight: float
) -> NDArray[np.float32]:
    r"""Return the weight of every pixel in the loss.

    .. math::
        w = \left(A / A_i\right)^b \text{ in nucleus } i, \quad
        w = 1 + w_0 \exp\left(-(d_1 + d_2)^2 / 2\sigma^2\right) \text{ between nuclei}

    where :math:`A_i` is the area of nucleus :math:`i`, :math:`A` that of a disk of the typical
    diameter, and :math:`d_1, d_2` are the distances to the nearest two nuclei. With
    :math:`b = 1` every nucleus counts alike, however large (at most 10 times a pixel's
    weight). The second term is that of Ronneberger et al., "U-Net", MICCAI 2015, eq. 2
    (there :math:`w_0 = 10`, :math:`\sigma = 5` px); where two nuclei touch, it lies on the
    pixels of their common edge.

    Parameters
    ----------
    labels : (Y, X) int32
    nucleus_diameter_px : float
        Typical diameter.
    balance : float
        Exponent b in [0, 1].
    gap_weight : float
        Height w₀ of the weight between nuclei.

    Returns
    -------
    (Y, X) float32
    """
    areas = np.bincount(labels.ravel()).astype(np.float64)
    typical = np.pi * nucleus_diameter_px**2 / 4
    factors = np.minimum((typical / np.maximum(areas, 1)) ** balance, _MOST)
    factors[0] = 1
    weights = factors[labels]
    if gap_weight:
        sigma_px = _GAP_WIDTH * nucleus_diameter_px
        weights += gap_weight * np.exp(-0.5 * (_two_nearest_px(labels, sigma_px) / sigma_px) ** 2)
    return weights.astype(np.float32)


def _two_nearest_px(labels: Labels, sigma_px: float) -> NDArray[np.float64]:
    """Return the summed distances to the nearest two nuclei, infinite beyond the gap's reach.

    A pixel of a nucleus is at 0 from it, and so only near where another touches it.
    """
    margin = int(np.ceil(_REACH * sigma_px))
    nearest = np.full(labels.shape, np.inf)
    second = nearest.copy()
    for number, box in enumerate(find_objects(labels), start=1):
        if box is None:
            continue
        window = tuple(slice(max(0, part.start - margin), part.stop + margin) for part in box)
        distance = distance_transform_edt(labels[window] != number)
        second[window] = np.minimum(second[window], np.maximum(nearest[window], distance))
        nearest[window] = np.minimum(nearest[window], distance)
    return np.asarray(nearest + second)
