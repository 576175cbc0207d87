"""What may be hard about an image: small, large, crowded or uneven objects, by its true labels.

The study of loss functions for c-ResUnet sorts by eye the images on which a model trained
elsewhere fails: small objects, uneven texture and filling, overcrowding. Here they are
sorted by numbers, so that scores can be given for each kind.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cellid.evaluation.counts import divide
from cellid.types import Frame, Labels, check_labels

EMPTY, SMALL, LARGE, UNEVEN, CROWDED, MEDIUM = KINDS = (
    *("empty", "small", "large", "uneven", "crowded", "medium"),
)
"""Every kind; an image is of the first that it meets: size leads, then the rarer."""

SIZE_RATIO = 2**0.5
"""Smaller or larger by this, in diameter, is half or twice the area of the training's objects:
trainings vary size by a tenth or two, and nuclei double their area before they divide."""
GAP_DIAMETERS = 0.25
"""Objects this near are crowded: of nuclei 14 to 20 pixels wide it is the 3 to 5 pixels that the
blur of optics and the first poolings of a network bridge."""
CROWDED_SHARE = 0.5
"""An image is crowded if more of its objects than this are: most of them."""
CONTRAST_RATIO = 3.0
"""An image is uneven if its objects differ more than this in contrast. Nuclei double their stain
before they divide, so a factor of two is in every growing culture; of this, something else too."""
_TAILS = 0.1, 0.9  # of the objects; the extremes themselves are single specks


@dataclass(frozen=True)
class ImageFacts:
    """What is measured on the true objects of an image; nan where there are none.

    Attributes
    ----------
    n_objects : int
    diameter_px : float
        Of the disk with the median area of an object.
    crowded_share : float
        Share of the objects that touch another or are nearer to it than `GAP_DIAMETERS`.
    contrast_ratio : float
        How much higher the contrast is that a tenth of the objects exceeds than the one that a
        tenth falls below.
    """

    n_objects: int
    diameter_px: float
    crowded_share: float
    contrast_ratio: float

    def kind(self, training_diameter_px: float) -> str:
        """Return the first of `KINDS` that the image meets.

        Parameters
        ----------
        training_diameter_px : float
            Of the training's objects, in the pixels of this image.
        """
        size = self.diameter_px / training_diameter_px
        met = {
            EMPTY: not self.n_objects,
            SMALL: size < 1 / SIZE_RATIO,
            LARGE: size > SIZE_RATIO,
            UNEVEN: self.contrast_ratio > CONTRAST_RATIO,
            CROWDED: self.crowded_share > CROWDED_SHARE,
            MEDIUM: True,
        }
        return next(kind for kind in KINDS if met[kind])


def measure_image(labels: NDArray[np.generic], image: Frame) -> ImageFacts:
    """Measure the true objects of an image.

    Parameters
    ----------
    labels : (Y, X) integers
        True objects, 0 for background.
    image : (Y, X) float32
        With the background subtracted (`cellid.imaging.intensity.flatten_background`). The
        contrast of an object is the root mean square of its pixels less the median outside
        of all objects, which is also above 0 for phase contrast, dark and bright at once.

    Returns
    -------
    ImageFacts
    """
    checked = check_labels(labels)
    ids, number = np.unique(checked, return_inverse=True)
    inside = checked.ravel() > 0
    areas_px = np.bincount(number.ravel()[inside], minlength=ids.size)[ids > 0]
    if not areas_px.size:
        return ImageFacts(0, np.nan, np.nan, np.nan)
    diameter_px = float(np.sqrt(4 / np.pi * np.median(areas_px)))
    n_crowded = _find_crowded(checked, GAP_DIAMETERS * diameter_px).size
    background = 0.0 if inside.all() else float(np.median(image.ravel()[~inside]))
    squares = np.square(image.ravel()[inside] - background, dtype=np.float64)
    sums = np.bincount(number.ravel()[inside], weights=squares, minlength=ids.size)[ids > 0]
    low, high = np.quantile(np.sqrt(sums / areas_px), _TAILS)
    return ImageFacts(areas_px.size, diameter_px, n_crowded / areas_px.size, divide(high, low))


def _find_crowded(labels: Labels, gap_px: float) -> NDArray[np.int32]:
    """Return the objects with another one at most so many background pixels away."""
    distance, (y, x) = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    nearest = labels[y, x]
    pairs = []
    # Where the realms of two objects meet, their distances add up to the gap
    for one, other in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        near = (nearest[one] != nearest[other]) & (distance[one] + distance[other] <= gap_px)
        pairs += [nearest[one][near], nearest[other][near]]
    return np.unique(np.concatenate(pairs))
