"""Intensities: a frame of any camera becomes numbers that a network can compare."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame

# Above this the value says no more than "very bright"; a saturated speck or the black edge
# of a field stop would otherwise dominate every convolution around it.
_LIMIT = 4.0


def flatten_background(frame: NDArray[np.generic], background_px: float) -> Frame:
    """Subtract the background: a Gaussian mean much wider than a nucleus.

    Parameters
    ----------
    frame : (Y, X) or (Y, X, C) array
        Image of any real dtype.
    background_px : float
        Standard deviation of the Gaussian, pixels.

    Returns
    -------
    float32 of the same shape
    """
    image = np.ascontiguousarray(frame, dtype=np.float32)
    # The background has no detail: a quarter of its width a pixel keeps all of it
    step = max(1, int(background_px // 4))
    size = (max(1, image.shape[1] // step), max(1, image.shape[0] // step))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), background_px / step, borderType=cv2.BORDER_REPLICATE)
    background = cv2.resize(small, image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(image - background, dtype=np.float32)


def normalise(frame: NDArray[np.generic], background_px: float) -> Frame:
    """Bring a phase-contrast or brightfield frame to zero background and unit contrast.

    The background is subtracted, then everything divided by the 98th percentile of the
    remaining magnitude: the contrast of the cells, whether they cover a hundredth of the
    frame or all of it. Gain and offset of the camera, its bit depth and uneven
    illumination drop out. A constant frame becomes zeros.

    Parameters
    ----------
    frame : (Y, X) or (Y, X, C) array
        Image of any real dtype; channels are treated one by one.
    background_px : float
        Standard deviation of the background's Gaussian, pixels.

    Returns
    -------
    float32 of the same shape, within ±4
    """
    if frame.ndim == 3:
        channels = [normalise(frame[..., c], background_px) for c in range(frame.shape[2])]
        return np.stack(channels, axis=-1)
    flat = flatten_background(frame, background_px)
    contrast = float(np.percentile(np.abs(flat), 98))
    # A constant frame less its mean is rounding: a few units of the last place
    if contrast <= 16 * np.finfo(np.float32).eps * max(-float(frame.min()), float(frame.max())):
        return np.zeros_like(flat)
    return np.asarray(np.clip(flat / np.float32(contrast), -_LIMIT, _LIMIT), dtype=np.float32)
