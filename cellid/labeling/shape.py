"""How much a set of pixels looks like one nucleus: its moments, its shape and its size."""

import numpy as np
from numpy.typing import NDArray

from cellid.types import Labels

Floats = NDArray[np.float64]

# Two touching discs have an ellipticity of 0.89 and single nuclei 0.97 and more, so that
# this spread leaves a pair a twentieth of the score of a nucleus.
_SHAPE_SPREAD = 0.06
# Natural logarithm of the area: half or twice the typical area still scores three quarters,
# since the nuclei of one field differ that much (cell cycle, polyploidy).
_SIZE_SPREAD = 0.9


def sum_moments(groups: NDArray[np.integer], width: int, n_groups: int) -> Floats:
    """Sum the moments of groups of pixels.

    Parameters
    ----------
    groups : flat array of integers
        The group of every pixel of an image in C order; group 0 is summed too.
    width : int
        Width of the image, pixels.
    n_groups : int
        Number of groups, group 0 among them.

    Returns
    -------
    (n_groups, 6) float64
        Sums of 1, y, x, y², x², xy. Sums of disjoint groups add up to those of their union.
    """
    pixels = np.flatnonzero(groups > 0)
    group = groups[pixels].astype(np.int64)
    rows, columns = np.divmod(pixels, width)
    y, x = rows.astype(np.float64), columns.astype(np.float64)
    weights = (None, y, x, y * y, x * x, x * y)
    return np.stack([np.bincount(group, w, n_groups) for w in weights], axis=1).astype(np.float64)


def measure_ellipticity(moments: Floats) -> Floats:
    """Compare the area of each group with that of the ellipse of the same moments.

    ``A / (4 π √det C)`` with the covariance ``C`` of the pixel coordinates, the second
    affine moment invariant of Flusser and Suk (Pattern Recognition 26, 1993, p. 167)
    scaled to 1 for an ellipse of any elongation; less for every other shape.

    Parameters
    ----------
    moments : (..., 6) float64
        As `sum_moments` gives them.

    Returns
    -------
    (...) float64
        0 for a group without pixels.
    """
    yy, xx, xy = _measure_covariance(moments)
    determinant = np.maximum(yy * xx - xy * xy, 1 / 144)
    return np.asarray(moments[..., 0] / (4 * np.pi * np.sqrt(determinant)))


def measure_length(moments: Floats) -> Floats:
    """Measure the major axis of the ellipse that has the moments of each group.

    Parameters
    ----------
    moments : (..., 6) float64
        As `sum_moments` gives them.

    Returns
    -------
    (...) float64
        Pixels; four times the root of the covariance's greater eigenvalue.
    """
    yy, xx, xy = _measure_covariance(moments)
    return np.asarray(4 * np.sqrt((yy + xx) / 2 + np.hypot((yy - xx) / 2, xy)))


def _measure_covariance(moments: Floats) -> tuple[Floats, Floats, Floats]:
    area = np.maximum(moments[..., 0], 1)
    y, x = moments[..., 1] / area, moments[..., 2] / area
    # A pixel is a square, not a point: 1/12 is its own variance.
    yy = moments[..., 3] / area - y * y + 1 / 12
    xx = moments[..., 4] / area - x * x + 1 / 12
    return yy, xx, moments[..., 5] / area - x * y


def score_likeness(moments: Floats, nucleus_area_px: float, cut: NDArray[np.bool_]) -> Floats:
    """Score how much each group looks like one nucleus.

    Parameters
    ----------
    moments : (..., 6) float64
        As `sum_moments` gives them.
    nucleus_area_px : float
        Area of a typical nucleus, pixels.
    cut : (...) bool
        Groups that touch the border of the image, which shows an unknown part of them:
        being small counts half against these.

    Returns
    -------
    (...) float64, 0 to 1
    """
    miss = np.maximum(1 - measure_ellipticity(moments), 0) / _SHAPE_SPREAD
    size = np.log(np.maximum(moments[..., 0], 0.1) / nucleus_area_px)
    size = np.where(cut & (size < 0), size / 2, size) / _SIZE_SPREAD
    return np.asarray(np.exp(-(miss**2) - size**2 / 2))


def find_cut(labels: Labels, n_labels: int) -> NDArray[np.bool_]:
    """Tell which labels touch the border of the image.

    Parameters
    ----------
    labels : (Y, X) int32
    n_labels : int
        Number of labels, background among them.

    Returns
    -------
    (n_labels,) bool
    """
    cut = np.zeros(n_labels, np.bool_)
    for edge in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        cut[edge] = True
    return cut
