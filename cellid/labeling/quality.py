"""How sure a labelled object is a nucleus."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cellid.labeling.enhancement import WorkingImage
from cellid.labeling.outline import Outlines
from cellid.labeling.shape import Floats, find_cut, measure_ellipticity, measure_length, sum_moments

# The shape counts less than in the choice among components: a bent nucleus is a nucleus.
_SHAPE_SPREAD = 0.12
_SMALL = 0.5  # of the typical area: below, the score falls in proportion
_LONG = 3.0  # diameters: beyond, the score falls with the square, for fibres are long

# Contrasts at which the score is halved: against the typical nucleus of the image, against
# the surroundings (a nucleus stands out of its cytoplasm) and against noise.
_TYPICAL, _SURROUNDINGS, _NOISE = 0.2, 1.0, 12.0
_SPREAD_GLOW = 0.4  # of what the background has above the darkest place of the image


@dataclass(frozen=True)
class ObjectQuality:
    """What was measured of every object, in the order of their labels.

    Attributes
    ----------
    score : (N,) float64
        0 to 1: how much the object looks like a nucleus of this image.
    contrast : (N,) float64
        Grey levels above the surroundings.
    contrast_to_noise : (N,) float64
    ellipticity : (N,) float64
        1 for an ellipse.
    touches_border : (N,) bool
        The object is cut by the border of the image.
    """

    score: Floats
    contrast: Floats
    contrast_to_noise: Floats
    ellipticity: Floats
    touches_border: NDArray[np.bool_]

    def select(self, rows: NDArray[np.int64]) -> "ObjectQuality":
        """Take the rows of some objects, in the order given."""
        return ObjectQuality(**{name: value[rows] for name, value in vars(self).items()})


def judge(found: Outlines, work: WorkingImage) -> ObjectQuality:
    """Judge every object.

    Parameters
    ----------
    found : Outlines
    work : WorkingImage

    Returns
    -------
    ObjectQuality
    """
    n = found.threshold.size
    moments = sum_moments(found.objects.ravel(), found.objects.shape[1], n)
    cut = find_cut(found.objects, n)[1:]
    ellipticity = measure_ellipticity(moments)[1:]
    area = moments[1:, 0]
    contrast = (found.inside - found.outside)[1:]
    typical = np.pi * work.diameter_px**2 / 4
    size = np.minimum(area / (_SMALL * typical), 1)
    size = np.where(cut, np.sqrt(size), size)
    size = size * np.minimum(_LONG * work.diameter_px / measure_length(moments)[1:], 1) ** 2
    shape = np.exp(-((np.maximum(1 - ellipticity, 0) / _SHAPE_SPREAD) ** 2)) * size
    glow = np.maximum(found.outside[1:], 0)
    # Of light that spreads further, a share: bumps on a glow are rarely nuclei.
    pixels = np.flatnonzero(found.objects > 0)
    below = np.bincount(found.objects.ravel()[pixels], work.background.ravel()[pixels], n)[1:]
    glow += _SPREAD_GLOW * np.maximum(below / area - work.background.min(), 0)
    common = _TYPICAL * weighted_median(contrast, shape) + _NOISE * work.noise
    doubt = common + _SURROUNDINGS * glow
    score = shape * contrast / (contrast + doubt)
    noise = max(work.noise, float(np.finfo(np.float32).tiny))
    return ObjectQuality(score, contrast, contrast / noise, ellipticity, cut)


def weighted_median(values: Floats, weights: Floats) -> float:
    """Find the value that half of the weight lies below.

    Parameters
    ----------
    values, weights : (N,) float64

    Returns
    -------
    float
        0 without values.
    """
    if values.size == 0:
        return 0.0
    order = np.argsort(values, kind="stable")
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
