"""Two measures of a stain image that everything else is expressed in: noise and nucleus size."""

import itertools

import cv2
import numpy as np

from cellid.types import Frame

_LAPLACIAN = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_STEPS = 4  # scales an octave
_FALLBACK_PX = 20.0


def measure_noise(image: Frame) -> float:
    """Measure the noise of an image, robust against its structure.

    The response to Immerkaer's mask (Comput. Vis. Image Und. 64, 1996, p. 300), whose gain
    for white noise is 6, is summed up by its median and by the root mean square of its
    lower 80 %, of which the greater counts: the median of a quantised image can be zero.
    """
    if min(image.shape) < 5:
        return 0.0
    response = np.sort(np.abs(cv2.filter2D(image, -1, _LAPLACIAN)[1:-1:2, 1:-1:2]).ravel())
    median = float(np.median(response)) / 0.6745
    low = response[: int(0.8 * response.size)].astype(np.float64)
    return max(median, float(np.sqrt(np.mean(low**2))) / 0.66) / 6


def estimate_diameter(image: Frame, noise: float) -> float:
    """Estimate the diameter of a nucleus from the extrema of the image's scale space.

    A disc answers a Laplacian of Gaussian most at a standard deviation of its radius by
    the root of two (Lindeberg, Int. J. Comput. Vis. 30, 1998).
    """
    sample = image[::2, ::2]
    base = float(np.percentile(sample, 5))
    contrast = float(np.percentile(sample, 99.9)) - float(np.median(sample))
    soft = 5 * max(noise, contrast / 20)
    if soft <= 0:
        return _FALLBACK_PX
    plane = np.arcsinh((image - base) / soft).astype(np.float32)
    sigmas, responses = [], []
    step = 1.0
    while min(plane.shape) >= 16:
        blurred = [
            cv2.GaussianBlur(plane, (0, 0), 2 ** (i / _STEPS)) for i in range(-1, _STEPS + 2)
        ]
        bands = [(a - b) / (2 ** (1 / _STEPS) - 1) for a, b in itertools.pairwise(blurred)]
        for i in range(1, len(bands) - 1):
            band = bands[i]
            sigma = step * 2 ** ((i - 1) / _STEPS)
            peak = (band >= cv2.dilate(band, np.ones((3, 3), np.uint8))) & (band > bands[i - 1])
            peak &= (band >= bands[i + 1]) & (band > 1.2 * noise / soft / sigma)
            found = band[peak]
            responses.append(found)
            sigmas.append(np.full(found.size, sigma))
        plane = cv2.resize(
            cv2.GaussianBlur(plane, (0, 0), 1.0), None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
        )
        step *= 2
    sigma_all = np.concatenate(sigmas) if sigmas else np.zeros(0)
    if sigma_all.size == 0:
        return _FALLBACK_PX
    weight = np.concatenate(responses).astype(np.float64) ** 2 * sigma_all**1.25
    order = np.argsort(sigma_all)
    total = np.cumsum(weight[order])
    return float(2 * np.sqrt(2) * sigma_all[order][np.searchsorted(total, total[-1] / 2)])
