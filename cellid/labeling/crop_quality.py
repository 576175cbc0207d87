"""How far the labels of a crop can be trusted: a row an object, and what they say of the crop."""

import math

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.labeling.scale import measure_noise
from cellid.labeling.shape import Floats, find_cut
from cellid.types import Frame, Labels

# Lengths in nucleus diameters. An outline is finer than its gap to the surroundings, for
# the blurred rim of a nucleus is neither nucleus nor surroundings.
_EDGE, _GAP, _SURROUNDINGS = 0.1, 0.15, 2.0
_LEAST_EDGE_PX = 1.0  # differences between pixels show nothing finer
_SPOT = 0.5  # slope of a Gaussian spot's outline, as a share of a step's
_LEAST_NOISE = 1e-4  # of the range of grey levels; no camera has less
# Contrast to noise of 5: what an eye needs to be sure (Rose, J. Opt. Soc. Am. 38, 1948, p. 196)
_SURE = 5.0
_NORMAL = 1.4826  # standard deviation of a normal distribution over its median deviation
_FEW = 3  # areas: fewer have no spread worth the name


def measure_objects(
    labels: Labels, stain: NDArray[np.generic] | None, scores: Floats | None
) -> pd.DataFrame:
    """Measure every object of a crop.

    Parameters
    ----------
    labels : (Y, X) int32
        Of the crop; numbers may be missing.
    stain : (Y, X) array or None
        None where there is none, as with labels that were given.
    scores : (N,) float64 or None
        `ObjectQuality.score` of the labels 1 to N; None where nothing judged them.

    Returns
    -------
    DataFrame
        A row an object, by ``label``; NaN is what could not be measured.

        - ``y``, ``x``, ``area_px``: centre in the crop, and area;
        - ``score``: how much it looks like a nucleus, 0 to 1;
        - ``focus``: how steep its outline is, 0 to 1, 1 for a step;
        - ``contrast_to_noise``: its mean above its surroundings, in standard deviations of
          the noise;
        - ``saturated_share``: share of its pixels in which the camera was at its limit;
        - ``touches_border``: the border of the crop cuts it.
    """
    width = labels.shape[1]
    pixels = np.flatnonzero(labels)
    numbers, of = np.unique(labels.ravel()[pixels], return_inverse=True)
    y, x = np.divmod(pixels, width)
    area = np.bincount(of)
    objects = np.zeros(labels.shape, np.int32)
    objects.ravel()[pixels] = of + 1
    table = pd.DataFrame(
        {
            "label": numbers,
            "y": np.bincount(of, y) / area,
            "x": np.bincount(of, x) / area,
            "area_px": area,
            "score": np.nan if scores is None else scores[numbers - 1],
            "focus": np.nan,
            "contrast_to_noise": np.nan,
            "saturated_share": np.nan,
            "touches_border": find_cut(objects, numbers.size + 1)[1:],
        }
    )
    if stain is None or numbers.size == 0:
        return table
    image = np.ascontiguousarray(stain, dtype=np.float32)
    image = image - image.min()
    least = max(_LEAST_NOISE * float(image.max()), float(np.finfo(np.float32).tiny))
    noise = max(measure_noise(image), least)
    diameter = 2 * math.sqrt(np.median(area) / math.pi)
    excess = (image - _find_surroundings(image, objects, diameter)).ravel()[pixels]
    contrast = np.maximum(np.bincount(of, excess) / area, 0)
    table["focus"] = _measure_focus(image, objects, contrast, diameter, noise)
    table["contrast_to_noise"] = contrast / noise
    table["saturated_share"] = np.bincount(of, _find_saturated(image).ravel()[pixels]) / area
    return table


def _find_surroundings(image: Frame, objects: Labels, diameter_px: float) -> Frame:
    """Average what is no object around every pixel, 0 where all of it is."""
    gap = 2 * round(_GAP * diameter_px) + 1
    near = cv2.dilate((objects > 0).view(np.uint8), np.ones((gap, gap), np.uint8))
    free = (near == 0).astype(np.float32)
    box = 2 * round(_SURROUNDINGS * diameter_px / 2) + 1
    share = cv2.blur(free, (box, box))
    # Running sums leave a trace of what has gone by
    return np.asarray(
        np.where(share > 1e-4, cv2.blur(image * free, (box, box)) / np.maximum(share, 1e-4), 0)
    )


def _measure_focus(
    image: Frame, objects: Labels, contrast: Floats, diameter_px: float, noise: float
) -> Floats:
    """Place the slope of every outline between that of a shapeless spot, 0, and a step, 1.

    Measured is the root mean square gradient (Tenengrad: Krotkov, Int. J. Comput. Vis. 1,
    1988, p. 223), less what noise adds, of the image smoothed by a tenth of a nucleus; a
    step of the same contrast would have the greatest, a Gaussian spot as wide has half of
    it. NaN for an object that has no outline against background, or no contrast.
    """
    sigma = max(_EDGE * diameter_px, _LEAST_EDGE_PX)
    smooth = cv2.GaussianBlur(image, (0, 0), sigma)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    mask = (objects > 0).view(np.uint8)
    y, x = np.nonzero((mask - cv2.erode(mask, cross))[1:-1, 1:-1])
    of = objects[1:-1, 1:-1][y, x] - 1
    down = smooth[2:, 1:-1][y, x] - smooth[:-2, 1:-1][y, x]
    right = smooth[1:-1, 2:][y, x] - smooth[1:-1, :-2][y, x]
    square = np.bincount(of, down**2 + right**2, contrast.size)
    n = np.bincount(of, minlength=contrast.size)
    # A Gaussian leaves σ² / (4π s²) of white noise, with correlation exp(-d² / (4 s²)) at
    # distance d, here 2; and of a step, two differences of 2 pixels apart leave erf(1 / √2 s)
    added = noise**2 * (1 - math.exp(-1 / sigma**2)) / (math.pi * sigma**2)
    step = contrast * math.erf(1 / (math.sqrt(2) * sigma))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.sqrt(np.maximum(square / n - added, 0)) / step
    focus = np.clip((slope - _SPOT) / (1 - _SPOT), 0, 1)
    return np.where((n > 0) & (contrast > 0), focus, np.nan)


def _find_saturated(image: Frame) -> NDArray[np.bool_]:
    """Find where grey levels pile up at the greatest, which need not be that of the dtype."""
    greatest = image == image.max()
    others = image[~greatest]
    piled_up = others.size > 0 and greatest.sum() > np.count_nonzero(image == others.max())
    return np.asarray(greatest & piled_up)


def summarise_objects(objects: pd.DataFrame) -> dict[str, float]:
    """Say of a crop what its objects say of it.

    Parameters
    ----------
    objects : DataFrame
        As `measure_objects` gives it.

    Returns
    -------
    dict of str to float
        NaN is what could not be measured.

        - ``mean_score``;
        - ``focus`` and ``contrast_to_noise`` of the median object;
        - ``saturated_share`` of the nucleus pixels;
        - ``border_share``: share of the objects that the border of the crop cuts;
        - ``area_spread``: standard deviation of the logarithm of the areas of the objects
          that are whole, estimated from the median deviation;
        - ``doubt``: see `_doubt`.
    """
    whole = np.log(objects.loc[~objects["touches_border"], "area_px"])
    summary = {
        "mean_score": objects["score"].mean(),
        "focus": objects["focus"].median(),
        "contrast_to_noise": objects["contrast_to_noise"].median(),
        "saturated_share": (objects["saturated_share"] * objects["area_px"]).sum(min_count=1)
        / objects["area_px"].sum(),
        "border_share": objects["touches_border"].mean(),
        "area_spread": _NORMAL * (whole - whole.median()).abs().median()
        if len(whole) >= _FEW
        else math.nan,
    }
    return {**summary, "doubt": _doubt(summary) if len(objects) else 1.0}


def _doubt(summary: dict[str, float]) -> float:
    """Return 1 less the geometric mean of what speaks for the labels, as far as it is known.

    These are the score, the focus, the chance ``c / (c + 5)`` with contrast to noise ``c``,
    and the share of nucleus pixels that is not saturated. One that is zero makes the doubt 1.
    """
    contrast = summary["contrast_to_noise"]
    known = np.array(
        [
            summary["mean_score"],
            summary["focus"],
            contrast / (contrast + _SURE),
            1 - summary["saturated_share"],
        ]
    )
    known = known[~np.isnan(known)]
    return 1 - float(np.prod(known)) ** (1 / known.size) if known.size else math.nan
