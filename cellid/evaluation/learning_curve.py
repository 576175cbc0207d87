"""What more images would bring: a learning curve, fitted and carried on to twice its length."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cellid.evaluation.bootstrap import Interval, percentile_interval

MIN_SIZES = 4
"""Sizes that a curve of three parameters needs, to be more than drawn through its points."""

# Of the exponent: slower than this a curve hardly bends, faster and it is flat from the start
_SLOWEST, _FASTEST, _N_EXPONENTS = 0.1, 3.0, 60
# A smaller gain changes no conclusion, however sure it is
_NEGLIGIBLE = 0.005

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """The saturating curve ``limit - drop * n ** -exponent``.

    Attributes
    ----------
    limit, drop, exponent : () or (S,) float64
        One curve or several; ``0 <= limit <= 1``, ``drop >= 0``.
    """

    limit: Floats
    drop: Floats
    exponent: Floats

    def at(self, n: float) -> Floats:
        """Return the score at ``n`` images, shaped as the parameters."""
        return np.asarray(self.limit - self.drop * float(n) ** -self.exponent)


@dataclass(frozen=True)
class Extrapolation:
    """A learning curve carried on to twice the images that there are.

    Attributes
    ----------
    n : int
        Images at the last size of the curve.
    curve : PowerLaw
        Fitted to the mean at every size.
    doubled, gain : Interval
        Score at ``2 * n`` images, and how much that is above the one at ``n``.
    spread : float
        Standard deviation of single trainings at the two last sizes; nan if they were
        not repeated.
    """

    n: int
    curve: PowerLaw
    doubled: Interval
    gain: Interval
    spread: float

    @property
    def is_little(self) -> bool:
        """Whether the gain is lost among what two trainings on as many images differ by."""
        return bool(self.gain.estimate < np.fmax(self.spread, _NEGLIGIBLE))


def fit_power_law(sizes: ArrayLike, scores: ArrayLike) -> PowerLaw:
    """Fit saturating power laws to learning curves by weighted least squares.

    The point at place i of m, from the left, weighs i / m: small sets of images score at
    random, and the curve is to be carried on at its other end.

    Parameters
    ----------
    sizes : (K,) numbers
        Images trained on, rising.
    scores : (..., K) float
        One curve or several.

    Returns
    -------
    PowerLaw
        Parameters (...) float64.

    Notes
    -----
    For a given exponent the curve is a straight line in n ** -exponent, so the best line is
    computed for each of a row of exponents and the best of these is taken: there is no
    starting point to depend on and nothing that could fail to converge.

    References
    ----------
    Figueroa et al., Predicting sample size required for classification performance,
    BMC Med. Inform. Decis. Mak. 12:8, 2012: the curve, and why to weigh its points.
    """
    n, y = np.asarray(sizes, np.float64), np.asarray(scores, np.float64)
    exponents = np.geomspace(_SLOWEST, _FASTEST, _N_EXPONENTS)
    weight = np.arange(1, n.size + 1) / np.arange(1, n.size + 1).sum()
    x = n ** -exponents[:, None]  # (exponents, K)
    x_mean = (x * weight).sum(-1)
    y_mean = (y * weight).sum(-1)[..., None]
    variance = (x**2 * weight).sum(-1) - x_mean**2
    covariance = np.einsum("...k,ek,k->...e", y, x, weight) - y_mean * x_mean
    drop = np.maximum(-covariance / variance, 0)  # (..., exponents)
    limit = y_mean + drop * x_mean
    # A score ends at 1: a line that goes beyond is tied there and turned
    tied = np.einsum("...k,ek,k->...e", 1 - y, x, weight) / (x**2 * weight).sum(-1)
    limit, drop = np.minimum(limit, 1), np.where(limit > 1, tied, drop)
    left = y[..., None, :] - limit[..., None] + drop[..., None] * x
    best = (left**2 * weight).sum(-1).argmin(-1)[..., None]
    return PowerLaw(
        np.take_along_axis(limit, best, -1)[..., 0],
        np.take_along_axis(drop, best, -1)[..., 0],
        exponents[best[..., 0]],
    )


def extrapolate(
    sizes: ArrayLike, scores: ArrayLike, *, n_samples: int, confidence: float, seed: int
) -> Extrapolation | None:
    """Say what twice as many images would bring, from repeated trainings at rising sizes.

    The interval is a percentile bootstrap over the repeats of each size. Repeats of
    different sizes are drawn independently, although the same images are in them: that
    makes the interval of their difference wider rather than too narrow.

    Parameters
    ----------
    sizes : (K,) int
        Images trained on, rising.
    scores : (R, K) float
        A row a repeat.
    n_samples : int
        Bootstrap samples.
    confidence : float in (0, 1)
        Coverage of the intervals.
    seed : int
        Of the drawing.

    Returns
    -------
    Extrapolation or None
        None from fewer than `MIN_SIZES` sizes, or if a score is undefined. One repeat has
        no intervals and no spread: they are nan.

    Notes
    -----
    Of rising curves with known gain and three repeats, 80 to 88 % of the 95 % intervals held
    the gain, and 87 to 97 % with five: few repeats make the interval too narrow.
    """
    n, y = np.asarray(sizes), np.asarray(scores, np.float64)
    n_repeats, n_sizes = y.shape
    if n_sizes < MIN_SIZES or np.isnan(y).any():
        return None
    last = int(n[-1])
    curve = fit_power_law(n, y.mean(axis=0))
    size = n_samples if n_repeats > 1 else 0, n_repeats, n_sizes
    drawn = np.random.default_rng(seed).integers(n_repeats, size=size)
    samples = fit_power_law(n, np.take_along_axis(y[None], drawn, axis=1).mean(axis=1))
    now, doubled = curve.at(last), curve.at(2 * last)
    sampled_now, sampled_doubled = samples.at(last), samples.at(2 * last)
    return Extrapolation(
        n=last,
        curve=curve,
        doubled=percentile_interval(float(doubled), sampled_doubled, confidence),
        gain=percentile_interval(float(doubled - now), sampled_doubled - sampled_now, confidence),
        spread=float(np.sqrt(y[:, -2:].var(axis=0, ddof=1).mean())) if n_repeats > 1 else np.nan,
    )
