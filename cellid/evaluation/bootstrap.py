"""How far a score would move with other images: the bootstrap over images."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellid.errors import CellidError

Row = TypeVar("Row")


class Interval(NamedTuple):
    """A score and the interval about it."""

    estimate: float
    low: float
    high: float


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
        What was counted on each image; pairs of counts for the comparison of two
        models on the same images. Give one row a field where crops of a field
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
    samples = [
        score([rows[index] for index in drawn]) for drawn in draw_rows(len(rows), n_samples, seed)
    ]
    return percentile_interval(score(rows), samples, confidence)


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
    defined = np.asarray(samples, dtype=np.float64)
    defined = defined[~np.isnan(defined)]
    if defined.size == 0:
        return Interval(estimate, np.nan, np.nan)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(estimate, float(low), float(high))
