"""Nuclei counted by components, instances and area (thesis 8.6), and the error of counts."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from cellid.errors import CellidError
from cellid.evaluation.bootstrap import Interval
from cellid.evaluation.counts import Summable, divide
from cellid.evaluation.objects import Connectivity, label_components
from cellid.types import check_labels

_SD = 1.96  # standard deviations about the mean that hold 95 % of a normal distribution


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
    squared_error_total : float
        Sum over images of (predicted - true)².
    percentage_error_total : float
        Sum over images of 100 (true - predicted) / max(true, 1).
    """

    n_images: int
    true_total: float
    predicted_total: float
    absolute_error_total: float
    squared_error_total: float
    percentage_error_total: float

    _summed: ClassVar[tuple[str, ...]] = (
        "n_images",
        "true_total",
        "predicted_total",
        "absolute_error_total",
        "squared_error_total",
        "percentage_error_total",
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

    @property
    def mean_percentage_error(self) -> float:
        """Mean of 100 (true - predicted) / max(true, 1): above 0 where too few are counted.

        The definition, and the sign, of the study of loss functions for c-ResUnet.
        """
        return divide(self.percentage_error_total, self.n_images)

    @property
    def agreement(self) -> Interval:
        """Bias and the limits between which 95 % of the errors of an image lie.

        Bias ± 1.96 standard deviations of the error: the limits of agreement of Bland
        and Altman, Lancet 327:307 (1986). Of one image they are nan.
        """
        squares = self.squared_error_total - self.n_images * self.bias**2
        # Rounding may leave a little less than nothing of equal errors
        deviation = math.sqrt(max(divide(squares, self.n_images - 1), 0))
        return Interval(self.bias, self.bias - _SD * deviation, self.bias + _SD * deviation)


def compare_counts(true_count: float, predicted_count: float) -> CountErrors:
    """Return the error of the count of one image.

    Parameters
    ----------
    true_count, predicted_count : float
        Objects in the image; counts by area need not be whole.
    """
    error = predicted_count - true_count
    percentage = -100 * error / max(true_count, 1)
    return CountErrors(1, true_count, predicted_count, abs(error), error**2, percentage)


def median_absolute_error(errors: Iterable[CountErrors]) -> float:
    """Return the median of |predicted - true| over images, each with its own errors.

    A median does not add up, so it is no property of pooled errors; of no image it is nan.
    """
    absolute = [image.absolute_error_total for image in errors]
    return float(np.median(absolute)) if absolute else math.nan


def count_instances(labels: NDArray[np.generic]) -> int:
    """Count the objects of a label image, ``(Y, X)``, whether they touch or not."""
    checked = check_labels(labels)
    return np.unique(checked[checked > 0]).size


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
        area_px += int(np.count_nonzero(checked))
        n_objects += count_instances(checked)
    return divide(area_px, n_objects)
