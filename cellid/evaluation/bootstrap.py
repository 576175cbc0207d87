"""How far a score would move with other images: the bootstrap over images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellid.errors import CellidError
from cellid.evaluation.counts import add_columns

Row = TypeVar("Row")
Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """A score and the interval about it."""

    estimate: float
    low: float
    high: float


class Difference(NamedTuple):
    """How much higher one run scores than another on the same images, and how surely.

    The difference with its interval, and the share of samples in which it is above 0,
    samples of no difference by half: 0.5 says nothing, 1 that the first is always higher.
    """

    estimate: float
    low: float
    high: float
    share_higher: float


class Scored(Protocol):
    """Counts of an image that add up, and the scores that derive from them."""

    def values(self) -> tuple[float, ...]:
        """Return the counts."""

    def with_values(self, values: Sequence[float]) -> Self:
        """Return a copy that holds other counts."""

    def as_dict(self) -> dict[str, float]:
        """Return the scores by name."""


def bootstrap_interval(
    rows: Sequence[Row],
    score: Callable[[Sequence[Row]], float],
    *,
    n_samples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Return a score over images with its percentile bootstrap interval.

    Images, not pixels or objects, are drawn with replacement: what lies in one image
    was seen under one focus and one density and is no independent evidence.

    Parameters
    ----------
    rows : sequence
        What was counted on each image. Give one row a field where crops of a field
        are several.
    score : callable
        Takes rows, returns their score.
    n_samples : int
        Samples drawn.
    confidence : float in (0, 1)
        Such as 0.95.
    seed : int
        Of the drawing; the same seed draws the same images.

    Returns
    -------
    Interval
        Samples of which the score is undefined are left out. One image tells
        nothing of others: its interval is nan.

    Raises
    ------
    CellidError
        If there are no rows.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    drawn = draw_rows(len(rows), n_samples, seed)
    return percentile_interval(score(rows), _score_each(rows, score, drawn), confidence)


def bootstrap_difference(
    first: Sequence[Row],
    second: Sequence[Row],
    score: Callable[[Sequence[Row]], float],
    *,
    n_samples: int,
    confidence: float,
    seed: int,
) -> Difference:
    """Compare a score of two runs on the same images by the paired bootstrap.

    Every sample draws the same images for both runs: what makes an image hard for both
    drops out of the difference, which is therefore surer than two intervals side by
    side suggest.

    Parameters
    ----------
    first, second : sequence
        What was counted on each image, in one order; one row a field, as in
        `bootstrap_interval`, which tells the other parameters.
    score : callable
    n_samples : int
    confidence : float in (0, 1)
    seed : int

    Returns
    -------
    Difference
        Of the first less the second. Samples of which it is undefined are left out.

    Raises
    ------
    CellidError
        If there are no rows, or not as many of both.

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 13 and 16.
    """
    _check_paired(first, second)
    drawn = draw_rows(len(first), n_samples, seed)
    differences = _score_each(first, score, drawn) - _score_each(second, score, drawn)
    return percentile_difference(score(first) - score(second), differences, confidence)


def bootstrap_scores(
    rows: Sequence[Scored], *, n_samples: int, confidence: float, seed: int
) -> dict[str, Interval]:
    """Return every score of the pooled counts with its interval, as `bootstrap_interval`.

    All scores see the same samples.
    """
    estimates, samples = _sample_scores(rows, n_samples, seed)
    return {
        name: percentile_interval(estimate, samples[name], confidence)
        for name, estimate in estimates.items()
    }


def compare_scores(
    first: Sequence[Scored],
    second: Sequence[Scored],
    *,
    n_samples: int,
    confidence: float,
    seed: int,
) -> dict[str, Difference]:
    """Compare every score of the pooled counts of two runs, as `bootstrap_difference`."""
    _check_paired(first, second)
    first_estimates, first_samples = _sample_scores(first, n_samples, seed)
    second_estimates, second_samples = _sample_scores(second, n_samples, seed)
    return {
        name: percentile_difference(
            estimate - second_estimates[name],
            first_samples[name] - second_samples[name],
            confidence,
        )
        for name, estimate in first_estimates.items()
    }


def draw_rows(n_rows: int, n_samples: int, seed: int) -> NDArray[np.int64]:
    """Draw row numbers with replacement, ``(n_samples, n_rows)`` int64; none from a single row."""
    if n_rows == 0:
        raise CellidError(
            "rows",
            expected="at least one evaluated image",
            got="none",
            remedy="evaluate images before asking for an interval",
        )
    size = (n_samples if n_rows > 1 else 0, n_rows)
    return np.random.default_rng(seed).integers(n_rows, size=size)


def percentile_interval(estimate: float, samples: ArrayLike, confidence: float) -> Interval:
    """Return the central interval of bootstrapped scores, ``(n_samples,)``; nan is skipped."""
    defined = _drop_nan(samples)
    if defined.size == 0:
        return Interval(estimate, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high))


def percentile_difference(estimate: float, samples: ArrayLike, confidence: float) -> Difference:
    """Return the central interval of bootstrapped differences and the share above 0."""
    defined = _drop_nan(samples)
    share = (1 + np.sign(defined)).mean() / 2 if defined.size else np.nan
    return Difference(*percentile_interval(estimate, defined, confidence), float(share))


def _drop_nan(samples: ArrayLike) -> Floats:
    array = np.asarray(samples, dtype=np.float64)
    return array[~np.isnan(array)]


def _score_each(
    rows: Sequence[Row], score: Callable[[Sequence[Row]], float], drawn: NDArray[np.int64]
) -> Floats:
    return np.array([score([rows[index] for index in sample]) for sample in drawn])


def _sample_scores(
    rows: Sequence[Scored], n_samples: int, seed: int
) -> tuple[dict[str, float], dict[str, Floats]]:
    """Return the scores of all rows, and those of each sample, by name."""
    drawn = draw_rows(len(rows), n_samples, seed)
    values = [row.values() for row in rows]
    estimates = rows[0].with_values(add_columns(values)).as_dict()
    counts = np.array(values)
    samples = [rows[0].with_values(counts[each].sum(axis=0).tolist()).as_dict() for each in drawn]
    return estimates, {name: np.array([each[name] for each in samples]) for name in estimates}


def _check_paired(first: Sequence[object], second: Sequence[object]) -> None:
    if len(first) != len(second):
        raise CellidError(
            "runs to compare",
            expected="the same images in both",
            got=f"{len(first)} and {len(second)} images",
            remedy="evaluate both runs on the same split of one data set",
        )
