"""Pixel-level evaluation (thesis sections 2.10.2 and 5.4.1)."""

from dataclasses import dataclass
from typing import ClassVar

from cellid.evaluation.contingency import Contingency
from cellid.evaluation.counts import BinaryCounts, divide


@dataclass(frozen=True)
class PixelCounts(BinaryCounts):
    """Pixels by truth and prediction; ``+`` pools images.

    Attributes
    ----------
    true_negatives : int
        Pixels that are background in both.
    """

    true_negatives: int

    _summed: ClassVar[tuple[str, ...]] = (*BinaryCounts._summed, "true_negatives")

    @property
    def accuracy(self) -> float:
        """(TP + TN) / (TP + TN + FP + FN), thesis eq. 2.30."""
        right = self.true_positives + self.true_negatives
        return divide(right, right + self.false_positives + self.false_negatives)


def count_pixels(table: Contingency) -> PixelCounts:
    """Count the pixels of two masks, or of two label images whatever their numbers.

    Parameters
    ----------
    table : Contingency
        Of the two masks or label images (`tabulate_overlap`).

    Returns
    -------
    PixelCounts
    """
    shared = int(table.intersections_px.sum())
    true = int(table.true_areas_px.sum())
    predicted = int(table.predicted_areas_px.sum())
    return PixelCounts(
        true_positives=shared,
        false_positives=predicted - shared,
        false_negatives=true - shared,
        true_negatives=table.n_pixels - true - predicted + shared,
    )
