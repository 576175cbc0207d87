"""Random changes of a training sample, the same for image and labels (section 3.3.2)."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.config import AugmentSettings, PatchAugmentSettings
from cellid.types import Frame


def sample_window(
    image: Frame,
    maps: Frame,
    window_px: int,
    settings: AugmentSettings,
    rng: np.random.Generator,
    centre: tuple[float, float] | None = None,
) -> tuple[Frame, Frame]:
    """Draw one augmented training window.

    A window at a random place is rotated, shifted, sheared, mirrored and zoomed by one
    affine map, so that pixels are interpolated once: linearly for the image, by the nearest
    pixel for the maps. Blank space is filled by reflection at the border. The intensities
    of the image are then changed.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) float32
        Normalised image, unit contrast.
    maps : (Y, X) or (Y, X, K) float32
        What moves with the image, such as where nuclei are.
    window_px : int
        Side of the window.
    settings : AugmentSettings
    rng : numpy.random.Generator
    centre : (y, x) or None
        Where the window is to lie, pixels, as far as it lies in the image; None: anywhere.

    Returns
    -------
    window : (window_px, window_px) or (window_px, window_px, C) float32
    window_maps : (window_px, window_px) or (window_px, window_px, K) float32
    """
    matrix = _affine(image.shape, window_px, settings, rng, centre)
    window = _warp(image, matrix, window_px, cv2.INTER_LINEAR)
    window_maps = _warp(maps, matrix, window_px, cv2.INTER_NEAREST)
    return _change_intensity(window, settings, rng), window_maps


def change_patch(patch: Frame, settings: PatchAugmentSettings, rng: np.random.Generator) -> Frame:
    """Return a patch as it might have been: turned and mirrored as `sample_window`, lit otherwise.

    Parameters
    ----------
    patch : (Y, Y, C) float32
        Intensities from 0 to 1; not standardised, or a factor would not be one of brightness.
    settings : PatchAugmentSettings
    rng : numpy.random.Generator

    Returns
    -------
    (Y, Y, C) float32
    """
    side = len(patch)
    turned = _warp(patch, _affine(patch.shape, side, settings, rng), side, cv2.INTER_LINEAR)
    turned = turned.reshape(patch.shape)  # OpenCV drops a single channel
    return _change_intensity(turned, settings, rng)


def _warp(
    array: NDArray[np.float32], matrix: NDArray[np.float64], side: int, interpolation: int
) -> NDArray[np.float32]:
    """Return the square that a map from it to the array shows, reflected at the border."""
    warped = cv2.warpAffine(
        array,
        matrix,
        (side, side),
        flags=interpolation | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REFLECT_101,
    )
    return np.asarray(warped, np.float32)


def _affine(
    shape: tuple[int, ...],
    window_px: int,
    settings: AugmentSettings,
    rng: np.random.Generator,
    wanted: tuple[float, float] | None = None,
) -> NDArray[np.float64]:
    """Return the 2×3 matrix (x, y) from window to image coordinates."""
    angle = np.deg2rad(rng.uniform(-settings.rotation_deg, settings.rotation_deg))
    shear = np.tan(np.deg2rad(rng.uniform(-settings.shear_deg, settings.shear_deg)))
    # a zoom in and its inverse are equally likely
    zoom = (1 + settings.zoom) ** rng.uniform(-1, 1)
    mirror = rng.choice((-1.0, 1.0), size=2) if settings.flips else np.ones(2)
    rotate = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = rotate @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag(mirror / zoom)

    # The window's centre falls anywhere that keeps an unturned window inside the image
    length = np.array([shape[1], shape[0]], dtype=np.float64)
    room = np.maximum(length - window_px, 0) / 2
    shift = settings.shift * window_px
    if wanted is None:
        off_middle = rng.uniform(-room, room)
    else:
        off_middle = (np.array(wanted)[::-1] - (length - 1) / 2).clip(-room, room)
    centre = (length - 1) / 2 + off_middle + rng.uniform(-shift, shift, size=2)
    offset = centre - linear @ np.full(2, (window_px - 1) / 2)
    return np.column_stack([linear, offset])


def _change_intensity(window: Frame, settings: AugmentSettings, rng: np.random.Generator) -> Frame:
    if isinstance(settings, PatchAugmentSettings) and settings.jitter:
        brightness, contrast = 1 + settings.jitter * rng.uniform(-1, 1, size=2).astype(np.float32)
        mean = window.mean()
        window = brightness * (mean + contrast * (window - mean))
    if settings.contrast:
        window = window * np.float32((1 + settings.contrast) ** rng.uniform(-1, 1))
    if settings.brightness:
        window = window + np.float32(rng.uniform(-settings.brightness, settings.brightness))
    if settings.noise:
        level = np.float32(rng.uniform(0, settings.noise))
        window = window + level * rng.standard_normal(window.shape, dtype=np.float32)
    return window
