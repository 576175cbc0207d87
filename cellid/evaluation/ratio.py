"""The one division of all scores."""

import math


def divide(numerator: float, denominator: float) -> float:
    """Return ``numerator / denominator``, and nan for a denominator of 0.

    A score of nothing is undefined, not bad: where neither truth nor prediction
    holds an object, precision is nan and stays out of the mean over images. This
    is scikit-learn's ``zero_division=nan``; StarDist's `matching` and
    scikit-learn's default return 0 there.
    """
    return numerator / denominator if denominator else math.nan
