"""Every segmentation score of an image, a data set and a bootstrap, from a pair of label images."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from cellid.config import EvaluateSettings
from cellid.errors import CellidError
from cellid.evaluation.bootstrap import Difference, Interval, bootstrap_scores, compare_scores
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.counting import CountErrors, compare_counts
from cellid.evaluation.counts import Summable, add_columns, check_any, mean_defined
from cellid.evaluation.fragmentation import Fragmentation, count_splits_and_merges
from cellid.evaluation.matching import Matching, match_table
from cellid.evaluation.objects import ObjectCounts, count_objects, tabulate_components
from cellid.evaluation.pixel import PixelCounts, count_pixels

Part = TypeVar("Part", bound=Summable)


@dataclass(frozen=True)
class ImageScores(Summable):
    """What was counted on one image, or on several pooled with `pool`.

    Attributes
    ----------
    name : str
        Of the image.
    pixel : PixelCounts
        Pixel level (thesis section 5.4.1).
    objects : ObjectCounts
        Object level by overlap of components (section 5.4.2).
    instances : Matching
        One-to-one matching at the threshold of the settings.
    sweep : tuple of Matching
        One-to-one matching at each threshold of the settings' sweep.
    fragmentation : Fragmentation
        Splits and merges.
    counts : CountErrors
        Predicted against true instances; those ignored in matching are left out.
    """

    name: str
    pixel: PixelCounts
    objects: ObjectCounts
    instances: Matching
    sweep: tuple[Matching, ...]
    fragmentation: Fragmentation
    counts: CountErrors

    @property
    def average_precision(self) -> float:
        """Mean over the sweep of TP / (TP + FP + FN); StarDist's and cellpose's AP, not COCO's."""
        return sum(matching.average_precision for matching in self.sweep) / len(self.sweep)

    def as_dict(self) -> dict[str, float]:
        """Return every score by name: ratios first, then numbers of objects."""
        return {
            "pixel_precision": self.pixel.precision,
            "pixel_recall": self.pixel.recall,
            "pixel_accuracy": self.pixel.accuracy,
            "pixel_dice": self.pixel.dice,
            "pixel_iou": self.pixel.iou,
            "object_precision": self.objects.precision,
            "object_recall": self.objects.recall,
            "object_dice": self.objects.dice,
            "object_iou": self.objects.iou,
            "instance_precision": self.instances.precision,
            "instance_recall": self.instances.recall,
            "instance_f1": self.instances.f1,
            "instance_mean_iou": self.instances.mean_matched_iou,
            "instance_panoptic_quality": self.instances.panoptic_quality,
            "instance_ap": self.average_precision,
            "count_mae": self.counts.mae,
            "count_bias": self.counts.bias,
            "count_relative_bias": self.counts.relative_bias,
            "n_true": self.counts.true_total,
            "n_predicted": self.counts.predicted_total,
            "splits": self.fragmentation.splits,
            "merges": self.fragmentation.merges,
        }

    @property
    def iou_thresholds(self) -> tuple[float, ...]:
        """Thresholds of `instances` and of the sweep."""
        return self.instances.iou_threshold, *(each.iou_threshold for each in self.sweep)

    def values(self) -> tuple[float, ...]:
        """Return all counts as one row, in the order that `with_values` takes."""
        parts = self.pixel, self.objects, self.instances, self.fragmentation, self.counts
        return tuple(value for part in (*parts, *self.sweep) for value in part.values())

    def with_values(self, values: Sequence[float]) -> Self:
        """Return a copy that holds other counts."""
        rest = iter(values)

        def refill(part: Part) -> Part:
            return part.with_values(tuple(islice(rest, len(part.values()))))

        return replace(
            self,
            pixel=refill(self.pixel),
            objects=refill(self.objects),
            instances=refill(self.instances),
            fragmentation=refill(self.fragmentation),
            counts=refill(self.counts),
            sweep=tuple(refill(matching) for matching in self.sweep),
        )


@dataclass(frozen=True)
class Report:
    """The scores of a data set.

    Attributes
    ----------
    rows : tuple of ImageScores
        One an image.
    """

    rows: tuple[ImageScores, ...]

    def pooled(self) -> dict[str, float]:
        """Return the scores of all counts added up: every object weighs the same."""
        return pool(self.rows).as_dict()

    def mean(self) -> dict[str, float]:
        """Return the means over images: every image weighs the same.

        Images on which a score is undefined (nan) are left out of its mean.
        """
        _check_rows(self.rows)
        table = [row.as_dict() for row in self.rows]
        return {name: mean_defined([scores[name] for scores in table]) for name in table[0]}

    def intervals(self, settings: EvaluateSettings, seed: int) -> dict[str, Interval]:
        """Return every pooled score with its bootstrap interval over images.

        Parameters
        ----------
        settings : EvaluateSettings
            Number of samples and confidence.
        seed : int
            Of the drawing; every score sees the same samples.

        Notes
        -----
        Totals (`n_true`, `n_predicted`, `splits`, `merges`) are those of as many
        images as there are. See `bootstrap_interval`.
        """
        _check_rows(self.rows)
        return bootstrap_scores(
            self.rows,
            n_samples=settings.bootstrap_samples,
            confidence=settings.confidence,
            seed=seed,
        )

    def compare(
        self, other: "Report", settings: EvaluateSettings, seed: int
    ) -> dict[str, Difference]:
        """Return how much higher every pooled score is than that of another run.

        Parameters
        ----------
        other : Report
            Of the same images in the same order.
        settings : EvaluateSettings
            Number of samples and confidence.
        seed : int
            Of the drawing.

        Returns
        -------
        dict of Difference
            By score; see `bootstrap_difference`. For errors, lower is better.

        Raises
        ------
        CellidError
            If the images or the thresholds are not the same.
        """
        _check_rows(self.rows + other.rows)
        if [row.name for row in self.rows] != [row.name for row in other.rows]:
            raise CellidError(
                "runs to compare",
                expected="the same images in the same order",
                got="other images, or another order",
                remedy="evaluate both runs on the same split of one data set",
            )
        return compare_scores(
            self.rows,
            other.rows,
            n_samples=settings.bootstrap_samples,
            confidence=settings.confidence,
            seed=seed,
        )


def evaluate_pair(
    true: NDArray[np.generic],
    predicted: NDArray[np.generic],
    settings: EvaluateSettings,
    name: str = "",
) -> ImageScores:
    """Score the predicted labels of one image.

    Parameters
    ----------
    true, predicted : (Y, X) integers
        Instance labels of one shape, 0 for background. The pixel and object levels
        look only at where they are above 0.
    settings : EvaluateSettings
        Thresholds, connectivity and least area.
    name : str
        Of the image, for the table.

    Returns
    -------
    ImageScores

    Raises
    ------
    CellidError
        If either is not a label image, or their shapes differ.
    """
    table = tabulate_overlap(true, predicted)
    instances, *sweep = match_table(
        table,
        iou_thresholds=(settings.iou_threshold, *settings.sweep),
        min_area_px=settings.min_area_px,
    )
    return ImageScores(
        name=name,
        pixel=count_pixels(table),
        objects=count_objects(tabulate_components(true, predicted, settings.connectivity)),
        instances=instances,
        sweep=tuple(sweep),
        fragmentation=count_splits_and_merges(table),
        counts=compare_counts(instances.n_true, instances.n_predicted),
    )


def pool(rows: Sequence[ImageScores], name: str = "pooled") -> ImageScores:
    """Add up the counts of several images.

    Raises
    ------
    CellidError
        If there are no rows, or they were matched at different thresholds.
    """
    _check_rows(rows)
    return replace(rows[0].with_values(add_columns(row.values() for row in rows)), name=name)


def _check_rows(rows: Sequence[ImageScores]) -> None:
    check_any(rows)
    thresholds = {row.iou_thresholds for row in rows}
    if len(thresholds) > 1:
        raise CellidError(
            "rows",
            expected="images evaluated with the same IoU thresholds",
            got=" and ".join(sorted(map(str, thresholds))),
            remedy="evaluate all images with the same settings",
        )
