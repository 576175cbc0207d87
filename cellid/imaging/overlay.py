"""Pictures for people: images with their contrast stretched, outlines, truth against prediction."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame, Labels

Colour: TypeAlias = tuple[int, int, int]
Picture: TypeAlias = NDArray[np.uint8]

OUTLINE: Colour = (255, 56, 120)
"""Pink: seen on black, on white and on the greys between, by people of any colour vision."""

# Figure 5.6 of the thesis: green, red and blue on black. The shades differ in lightness too,
# so that those who do not tell red from green can read them.
TRUE_POSITIVE: Colour = (64, 212, 96)
FALSE_POSITIVE: Colour = (230, 48, 48)
FALSE_NEGATIVE: Colour = (64, 112, 255)

# Lets what lies below be seen: an expert is to say whether it is a nucleus
_FILLED = 0.35
_HEAT_OPACITY = 0.6  # of the hottest place

_SHOWN_PERCENT = (0.2, 99.8)
# Every n-th pixel of a large image tells its percentiles well enough to look at it
_SAMPLED_PIXELS = 250_000


def stretch_contrast(image: NDArray[np.generic]) -> Picture:
    """Map an image to 8 bit for display: black to white is its 0.2 to its 99.8 percentile.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        Of any real dtype; channels are stretched alike.

    Returns
    -------
    uint8 of the same shape
        A constant image becomes black.
    """
    step = max(1, int(np.sqrt(image.size / _SAMPLED_PIXELS)))
    sample = image[::step, ::step].astype(np.float64)
    low, high = map(float, np.percentile(sample, _SHOWN_PERCENT))
    if high <= low:  # all but a few pixels are equal
        low, high = float(image.min()), float(image.max())
    stretched: Frame = np.subtract(image, low, dtype=np.float32)
    stretched *= np.float32(255 / (high - low) if high > low else 0)
    np.clip(stretched, 0, 255, out=stretched)
    return stretched.astype(np.uint8)


def draw_outlines(image: NDArray[np.generic], labels: Labels, width_px: int = 1) -> Picture:
    """Draw the outline of every object on an image.

    An outline one pixel wide lies within its object, so touching objects keep a line each;
    a wider one spreads from there.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        Of any real dtype; it is stretched for display. Of several channels the first is
        shown, unless they are the three of a colour image.
    labels : (Y, X) int32
    width_px : int
        Width of the lines; two for a picture that is shown at half its size.

    Returns
    -------
    (Y, X, 3) uint8
    """
    lines = find_outlines(labels)
    if width_px > 1:
        lines = cv2.dilate(lines.astype(np.uint8), np.ones((width_px, width_px), np.uint8)) > 0
    shown = zip(OUTLINE, _show(image), strict=True)
    return _merge([np.where(lines, np.uint8(colour), grey) for colour, grey in shown])


def draw_kinds(image: NDArray[np.generic], kinds: Sequence[tuple[Labels, Colour]]) -> Picture:
    """Draw the outlines of objects of several kinds on an image, each kind in its colour.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        As for `draw_outlines`.
    kinds : sequence of ((Y, X) int32 labels, colour)
        Later kinds lie over earlier ones.

    Returns
    -------
    (Y, X, 3) uint8
    """
    picture = _merge(_show(image))
    for labels, colour in kinds:
        picture[find_outlines(labels)] = colour
    return picture


def draw_boxes(
    image: NDArray[np.generic], kinds: Sequence[tuple[NDArray[np.floating], Colour]]
) -> Picture:
    """Draw boxes of several kinds on an image, each kind in its colour.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        As for `draw_outlines`.
    kinds : sequence of ((N, 4) boxes, colour)
        y0, x0, y1, x1, half-open pixels; later kinds lie over earlier ones.

    Returns
    -------
    (Y, X, 3) uint8
    """
    picture = _merge(_show(image))
    for boxes, colour in kinds:
        for y0, x0, y1, x1 in np.round(boxes).astype(int).tolist():
            cv2.rectangle(picture, (x0, y0), (x1 - 1, y1 - 1), colour)
    return picture


def fill_objects(image: NDArray[np.generic], labels: Labels) -> Picture:
    """Lay every object over an image in translucent green, its outline in full green.

    Parameters
    ----------
    image : (Y, X) or (Y, X, C) array
        As for `draw_outlines`.
    labels : (Y, X) int32

    Returns
    -------
    (Y, X, 3) uint8
    """
    share = np.where(find_outlines(labels), 1.0, np.where(labels > 0, _FILLED, 0.0))
    shown = zip(TRUE_POSITIVE, _show(image), strict=True)
    mixed = ((1 - share) * grey + share * colour for colour, grey in shown)
    return _merge([channel.astype(np.uint8) for channel in mixed])


def lay_heat(shown: Picture, share: Frame) -> Picture:
    """Lay a map over a picture in translucent colours, from black and clear to bright yellow.

    Parameters
    ----------
    shown : (Y, X) or (Y, X, 3) uint8
        As from `stretch_contrast`.
    share : (Y, X) float32 in [0, 1]

    Returns
    -------
    (Y, X, 3) uint8
    """
    plain = np.dstack([shown] * 3) if shown.ndim == 2 else shown
    # OpenCV's order is blue, green, red
    colours = cv2.applyColorMap((255 * share).astype(np.uint8), cv2.COLORMAP_INFERNO)[..., ::-1]
    opacity = (_HEAT_OPACITY * share)[..., None]
    return np.asarray(plain * (1 - opacity) + colours * opacity, np.uint8)


def find_outlines(labels: Labels) -> NDArray[np.bool_]:
    """Return the pixels of each object that have another number beside, above or below.

    Parameters
    ----------
    labels : (Y, X) int32

    Returns
    -------
    (Y, X) bool
        The image's border is no outline.
    """
    outline = np.zeros(labels.shape, bool)
    differs = labels[1:] != labels[:-1]
    outline[1:] |= differs
    outline[:-1] |= differs
    differs = labels[:, 1:] != labels[:, :-1]
    outline[:, 1:] |= differs
    outline[:, :-1] |= differs
    return outline & (labels > 0)


def draw_comparison(true: NDArray[np.generic], predicted: NDArray[np.generic]) -> Picture:
    """Colour each pixel by truth and prediction, as in figure 5.6 of the thesis.

    Parameters
    ----------
    true, predicted : (Y, X) integers or booleans
        Everything above 0 is nucleus.

    Returns
    -------
    (Y, X, 3) uint8
        Green where both have a nucleus, red where only the prediction has, blue where only
        the truth has, black where neither.
    """
    colours = np.zeros((256, 3), np.uint8)
    colours[1:4] = FALSE_POSITIVE, FALSE_NEGATIVE, TRUE_POSITIVE
    kind = np.greater(predicted, 0).astype(np.uint8) + np.uint8(2) * np.greater(true, 0)
    return _merge([cv2.LUT(kind, table) for table in colours.T])


def _show(image: NDArray[np.generic]) -> Sequence[NDArray[Any]]:
    """Return what is shown of an image in red, green and blue."""
    shown = stretch_contrast(image if image.ndim == 2 or image.shape[2] == 3 else image[..., 0])
    return [shown] * 3 if shown.ndim == 2 else list(cv2.split(shown))


def _merge(channels: Sequence[NDArray[Any]]) -> Picture:
    """Interleave red, green and blue; OpenCV is ten times faster here than indexing."""
    return np.asarray(cv2.merge(channels), dtype=np.uint8)
