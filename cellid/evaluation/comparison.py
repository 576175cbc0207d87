"""Which of several ways of training is better: ranks and tests over seeds and over images."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import friedmanchisquare, permutation_test, rankdata

from cellid.evaluation.bootstrap import Difference

Floats = NDArray[np.float64]

# Twice as many sign patterns as 13 seeds have: up to there every pattern is counted
_N_PATTERNS = 9999


def rank_levels(scores: ArrayLike) -> Floats:
    """Rank levels within each seed: 1 is the best, equal ones share the mean of their ranks.

    Parameters
    ----------
    scores : (S, K) float
        A row a seed, a column a level; higher is better.

    Returns
    -------
    (S, K) float64
        A seed for which any score is undefined has no ranks: nan.
    """
    array = np.asarray(scores, np.float64)
    return np.asarray(rankdata(-array, axis=1, nan_policy="propagate"), np.float64)


def friedman_p_value(scores: ArrayLike) -> float:
    """Return Friedman's p: how probable ranks as unlike as these are if no level is better.

    Parameters
    ----------
    scores : (S, K) float
        As for `rank_levels`; seeds with an undefined score are left out.

    Returns
    -------
    float
        By the χ² approximation, corrected for ties, which is rough for few seeds; nan for
        fewer than three levels or two seeds, or where all are equal.

    References
    ----------
    Demšar, Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn.
    Res. 7:1-30, 2006.
    """
    array = np.asarray(scores, np.float64)
    whole = array[~np.isnan(array).any(axis=1)]
    if whole.shape[0] < 2 or whole.shape[1] < 3 or (whole == whole[:, :1]).all():
        return np.nan
    return float(friedmanchisquare(*whole.T).pvalue)


def sign_flip_p_value(differences: ArrayLike, seed: int) -> float:
    """Return the two-sided p of paired differences, from flipping their signs at random.

    Parameters
    ----------
    differences : (S,) float
        Of two levels, a value a seed; nan is left out.
    seed : int
        Of the drawing, where there are too many patterns of signs to count all.

    Returns
    -------
    float
        Exact for up to 13 seeds; at least 2 / 2**S, so three seeds cannot give less than
        0.25. Of none or one it is nan.
    """
    array = np.asarray(differences, np.float64)
    defined = array[~np.isnan(array)]
    if defined.size < 2:
        return np.nan
    outcome = permutation_test(
        (defined,),
        np.mean,
        permutation_type="samples",
        n_resamples=_N_PATTERNS,
        rng=np.random.default_rng(seed),
    )
    return float(outcome.pvalue)


def bootstrap_p_value(difference: Difference, n_samples: int) -> float:
    """Return the two-sided p of a bootstrapped difference: twice the share beyond 0.

    Parameters
    ----------
    difference : Difference
        From the paired bootstrap.
    n_samples : int
        That were drawn; p is not taken to be below 1 / n_samples.
    """
    share = difference.share_higher
    return max(2 * min(share, 1 - share), 1 / n_samples) if not np.isnan(share) else np.nan


def adjust_holm(p_values: ArrayLike) -> Floats:
    """Adjust p of several comparisons so that a wrong one among all stays improbable.

    Parameters
    ----------
    p_values : (K,) float
        nan is no comparison, and stays.

    Returns
    -------
    (K,) float64

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6:65-70,
    1979.
    """
    p = np.asarray(p_values, np.float64)
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]
    stepped = p[order] * np.arange(order.size, 0, -1)
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted
