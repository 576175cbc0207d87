"""Two measures of a stain image that everything else is expressed in: noise and nucleus size."""

from collections.abc import Iterator

import cv2
import numpy as np

from cellid.labeling.shape import Floats
from cellid.types import Frame

_N_RESPONSES = 2**15
_STEPS = 4  # scales an octave
_GROWTH = 2 ** (1 / _STEPS)  # from one to the next
_LEAST_SIDE_PX = 16  # of the smallest octave
# A share of the contrast of the brightest thousandth, up to which brightness counts in
# proportion and beyond which by its logarithm: few bright nuclei shall not outvote the rest.
_SOFT = 0.25
_LEAST_SIGNAL = 6.0  # standard deviations of noise in a blob's response
# What an image without any blob is taken to hold; nothing will be found in it at any size.
_NO_BLOB_PX = 20.0


def measure_noise(image: Frame) -> float:
    """Measure the standard deviation of the noise, whatever else the image shows.

    The response to Immerkaer's mask (Comput. Vis. Image Und. 64, 1996, p. 300), whose gain
    for white noise is 6, is summed up by its median and by the root mean square of its
    lower four fifths, of which the greater counts: the median of a quantised image, or of
    one with dead corners, can be zero.

    Parameters
    ----------
    image : (Y, X) float32

    Returns
    -------
    float
        Grey levels; 0 for an image too small to tell.
    """
    if min(image.shape) < 5:
        return 0.0
    # So many responses are plenty, and neighbours are correlated anyway.
    step = max(1, int(np.sqrt(image.size / _N_RESPONSES)))
    curved = _take_second_difference(image, step)
    response = np.abs(_take_second_difference(curved.T, step)).ravel()
    half, most = response.size // 2, int(0.8 * response.size)
    response.partition((half, most))
    median = float(response[half]) / 0.6745
    low = response[:most].astype(np.float64)
    # 0.66: root mean square of the lower four fifths of |N(0, 1)|
    return max(median, float(np.sqrt(np.mean(low**2))) / 0.66) / 6


def _take_second_difference(plane: Frame, step: int) -> Frame:
    """Difference three rows, (1, -2, 1), at every ``step``-th row: half of Immerkaer's mask."""
    return np.asarray(plane[:-2:step] - 2 * plane[1:-1:step] + plane[2::step], np.float32)


def estimate_diameter(image: Frame, noise: float) -> float:
    """Estimate the diameter of a nucleus from the extrema of the image's scale space.

    A disc answers a Laplacian of Gaussian most where the standard deviation is its radius
    by the root of two (Lindeberg, Int. J. Comput. Vis. 30, 1998, p. 79). Of all blobs, found
    as extrema in space and scale of differences of Gaussians, the median scale counts, each
    weighted by its squared response and its size, so that texture and specks weigh little.

    Parameters
    ----------
    image : (Y, X) float32
    noise : float
        Standard deviation of the noise, grey levels.

    Returns
    -------
    float
        Pixels, from 5.7 up; 20 for an image in which no blob rises above the noise.
    """
    # Nuclei of under 6 pixels are not what this is for: half the resolution shows the rest.
    half = _halve(image)
    base, middle, top = np.percentile(half[::2, ::2], (5, 50, 99.9))
    contrast = top - middle
    soft = max(_SOFT * contrast, 5 * noise)
    if soft <= 0:
        return _NO_BLOB_PX
    plane = (half - np.float32(base)) * np.float32(1 / soft)
    # arsinh, written so that OpenCV's fast logarithm can be used
    plane = np.asarray(cv2.log(np.abs(plane) + np.sqrt(plane * plane + 1))) * np.sign(plane)
    sigmas, responses = _find_blobs(plane, 2.0, _LEAST_SIGNAL * noise / soft)
    if sigmas.size == 0:
        return _NO_BLOB_PX
    scales, index = np.unique(sigmas, return_inverse=True)
    share = np.cumsum(np.bincount(index, responses**2 * sigmas))
    at = int(np.searchsorted(share, share[-1] / 2))
    before = share[at - 1] if at else 0.0
    # Scales are a quarter of an octave apart; within one, the median is interpolated.
    offset = ((share[-1] / 2 - before) / (share[at] - before) - 0.5) / _STEPS
    return float(2 * np.sqrt(2) * scales[at] * 2**offset)


def _find_blobs(plane: Frame, step_px: float, noise_level: float) -> tuple[Floats, Floats]:
    """Find the extrema of the scale space; give their scales and responses."""
    sigmas, responses = [np.zeros(0)], [np.zeros(0)]
    square = np.ones((3, 3), np.uint8)
    while min(plane.shape) >= _LEAST_SIDE_PX:
        base = np.asarray(cv2.GaussianBlur(plane, (0, 0), 1.0), np.float32)
        smaller = _halve(base)
        bands = _filter_bands(plane, base)
        below, band = next(bands), next(bands)
        for i, above in enumerate(bands):
            sigma = step_px * _GROWTH**i
            # White noise leaves 0.3 of its standard deviation per pixel of scale in a band.
            peak = band > 0.3 * (_GROWTH - 1) * noise_level / sigma
            peak &= band >= cv2.dilate(band, square)
            at = np.flatnonzero(peak)
            response = band.ravel()[at]
            extreme = (response > below.ravel()[at]) & (response >= above.ravel()[at])
            responses.append(response[extreme].astype(np.float64) / (_GROWTH - 1))
            sigmas.append(np.full(responses[-1].size, sigma))
            below, band = band, above
        plane = smaller
        step_px *= 2
    return np.concatenate(sigmas), np.concatenate(responses)


def _filter_bands(plane: Frame, base: Frame) -> Iterator[Frame]:
    """Give the differences of Gaussians of an octave; ``base`` is overwritten.

    One by one and in place: memory newly asked for takes longer than the arithmetic.
    """
    fine, coarse = np.asarray(cv2.GaussianBlur(plane, (0, 0), 1 / _GROWTH), np.float32), base
    yield np.subtract(fine, coarse, out=fine)
    for i in range(1, _STEPS + 2):
        # Variances add up: what is missing to the next scale takes a small kernel.
        more = _GROWTH**i * np.sqrt(1 - _GROWTH**-2)
        fine, coarse = coarse, np.asarray(cv2.GaussianBlur(coarse, (0, 0), more), np.float32)
        yield np.subtract(fine, coarse, out=fine)


def _halve(plane: Frame) -> Frame:
    size = (max(1, plane.shape[1] // 2), max(1, plane.shape[0] // 2))
    return np.asarray(cv2.resize(plane, size, interpolation=cv2.INTER_AREA), np.float32)
