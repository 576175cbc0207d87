"""Counts that add up over images, and the scores that derive from them."""

import math
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from cellid.errors import CellidError


def divide(numerator: float, denominator: float) -> float:
    """Return ``numerator / denominator``, and nan for a denominator of 0.

    A score of nothing is undefined, not bad: where neither truth nor prediction
    holds an object, precision is nan and stays out of the mean over images. This
    is scikit-learn's ``zero_division=nan``; StarDist's `matching` and
    scikit-learn's default return 0 there.
    """
    return numerator / denominator if denominator else math.nan


def mean_defined(scores: Iterable[float]) -> float:
    """Return the mean of the scores that are defined, not nan; of none it is nan itself."""
    defined = [score for score in scores if not math.isnan(score)]
    return divide(sum(defined), len(defined))


def check_any(images: Sized) -> None:
    """Raise CellidError if there are no images to score."""
    if not len(images):
        raise CellidError(
            "images",
            expected="at least one evaluated image",
            got="none",
            remedy="check that the test split holds images",
        )


class Summable:
    """Base of frozen dataclasses whose counts ``+`` adds up, image by image."""

    _summed: ClassVar[tuple[str, ...]]

    def values(self) -> tuple[float, ...]:
        """Return the counts, in the order that `with_values` takes."""
        return tuple(getattr(self, name) for name in self._summed)

    def with_values(self, values: Sequence[float]) -> Self:
        """Return a copy that holds other counts."""
        return replace(self, **dict(zip(self._summed, values, strict=True)))  # type: ignore[type-var]

    def __add__(self, other: Self) -> Self:
        return self.with_values(add_columns([self.values(), other.values()]))


def add_columns(rows: Iterable[Sequence[float]]) -> list[float]:
    """Add up rows of equal length, column by column; whole numbers stay whole."""
    return [sum(column) for column in zip(*rows, strict=True)]


@dataclass(frozen=True)
class BinaryCounts(Summable):
    """What was found, imagined and missed; scores of 0/0 are nan.

    Attributes
    ----------
    true_positives, false_positives, false_negatives : int
        Pixels or objects.
    """

    true_positives: int
    false_positives: int
    false_negatives: int

    _summed: ClassVar[tuple[str, ...]] = ("true_positives", "false_positives", "false_negatives")

    @property
    def n_true(self) -> int:
        """TP + FN."""
        return self.true_positives + self.false_negatives

    @property
    def n_predicted(self) -> int:
        """TP + FP."""
        return self.true_positives + self.false_positives

    @property
    def precision(self) -> float:
        """TP / (TP + FP), thesis eq. 2.28."""
        return divide(self.true_positives, self.n_predicted)

    @property
    def recall(self) -> float:
        """TP / (TP + FN), thesis eq. 2.29."""
        return divide(self.true_positives, self.n_true)

    @property
    def dice(self) -> float:
        """2 TP / (2 TP + FP + FN), thesis eq. 2.31: Dice, or F1."""
        return divide(2 * self.true_positives, self.n_true + self.n_predicted)

    @property
    def iou(self) -> float:
        """TP / (TP + FN + FP), thesis eq. 2.32: the Jaccard coefficient."""
        return divide(self.true_positives, self.n_true + self.false_positives)
