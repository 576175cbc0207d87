"""Labels spoilt on purpose, as stains spoil them: figures 6.2 and 6.4 of the thesis.

The same random numbers spoil the same places first: what a small share spoils, a larger one
spoils too. Shares of nuclei that are no whole number are rounded up or down at random, so that
small images are not all rounded alike.
"""

from collections.abc import Iterator
from functools import partial

import cv2
import numpy as np
from scipy import ndimage

from cellid.config import NoiseStudySettings
from cellid.types import Labels

# Objects that share a corner would be one at object level
_NEIGHBOURS = np.ones((3, 3), np.uint8)


def spoil_labels(
    labels: Labels, diameter_px: float, settings: NoiseStudySettings, number: int
) -> Iterator[tuple[str, float, Labels]]:
    """Spoil the labels of an image in every way of a study, more and more.

    Parameters
    ----------
    labels : (Y, X) int32
    diameter_px : float
        Of a typical nucleus.
    settings : NoiseStudySettings
    number : int
        Of the image in the study: others are spoilt in other places.

    Yields
    ------
    kind : str
        ``"missing"``, ``"debris"`` or ``"patches"``.
    share : float
        0 first, then those of the settings, rising.
    spoilt : (Y, X) int32
    """
    spoilers = (
        ("missing", lose_nuclei, settings.missing),
        ("debris", add_debris, settings.debris),
        ("patches", partial(add_patches, grain_px=settings.grain * diameter_px), settings.patches),
    )
    for kind, spoil, shares in spoilers:
        for share in (0.0, *sorted(shares)):
            rng = np.random.default_rng([settings.seed, number])
            yield kind, share, spoil(labels, share, rng=rng)


def lose_nuclei(labels: Labels, share: float, rng: np.random.Generator) -> Labels:
    """Return labels without some of the nuclei, as if these had taken no dye.

    Parameters
    ----------
    labels : (Y, X) int32
    share : float
        Of the nuclei that are lost, 0 to 1.
    rng : Generator

    Returns
    -------
    (Y, X) int32
        A new array; the other nuclei keep their numbers.
    """
    numbers = _numbers(labels)
    n_lost = _draw_whole(share * len(numbers), rng)
    lost = rng.permutation(numbers)[:n_lost]
    return np.where(np.isin(labels, lost), np.int32(0), labels)


def add_debris(labels: Labels, share: float, rng: np.random.Generator) -> Labels:
    """Return labels with false objects, as if dirt had taken the dye.

    Each is a copy of a nucleus, moved to a place where it neither overlaps nor touches another
    object.

    Parameters
    ----------
    labels : (Y, X) int32
    share : float
        False objects by nuclei.
    rng : Generator

    Returns
    -------
    (Y, X) int32
        A new array; false objects have the highest numbers. Fewer than wanted are added where
        there is no room left.
    """
    spoilt = labels.copy()
    numbers, boxes = _numbers(labels), ndimage.find_objects(labels)
    n_false = _draw_whole(share * len(numbers), rng)
    first = int(labels.max(initial=0)) + 1
    for new in range(first, first + n_false):
        number = rng.choice(numbers)
        shape = labels[boxes[number - 1]] == number
        taken = cv2.dilate((spoilt > 0).astype(np.uint8), _NEIGHBOURS)
        overlap_px = cv2.matchTemplate(
            taken.astype(np.float32), shape.astype(np.float32), cv2.TM_CCORR
        )
        places = np.flatnonzero(overlap_px < 0.5)  # whole numbers, but for rounding
        if places.size:
            y, x = np.unravel_index(rng.choice(places), overlap_px.shape)
            spoilt[y : y + shape.shape[0], x : x + shape.shape[1]][shape] = new
    return spoilt


def add_patches(labels: Labels, share: float, grain_px: float, rng: np.random.Generator) -> Labels:
    """Return labels with patches of background, as if its noise had been segmented.

    The patches are where smoothed noise is highest. They run up to the nuclei.

    Parameters
    ----------
    labels : (Y, X) int32
    share : float
        Of the background that is covered, 0 to 1; exact to a pixel.
    grain_px : float
        Standard deviation of the smoothing; the larger, the fewer and larger the patches.
    rng : Generator

    Returns
    -------
    (Y, X) int32
        A new array; patches have the highest numbers, one each.
    """
    noise = cv2.GaussianBlur(rng.standard_normal(labels.shape, np.float32), (0, 0), grain_px)
    background = np.flatnonzero(labels == 0)
    highest = background[np.argsort(-noise.ravel()[background])]
    patches = np.zeros(labels.shape, np.uint8)
    patches.flat[highest[: round(share * background.size)]] = 1
    _, components = cv2.connectedComponents(patches, connectivity=8)
    return np.where(patches > 0, labels.max(initial=0) + components, labels)


def _numbers(labels: Labels) -> Labels:
    return np.unique(labels[labels > 0])


def _draw_whole(number: float, rng: np.random.Generator) -> int:
    """Return a number rounded up as often as its fraction says, else down."""
    return int(number + rng.random())
