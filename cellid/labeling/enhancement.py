"""The stain at working resolution, evened out so that dim and bright nuclei look alike."""

import itertools
from dataclasses import dataclass

import cv2
import numpy as np

from cellid.labeling.scale import measure_noise
from cellid.types import Frame

# Pixels across a nucleus at which seeds and thresholds are found. Outlines are drawn on the
# image itself; a finer working image finds no more nuclei and takes longer.
_WORKING_DIAMETER_PX = 12.0
# Reducing by less than this loses more than it saves.
_WORTHWHILE = 0.9
# All lengths below are in nucleus diameters.
_BACKGROUND_BOX = 2.0  # a box this wide holds some background, except in the densest places
_BLOCK = 4.0  # of the equalisation: some nuclei and their surroundings
_SLOPE = 3.0  # of the equalisation, as in the thesis (5.2.3)
_FINE, _COARSE = 0.08, 0.6  # the band that a nucleus lives in, Gaussian standard deviations
_COARSE_SIGMA_PX = 3.0  # of a wide Gaussian after reduction: sampled finely enough
_SCALES = (0.15, 0.3, 0.6)  # between which noise is looked for, standard deviations
# Skewness, or half the excess kurtosis, up to which a band is taken for noise: smoothed,
# enlarged, compressed or unevenly lit noise had up to 0.3, 186 stain images 0.8 and more.
_GAUSSIAN = 0.5
# Contrast of the brightest thousandth, in noise, below which grey levels are not stretched.
_LEAST_CONTRAST = 20.0
_NOISE_FACTOR = 4.0  # standard deviations of noise that the band must exceed
_LEAST_BAND = 0.04  # of the grey scale


@dataclass(frozen=True)
class WorkingImage:
    """A stain image at the resolution where nuclei are looked for.

    Attributes
    ----------
    stain : (y, x) float32
        The image, reduced and its background subtracted; grey levels as given.
    smooth : (y, x) float32
        ``stain``, its noise a little smoothed.
    band : (y, x) float32
        Equalised stain between the scales of nuclear texture and of cells, positive in nuclei.
    floor : float
        Level of ``band`` that noise does not reach.
    noise : float
        Standard deviation of the noise in ``stain``.
    background : (y, x) float32
        What was subtracted: the grey level of empty places nearby.
    diameter_px : float
        Diameter of a nucleus in ``stain``.
    """

    stain: Frame
    smooth: Frame
    band: Frame
    floor: float
    noise: float
    background: Frame
    diameter_px: float


def enhance(image: Frame, diameter_px: float, noise: float) -> WorkingImage | None:
    """Reduce a stain image to working resolution and even it out.

    Parameters
    ----------
    image : (Y, X) float32
    diameter_px : float
        Diameter of a nucleus in ``image``.
    noise : float
        Standard deviation of the noise in ``image``, grey levels.

    Returns
    -------
    WorkingImage or None
        None for an image without any contrast, or of nothing but noise.
    """
    scale = min(_WORKING_DIAMETER_PX / diameter_px, 1.0)
    if scale > _WORTHWHILE:
        scale = 1.0
    stain = image
    if scale < 1:
        size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
        stain = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA))
    d = diameter_px * scale
    if _is_gaussian(stain, d):
        return None
    # Resampling correlates the noise of neighbours, which hides some of it from the measure.
    noise = max(measure_noise(stain), noise * scale)
    background = _find_background(stain, d)
    stain = stain - background
    white = max(float(np.percentile(stain[::2, ::2], 99.9)), _LEAST_CONTRAST * noise)
    if white <= 0:
        return None
    even = _equalise(np.clip(stain / white, 0, 1), d)
    fine = cv2.GaussianBlur(even, (0, 0), _FINE * d)
    band = np.asarray(fine - _blur_widely(even, _COARSE * d), np.float32)
    # A Gaussian of s pixels leaves 1 / (2 s √π) of white noise.
    left = measure_noise(even) / (2 * np.sqrt(np.pi) * _FINE * d)
    return WorkingImage(
        stain=stain,
        smooth=np.asarray(cv2.GaussianBlur(stain, (0, 0), 0.5)),
        band=band,
        floor=max(_LEAST_BAND, _NOISE_FACTOR * left),
        noise=noise,
        background=background,
        diameter_px=d,
    )


def _is_gaussian(stain: Frame, d: float) -> bool:
    """Tell noise, even where it is correlated, from nuclei: it is Gaussian at every scale.

    Enlarged or smoothed noise is made of blobs, with hardly any noise on them that its pixels
    would show; but grey levels between any two scales are distributed normally.
    """
    blurred = (_blur_widely(stain, share * d) for share in _SCALES)
    for fine, coarse in itertools.pairwise(blurred):
        band = (fine - coarse)[::2, ::2].astype(np.float64)
        band -= band.mean()
        square = band**2
        variance = square.mean()
        if variance == 0:
            continue
        skewness = (square * band).mean() / variance**1.5
        excess = (square**2).mean() / variance**2 - 3
        if max(abs(skewness), abs(excess) / 2) > _GAUSSIAN:
            return False
    return True


def _find_background(stain: Frame, d: float) -> Frame:
    """Follow the lowest grey levels at the scale of nuclei, noise smoothed away."""
    box = int(_BACKGROUND_BOX * d) | 1
    smooth = cv2.GaussianBlur(stain, (0, 0), 0.2 * d)
    lowest = cv2.erode(smooth, np.ones((box, box), np.uint8))
    return _blur_widely(np.asarray(lowest, np.float32), d)


def _blur_widely(image: Frame, sigma_px: float) -> Frame:
    """Blur at a resolution where the Gaussian takes few pixels."""
    step = max(1, int(sigma_px / _COARSE_SIGMA_PX))
    size = [max(1, length // step) for length in image.shape]
    small = cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA)
    blurred = cv2.GaussianBlur(small, (0, 0), sigma_px / step)
    wide = cv2.resize(blurred, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(wide, np.float32)


def _equalise(image: Frame, d: float) -> Frame:
    """Equalise the histogram of every neighbourhood, its slope limited (CLAHE).

    The square root before leaves dim nuclei enough of the 8-bit grey levels, and evens out
    the noise of counted photons.
    """
    tiles = [max(1, round(length / (_BLOCK * d))) for length in image.shape]
    grey = (np.sqrt(image) * 255 + 0.5).astype(np.uint8)
    even = cv2.createCLAHE(_SLOPE, (tiles[1], tiles[0])).apply(grey)
    return np.asarray(even.astype(np.float32) / 255, np.float32)
