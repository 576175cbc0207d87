"""The basins of an image: pixels that the steepest way up leads to the same maximum."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from cellid.types import Frame

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Basins:
    """Basins of some pixels of an image; all numbers are places in the list of pixels.

    Attributes
    ----------
    peak : (N,) int64
        The maximum that each pixel leads to; its own place for a maximum.
    borders : (2, M) int64
        Pairs of pixels side by side that lead to different maxima.
    """

    peak: Indices
    borders: Indices


def find_basins(image: Frame, pixels: Indices) -> Basins:
    """Follow the steepest way up from every pixel, over the four beside it.

    Two maxima side by side, of one grey level, are two basins.

    Parameters
    ----------
    image : (Y, X) float32
    pixels : (N,) int64
        Flat indices, ascending. No pixel beside these may be higher than they are.

    Returns
    -------
    Basins
    """
    # A margin, so that the first pixel of a row is not beside the last of the row before.
    padded = cv2.copyMakeBorder(image, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=-np.inf)
    width = padded.shape[1]
    at = pixels + width + 1 + 2 * (pixels // image.shape[1])
    place = np.full(padded.size, -1, np.int64)
    place[at] = np.arange(pixels.size)
    grey = padded.ravel()

    highest, peak = grey[at], at
    for step in (-width, -1, 1, width):
        value = grey[at + step]
        higher = value > highest
        highest, peak = np.where(higher, value, highest), np.where(higher, at + step, peak)
    peak = follow(place[peak])

    borders = []
    for step in (1, width):
        beside = place[at + step]
        touching = np.flatnonzero((beside >= 0) & (peak[beside] != peak))
        borders.append(np.stack([touching, beside[touching]]))
    return Basins(peak, np.concatenate(borders, axis=1))


def follow(leader: Indices) -> Indices:
    """Follow leaders to the last of each line, who leads itself."""
    # Twice as far each time
    while not np.array_equal(further := leader[leader], leader):
        leader = further
    return leader
