"""How far counts can be trusted: three ways to count, side by side, against the truth."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cellid.evaluation.bootstrap import Interval, bootstrap_interval
from cellid.evaluation.counting import (
    compare_counts,
    count_by_area,
    count_components,
    count_instances,
    median_absolute_error,
)
from cellid.evaluation.counts import check_any, divide
from cellid.evaluation.objects import Connectivity

METHODS = ("components", "instances", "area")


def tabulate_counts(
    images: Iterable[tuple[NDArray[np.generic], NDArray[np.generic]]],
    *,
    connectivity: Connectivity,
    nucleus_area_px: float,
) -> pd.DataFrame:
    """Count the nuclei of each image in three ways.

    Parameters
    ----------
    images : iterable of (true, predicted)
        Label images, ``(Y, X)`` each, touching nuclei separated.
    connectivity : 4 or 8
        Which pixels touch in a component.
    nucleus_area_px : float
        Area of an average nucleus (`mean_nucleus_area`), best from the training labels.

    Returns
    -------
    DataFrame
        A row an image: ``confluence``, the share of the image that true nuclei cover;
        ``true``, their number; ``components``, ``instances`` and ``area``, the number of
        predicted ones (`count_components`, `count_instances`, `count_by_area`).
    """
    rows = [
        (
            np.count_nonzero(true) / np.size(true),
            count_instances(true),
            count_components(predicted, connectivity),
            count_instances(predicted),
            count_by_area(predicted, nucleus_area_px=nucleus_area_px),
        )
        for true, predicted in images
    ]
    return pd.DataFrame(rows, columns=["confluence", "true", *METHODS])


def calibrate_counts(counts: pd.DataFrame) -> pd.DataFrame:
    """Compare the ways to count.

    Parameters
    ----------
    counts : DataFrame
        From `tabulate_counts`. ``confluence`` may be replaced by that of the cells,
        where it is known.

    Returns
    -------
    DataFrame
        A row a way to count: ``bias``, ``low`` and ``high`` (limits of agreement of
        95 %), ``mae``, ``median_ae``, objects an image; ``mean_percentage_error``;
        ``confluence_slope``, by how many objects the error rises from an empty to a full
        image (least squares), and ``confluence_correlation`` (Pearson's) of the two.

    Raises
    ------
    CellidError
        If there are no images.
    """
    check_any(counts)
    return pd.DataFrame({method: _calibrate(counts, method) for method in METHODS}).T


def calibration_factor(
    counts: pd.DataFrame,
    fields: Sequence[str],
    method: str,
    *,
    n_samples: int,
    confidence: float,
    seed: int,
) -> Interval:
    """Return by what to multiply counts, so that they are right on average.

    The true number of all images over the counted one, with its bootstrap interval over
    fields.

    Parameters
    ----------
    counts : DataFrame
        From `tabulate_counts`.
    fields : sequence of str
        Field of each image; images of one field are drawn together.
    method : str
        One of `METHODS`.
    n_samples, confidence, seed
        As `bootstrap_interval`.

    Raises
    ------
    CellidError
        If there are no images.
    """
    check_any(counts)
    totals = counts[["true", method]].groupby(np.asarray(fields)).sum().to_numpy(float)

    def ratio(rows: Sequence[NDArray[np.float64]]) -> float:
        true, counted = np.sum(rows, axis=0)
        return divide(true, counted)

    return bootstrap_interval(
        list(totals), ratio, n_samples=n_samples, confidence=confidence, seed=seed
    )


def _calibrate(counts: pd.DataFrame, method: str) -> dict[str, float]:
    images = [compare_counts(*pair) for pair in zip(counts["true"], counts[method], strict=True)]
    pooled = reduce(add, images)
    error = (counts[method] - counts["true"]).to_numpy(float)
    confluence = counts["confluence"].to_numpy(float)
    error, confluence = error - error.mean(), confluence - confluence.mean()
    spread = float(confluence @ confluence)
    covariance = float(confluence @ error)
    return {
        "bias": pooled.agreement.estimate,
        "low": pooled.agreement.low,
        "high": pooled.agreement.high,
        "mae": pooled.mae,
        "median_ae": median_absolute_error(images),
        "mean_percentage_error": pooled.mean_percentage_error,
        "confluence_slope": divide(covariance, spread),
        "confluence_correlation": divide(covariance, np.sqrt(spread * float(error @ error))),
    }
