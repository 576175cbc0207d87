"""Cells in a fluorescence image of an adhesion marker, and where in them adhesions are odd."""

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

from cellid.imaging.instances import drop_small, edge_distance, separate_touching
from cellid.types import Frame, Labels, Mask

# σ in pixels of the Gaussian that takes the noise off an adhesion; what follows is in such σ
_SPOT_PX = 2.0
_WIDE = 4.0  # of the Gaussian that takes adhesions for detail
_REACH = 20.0  # from an adhesion to where both its cell and what surrounds the cell are seen
_JOINED = 4.0  # radius of what closes the gaps between the adhesions of a rim
# A spot stands out by so many standard deviations of the noise in it. Haze must by one of these,
# which is about four of its own, as a wider Gaussian leaves less noise
_BRIGHTER = 6.0
_CLIPPED = 90.0  # percentile: between adhesions, light from out of focus must not count as a class
_LEAST_SHARE = 0.002  # of the image; less is debris
_LEAST_SEEN = 0.05  # share of a Gaussian that must lie beside the spots to tell the level there
_MAD = 1.4826  # standard deviation over median deviation, of normal noise


def find_cells(image: NDArray[np.generic]) -> Labels:
    """Estimate where the cells are, from their adhesions and the haze between these.

    A threshold for the whole image would be drawn to whatever else differs, such as a vignette
    or the corners of a turned image. So spots are found first; Otsu's threshold then parts the
    light *between* the spots, within reach of them, into cell and surroundings. The spots are
    added, their gaps closed, holes filled and debris is dropped.

    It is an estimate. On the 54 images of six cells that it was made on, it holds 99.9 % of the
    pixels that were drawn as adhesions, 99 % in the worst image, and covers 21 % of the image;
    outlines of cells were not drawn, and to the eye it follows them, but for a bay here and there
    where a cell is dim, such as at its nucleus. Touching cells are one, a cell without spots is
    not found, and an edge of the field that is sharp and far above the noise counts as spots.
    Lengths suit adhesions about 5 px wide.

    Parameters
    ----------
    image : (Y, X) array
        Of any real dtype; adhesions are bright.

    Returns
    -------
    (Y, X) int32
        Numbered from 1 without gaps; all 0 where nothing stands out, as in a constant image.
    """
    values = np.asarray(image, np.float32)
    detail = _blur(values, _SPOT_PX) - _blur(values, _WIDE * _SPOT_PX)
    detail -= np.median(detail)
    # Rounding makes a constant image differ by a few units of the last place
    rounding = 16 * np.finfo(np.float32).eps * np.abs(values).max()
    noise = float(np.fmax(_MAD * np.median(np.abs(detail)), rounding))
    spots = _dilate(detail > _BRIGHTER * noise)
    if not spots.any():
        return np.zeros(values.shape, np.int32)
    mask = ndimage.binary_fill_holes(_close(spots | _find_haze(values, spots, noise)))
    components, _ = ndimage.label(mask)
    return drop_small(components.astype(np.int32), _LEAST_SHARE * values.size)


def outline_distance(cells: Labels) -> NDArray[np.float32]:
    """Return how far each pixel lies from the outline of its cell, or of the nearest cell.

    The outline runs between pixels. The edge of the image is none: a cell goes on beyond it.

    Parameters
    ----------
    cells : (Y, X) int32

    Returns
    -------
    (Y, X) float32
        Pixels; positive in cells, negative outside of them, nan if no outline is in the image.
    """
    inside = separate_touching(cells)
    if inside.all() or not inside.any():
        return np.full(cells.shape, np.nan, np.float32)
    depth = edge_distance(inside.view(np.uint8)) - edge_distance((~inside).view(np.uint8))
    # From the centre of a pixel to the outline it is half a pixel less than to the next centre;
    # the gap between touching cells belongs to one of them
    distance = depth - np.where(inside, 0.5, -0.5)
    return np.asarray(np.where(cells > 0, np.abs(distance), distance), np.float32)


def implausibility(cells: Labels, nuclei: Mask | None, reach_px: float) -> NDArray[np.float32]:
    r"""Return how implausible an adhesion is at every pixel.

    Adhesions lie at the periphery of cells, not at the nucleus (section 4f):

    .. math::
        \max\left(0, \frac{d - r}{D - r}\right) \text{ in cells}, \quad
        \min\left(1, \frac{d}{r}\right) \text{ outside}, \quad 1 \text{ in nuclei}

    where :math:`d` is the distance to the outline, :math:`r` the reach and :math:`D` the largest
    distance in that cell; a cell no deeper than the reach is plausible throughout. The
    edge of the image is no outline.

    Parameters
    ----------
    cells : (Y, X) int32
        Such as from `find_cells`.
    nuclei : (Y, X) bool or None
        Pixels of nuclei, where they are known.
    reach_px : float
        Width of the periphery; more than 0.

    Returns
    -------
    (Y, X) float32 in [0, 1]
        All 0 without a cell, and 0 in cells whose outline is not in the image: nothing is known.
    """
    if not cells.any():
        return np.zeros(cells.shape, np.float32)
    distance = np.nan_to_num(outline_distance(cells))
    deepest = np.zeros(int(cells.max()) + 1, np.float32)
    np.maximum.at(deepest, cells.ravel(), distance.ravel())
    # Without a depth beyond the reach there is nothing to divide, nor anything implausible
    span = np.maximum(deepest - reach_px, np.finfo(np.float32).tiny)
    inner = (distance - reach_px).clip(min=0) / span[cells]
    outer = -distance / reach_px
    result = np.where(cells > 0, inner, outer).clip(0, 1)
    if nuclei is not None:
        result[nuclei] = 1
    return np.asarray(result, np.float32)


def _find_haze(values: Frame, spots: Mask, noise: float) -> Mask:
    """Return where cells shine between their spots; nowhere if that is no more than noise."""
    beside = (~spots).astype(np.float32)
    weight = _blur(beside, _WIDE * _SPOT_PX)
    total = _blur(values * beside, _WIDE * _SPOT_PX)
    known = weight > _LEAST_SEEN
    # What spots leave no view of is theirs
    haze = np.divide(total, weight, out=np.full_like(total, np.inf), where=known)
    near = edge_distance((~spots).view(np.uint8)) < _REACH * _SPOT_PX
    seen = haze[near & known]
    if seen.size == 0:
        return ~known
    seen = seen.clip(max=np.percentile(seen, _CLIPPED))
    level = threshold_otsu(seen)
    bright = seen > level
    if not bright.any() or seen[bright].mean() - seen[~bright].mean() <= noise:
        return ~known
    return np.asarray(haze > level)


def _dilate(mask: Mask) -> Mask:
    """Take in the rim of spots, whose light would count as haze."""
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((5, 5), np.uint8))).view(np.bool_)


def _close(mask: Mask) -> Mask:
    """Close gaps with a disk; the image goes on beyond its edge as it ends there."""
    radius = int(_JOINED * _SPOT_PX)
    padded = np.pad(mask, radius, mode="edge").view(np.uint8)
    disk = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    closed = np.asarray(cv2.morphologyEx(padded, cv2.MORPH_CLOSE, disk))
    return closed[radius:-radius, radius:-radius].view(np.bool_)


def _blur(values: Frame, sigma_px: float) -> Frame:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE))
