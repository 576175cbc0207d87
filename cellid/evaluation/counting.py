"""Nuclei counted by components and by area (thesis section 8.6), and the error of counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.evaluation.counts import Summable, divide
from cellid.evaluation.objects import Connectivity, label_components
from cellid.types import check_labels


@dataclass(frozen=True)
class CountErrors(Summable):
    """Counts of objects against the truth; ``+`` pools images, scores of no image are nan.

    Attributes
    ----------
    n_images : int
        Images counted.
    true_total, predicted_total : float
        Objects in all of them.
    absolute_error_total : float
        Sum over images of |predicted - true|.
    """

    n_images: int
    true_total: float
    predicted_total: float
    absolute_error_total: float

    _summed: ClassVar[tuple[str, ...]] = (
        "n_images",
        "true_total",
        "predicted_total",
        "absolute_error_total",
    )

    @property
    def mae(self) -> float:
        """Mean absolute error, objects an image."""
        return divide(self.absolute_error_total, self.n_images)

    @property
    def bias(self) -> float:
        """Mean of predicted - true, objects an image: above 0 where too many are counted."""
        return divide(self.predicted_total - self.true_total, self.n_images)

    @property
    def relative_bias(self) -> float:
        """(predicted - true) / true over all images."""
        return divide(self.predicted_total - self.true_total, self.true_total)


def compare_counts(true_count: float, predicted_count: float) -> CountErrors:
    """Return the error of the count of one image.

    Parameters
    ----------
    true_count, predicted_count : float
        Objects in the image; counts by area need not be whole.
    """
    return CountErrors(1, true_count, predicted_count, abs(predicted_count - true_count))


def count_components(mask: NDArray[np.generic], connectivity: Connectivity) -> int:
    """Count the connected components of a mask or label image, ``(Y, X)``.

    Nuclei that touch count as one, and so does every speck.
    """
    return int(label_components(mask, connectivity).max(initial=0))


def count_by_area(mask: NDArray[np.generic], *, nucleus_area_px: float) -> float:
    """Divide the area of a mask by that of a nucleus (thesis section 8.6).

    Clumps count in full and specks count for little, as long as nuclei are of one size.

    Parameters
    ----------
    mask : (Y, X) booleans or integers
        Everything above 0 is nucleus.
    nucleus_area_px : float
        Area of an average nucleus, from `mean_nucleus_area`.

    Returns
    -------
    float
        Number of nuclei, not rounded.
    """
    if not nucleus_area_px > 0:
        raise CellidError(
            "nucleus_area_px",
            expected="an area above 0",
            got=f"{nucleus_area_px}",
            remedy="measure it on label images that hold nuclei",
        )
    return int(np.count_nonzero(check_labels(mask, "mask"))) / nucleus_area_px


def mean_nucleus_area(label_images: Iterable[NDArray[np.generic]]) -> float:
    """Return the mean area of an object, pixels.

    The mean, not the median, because areas are skewed: dividing a total area by
    their mean gives back the number of objects, dividing by their median too many.

    Parameters
    ----------
    label_images : iterable of (Y, X) integers
        Instance labels with touching nuclei separated, such as those of training.

    Returns
    -------
    float
        Total area / number of objects; nan where there are none.
    """
    area_px = n_objects = 0
    for labels in label_images:
        checked = check_labels(labels)
        foreground = checked[checked > 0]
        area_px += foreground.size
        n_objects += np.unique(foreground).size
    return divide(area_px, n_objects)
