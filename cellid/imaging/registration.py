"""How far a stain image lies from the phase image of the same field.

Phase and stain do not look alike: a nucleus is bright in the one and, in the other, an
edge, a smooth disc or a texture, by line and focus. Correlating one feature of each
fails on half of real pairs. Instead the stain is predicted from many features of the
phase image by linear regression, at every shift at once: the shift is the one that
explains most of the stain. This is the multiple correlation coefficient

    R²(d) = c(d)ᵀ C⁻¹ c(d),

C being the correlations among the features and c(d) those of the features with the
stain moved by d (Fourier transforms give all d together). All features are isotropic,
so they cannot favour a direction.
"""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import scipy.fft
from numpy.typing import NDArray

from cellid.types import Frame

_FloatMap = NDArray[np.floating[Any]]

# Chosen on 13 fields of 8 cell lines and 17 harder ones (tests/unit/imaging/
# test_registration.py says on which): the widest gap between true pairs and pairs of
# unlike fields. In pixels of images at half size, where a nucleus of 10-40 px is 5-20.
_REDUCTION = 2
_FEATURE_SIGMAS = (1.0, 2.0, 4.0)
_BACKGROUND_SIGMA = 4.0
_STAIN_SIGMA = 1.0
_RIDGE = 1e-3
_PEAK_RADIUS = 12
_CLIP_DEVIATIONS = 4.0

CONFIDENT = 0.5
"""Confidence from which a shift is believed. Among 136 pairs of a phase image and the stain
of *another* field the greatest was 0.48; the least of 13 true phase-contrast pairs was 0.76."""


@dataclass(frozen=True)
class Shift:
    """Where the stain lies as seen from the phase image.

    Parameters
    ----------
    dy_px, dx_px : float or None
        The stain of what is at (y, x) in the phase image is at (y + dy, x + dx).
        None when the images do not tell (`CONFIDENT`): unknown, not zero.
    confidence : float
        0..1: by how much the best shift explains the stain better than the best shift
        elsewhere, as a share of the former.
    """

    dy_px: float | None
    dx_px: float | None
    confidence: float

    @property
    def length_px(self) -> float | None:
        """Length of the shift in pixels, None when unknown."""
        if self.dy_px is None or self.dx_px is None:
            return None
        return float(np.hypot(self.dy_px, self.dx_px))


def measure_shift(phase: NDArray[np.generic], stain: NDArray[np.generic]) -> Shift:
    """Measure how far the stain is shifted from the phase image, to a fraction of a pixel.

    Parameters
    ----------
    phase, stain : (Y, X) arrays of one shape, of any real dtype
        The same field. Shifts up to a quarter of the smaller side can be found.

    Returns
    -------
    Shift
        Unknown where no shift stands out: few cells, a stain of other cells, or a
        phase image that does not show nuclei. This is no reason to drop a pair.
    """
    explained = _explained_by_shift(_prepare(phase), np.sqrt(_prepare(stain)))
    y, x = np.unravel_index(int(explained.argmax()), explained.shape)
    rows, columns = np.ogrid[: explained.shape[0], : explained.shape[1]]
    elsewhere = (rows - y) ** 2 + (columns - x) ** 2 > _PEAK_RADIUS**2
    peak = float(explained[y, x])
    # Without texture nothing is explained anywhere.
    confidence = 1 - float(explained[elsewhere].max(initial=0.0)) / peak if peak > 0 else 0.0
    confidence = max(0.0, confidence)
    place = locate_peak(explained)
    if confidence < CONFIDENT or place is None:
        return Shift(None, None, confidence)
    dy, dx = place
    return Shift(_REDUCTION * dy, _REDUCTION * dx, confidence)


def move_back(
    stain: NDArray[np.generic], shift: Shift, border: int = cv2.BORDER_REFLECT_101
) -> NDArray[np.generic]:
    """Return the stain moved onto its phase image.

    Parameters
    ----------
    stain : (Y, X) array
    shift : Shift
        As measured; where it is unknown the stain is returned as it is.
    border : int
        How OpenCV is to continue the image past its border.

    Returns
    -------
    (Y, X) array of the stain's dtype
    """
    if shift.dy_px is None or shift.dx_px is None:
        return stain
    matrix = np.array([[1.0, 0, shift.dx_px], [0, 1, shift.dy_px]])
    moved = cv2.warpAffine(
        np.ascontiguousarray(stain),
        matrix,
        stain.shape[::-1],
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=border,
    )
    return np.asarray(moved)


def _prepare(image: NDArray[np.generic]) -> Frame:
    """Reduce an image and bring its 1st to 99th percentile to 0..1, clipped."""
    frame = image.astype(np.float32)
    low, high = (np.float32(level) for level in np.percentile(frame[::4, ::4], (1, 99)))
    scaled = ((frame - low) / max(high - low, np.finfo(np.float32).tiny)).clip(0, 1)
    size = (image.shape[1] // _REDUCTION, image.shape[0] // _REDUCTION)
    reduced: Frame = np.asarray(
        cv2.resize(scaled, size, interpolation=cv2.INTER_AREA), dtype=np.float32
    )
    return reduced


def _explained_by_shift(phase: Frame, stain: Frame) -> _FloatMap:
    """Return R² for every shift up to a quarter of the smaller side, centre no shift."""
    rows, columns = phase.shape
    window = np.outer(np.hanning(rows), np.hanning(columns)).astype(np.float32)
    features = np.stack([standardise(feature, window) for feature in _phase_features(phase)])
    target = standardise(_blur(stain, _STAIN_SIGMA), window)
    flat = features.reshape(len(features), -1)
    correlations = flat @ flat.T
    correlations += _RIDGE * np.eye(len(flat), dtype=np.float32)
    reach = min(rows, columns) // 4
    spectrum = scipy.fft.rfft2(target)
    at_shifts = np.stack(
        [
            centre_correlation(
                scipy.fft.irfft2(spectrum * scipy.fft.rfft2(feature).conj(), phase.shape), reach
            )
            for feature in features
        ]
    )
    columns_of_shifts = at_shifts.reshape(len(features), -1)
    weights = np.linalg.solve(correlations, columns_of_shifts)
    explained: _FloatMap = (columns_of_shifts * weights).sum(0).reshape(at_shifts.shape[1:])
    return explained


def _phase_features(phase: Frame) -> list[Frame]:
    """Return isotropic features at each scale: level, slope, blobs, roughness, curvature."""
    features: list[Any] = []
    for sigma in _FEATURE_SIGMAS:
        smooth = _blur(phase, sigma)
        slope = cv2.magnitude(_derivative(smooth, 1, 0), _derivative(smooth, 0, 1))
        d_xx, d_yy, d_xy = (_derivative(smooth, *order) for order in ((2, 0), (0, 2), (1, 1)))
        mean = _blur(phase, 2 * sigma)
        variance = _blur(phase * phase, 2 * sigma) - mean * mean
        features += [
            smooth,
            slope,
            np.abs(d_xx + d_yy),
            np.sqrt(np.maximum(variance, 0)),
            d_xx * d_yy - d_xy * d_xy,
        ]
    return features


def centre_correlation(correlation: _FloatMap, reach: int) -> _FloatMap:
    """Return the values of a circular correlation up to ``reach`` off, no shift in the centre."""
    return np.roll(correlation, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]


def standardise(feature: Frame, window: Frame) -> Frame:
    """Take off the background, clip outliers, fade to the borders, scale to unit norm."""
    local = feature - _blur(feature, _BACKGROUND_SIGMA)
    bound = np.float32(_CLIP_DEVIATIONS) * local.std()
    local = local.clip(-bound, bound)
    faded: Frame = (local - local.mean()) * window
    norm = float(np.linalg.norm(faded))
    if norm > 0:
        faded /= np.float32(norm)
    return faded


def locate_peak(scores: _FloatMap) -> tuple[float, float] | None:
    """Return how far the maximum of a map, (Y, X), lies from its centre, to a fraction of a pixel.

    None where it lies on the rim: the true one may be outside.
    """
    y, x = (int(place) for place in np.unravel_index(int(scores.argmax()), scores.shape))
    if not (0 < y < scores.shape[0] - 1 and 0 < x < scores.shape[1] - 1):
        return None
    dy, dx = _refine_peak(scores[y - 1 : y + 2, x - 1 : x + 2])
    return y - scores.shape[0] // 2 + dy, x - scores.shape[1] // 2 + dx


def _refine_peak(around: _FloatMap) -> tuple[float, float]:
    """Return the top of the paraboloid fitted to the 3×3 values around a maximum."""
    offsets = np.mgrid[-1:2, -1:2].reshape(2, -1).astype(np.float64)
    v, u = offsets
    design = np.stack([np.ones(9), v, u, v * v, v * u, u * u], axis=1)
    _, b_v, b_u, c_vv, c_vu, c_uu = np.linalg.lstsq(design, around.ravel(), rcond=None)[0]
    hessian = np.array([[2 * c_vv, c_vu], [c_vu, 2 * c_uu]])
    if np.linalg.det(hessian) <= 0:  # a ridge: the fit has no top
        return 0.0, 0.0
    dv, du = np.clip(np.linalg.solve(hessian, [-b_v, -b_u]), -1, 1)
    return float(dv), float(du)


def _blur(image: Frame, sigma: float) -> Frame:
    return np.asarray(
        cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), dtype=np.float32
    )


def _derivative(image: Frame, dx: int, dy: int) -> Frame:
    return np.asarray(cv2.Sobel(image, cv2.CV_32F, dx, dy), dtype=np.float32)
