"""Scores of a classifier: confusions, threshold, ranking, and whether its probabilities hold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from cellid.errors import CellidError
from cellid.evaluation.bootstrap import Interval, draw_rows, percentile_interval
from cellid.evaluation.contingency import Counts
from cellid.evaluation.counts import BinaryCounts, check_any, divide, mean_defined

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Classified:
    """What a classifier said of the objects of one field.

    Attributes
    ----------
    true : (N,) int64
        True class of each object, from 0.
    probabilities : (N, K) float64
        Of each class; the greatest decides.

    Raises
    ------
    CellidError
        If the shapes do not fit, or a class is not among the K.
    """

    true: Counts
    probabilities: Floats

    def __post_init__(self) -> None:
        n_objects, n_classes = (*self.probabilities.shape, 0, 0)[:2]
        fits = self.probabilities.ndim == 2 and self.true.shape == (n_objects,)
        if not fits or np.any((self.true < 0) | (self.true >= n_classes)):
            raise CellidError(
                "true classes",
                expected="one of the K classes of the (N, K) probabilities for each object",
                got=f"shape {self.true.shape} and classes {np.unique(self.true).tolist()} "
                f"beside probabilities of shape {self.probabilities.shape}",
                remedy="number the classes from 0, in the order of the columns",
            )


def at_threshold(probabilities: Floats, threshold: float) -> Floats:
    """Return probabilities of two classes in which 1 is the greater from the threshold on.

    They are stretched on either side of it, so their order stays and so does the ROC-AUC; they
    are no longer calibrated.

    Parameters
    ----------
    probabilities : (N,) float64 in [0, 1]
        Of class 1.
    threshold : float in (0, 1)

    Returns
    -------
    (N, 2) float64
    """
    above = 0.5 + 0.5 * (probabilities - threshold) / (1 - threshold)
    below = 0.5 * probabilities / threshold
    # A tie would be decided for class 0
    above = np.maximum(above, np.nextafter(0.5, 1))
    positive = np.where(probabilities >= threshold, above, below)
    return np.stack([1 - positive, positive], axis=1)


def count_confusions(fields: Sequence[Classified]) -> Counts:
    """Return how often each class was taken for each.

    Returns
    -------
    (K, K) int64
        A row a true class, a column a predicted one.

    Raises
    ------
    CellidError
        If there are no fields.
    """
    true, probabilities = _join(fields)
    n_classes = probabilities.shape[1]
    pairs = true * n_classes + probabilities.argmax(axis=1)
    return np.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def count_by_class(confusions: Counts) -> tuple[BinaryCounts, ...]:
    """Return the hits, false alarms and misses of each class, from ``(K, K)`` confusions."""
    hits = confusions.diagonal()
    false, missed = confusions.sum(axis=0) - hits, confusions.sum(axis=1) - hits
    return tuple(map(BinaryCounts, hits.tolist(), false.tolist(), missed.tolist()))


def score_classes(fields: Sequence[Classified]) -> dict[str, float]:
    """Score the objects of several fields together.

    Parameters
    ----------
    fields : sequence of Classified
        With the same classes.

    Returns
    -------
    dict of str to float
        ``accuracy``, ``precision``, ``recall``, ``f1``, ``roc_auc``. Of two classes they
        are those of class 1; of more, the means over classes, each against the others,
        without the classes for which they are undefined.

    Raises
    ------
    CellidError
        If there are no fields.
    """
    true, probabilities = _join(fields)
    confusions = count_confusions(fields)
    n_classes = len(confusions)
    judged = [1] if n_classes == 2 else range(n_classes)
    counts = count_by_class(confusions)
    return {
        "accuracy": divide(int(confusions.trace()), int(confusions.sum())),
        "precision": mean_defined([counts[number].precision for number in judged]),
        "recall": mean_defined([counts[number].recall for number in judged]),
        "f1": mean_defined([counts[number].dice for number in judged]),
        "roc_auc": mean_defined(
            [roc_auc(true == number, probabilities[:, number]) for number in judged]
        ),
    }


def classification_intervals(
    fields: Sequence[Classified], *, n_samples: int, confidence: float, seed: int
) -> dict[str, Interval]:
    """Return the scores of `score_classes`, each with its bootstrap interval over fields.

    Parameters
    ----------
    fields : sequence of Classified
        Drawn with replacement; objects of one field are no independent evidence.
    n_samples, confidence, seed
        As in `bootstrap_interval`.
    """
    samples = [
        score_classes([fields[index] for index in drawn])
        for drawn in draw_rows(len(fields), n_samples, seed)
    ]
    return {
        name: percentile_interval(estimate, [sample[name] for sample in samples], confidence)
        for name, estimate in score_classes(fields).items()
    }


def roc_auc(positive: NDArray[np.bool_], scores: Floats) -> float:
    """Return the probability that a positive outscores a negative, a tie counting half.

    The area under the ROC curve (Hanley and McNeil, Radiology 143:29, 1982), nan where
    there are no positives or no negatives.

    Parameters
    ----------
    positive : (N,) bool
    scores : (N,) float64
        Higher means surer of a positive.
    """
    n_positive = int(np.count_nonzero(positive))
    rank_sum = float(rankdata(scores)[positive].sum())
    won = rank_sum - n_positive * (n_positive + 1) / 2
    return divide(won, n_positive * (positive.size - n_positive))


def sweep_thresholds(positive: NDArray[np.bool_], scores: Floats) -> pd.DataFrame:
    """Return what each threshold would give.

    Parameters
    ----------
    positive : (N,) bool
    scores : (N,) float64

    Returns
    -------
    DataFrame
        A row a distinct score, the highest first: ``threshold``, from which an object is
        called positive; ``true_positives``, ``false_positives``, ``false_negatives``,
        ``true_negatives``; ``precision``, ``recall``, ``f1`` and ``false_positive_rate``.
    """
    thresholds, number = np.unique(scores, return_inverse=True)
    at_each = (
        np.bincount(number[kind], minlength=thresholds.size) for kind in (positive, ~positive)
    )
    hits, false = (np.cumsum(counts[::-1]) for counts in at_each)
    n_positive = int(np.count_nonzero(positive))
    n_negative = positive.size - n_positive
    table = pd.DataFrame(
        {
            "threshold": thresholds[::-1],
            "true_positives": hits,
            "false_positives": false,
            "false_negatives": n_positive - hits,
            "true_negatives": n_negative - false,
        }
    )
    return table.assign(
        precision=table["true_positives"] / (hits + false),
        recall=table["true_positives"] / n_positive,
        f1=2 * table["true_positives"] / (hits + false + n_positive),
        false_positive_rate=table["false_positives"] / n_negative,
    )


def best_threshold(positive: NDArray[np.bool_], scores: Floats) -> tuple[float, float]:
    """Return the threshold of the highest F1, and that F1.

    It lies halfway between the lowest score called positive and the next below; of equally
    good ones the highest is taken.

    Parameters
    ----------
    positive : (N,) bool
    scores : (N,) float64 in [0, 1]

    Returns
    -------
    threshold, f1 : float
    """
    table = sweep_thresholds(positive, scores)
    best = int(table["f1"].to_numpy().argmax())
    below = table["threshold"].get(best + 1, 0.0)
    return float(table["threshold"][best] + below) / 2, float(table["f1"][best])


def calibration_curve(
    positive: NDArray[np.bool_], probabilities: Floats, *, n_bins: int
) -> pd.DataFrame:
    """Return how often objects were positive beside how probable they were called.

    Parameters
    ----------
    positive : (N,) bool
    probabilities : (N,) float64 in [0, 1]
    n_bins : int
        Bins of equal width; a probability on an edge belongs to the lower bin.

    Returns
    -------
    DataFrame
        A row a bin that holds objects: ``low``, ``high``, ``n``, ``predicted`` (the mean
        probability) and ``observed`` (the share of positives).
    """
    edges = np.linspace(0, 1, n_bins + 1)
    number = np.searchsorted(edges[1:-1], probabilities)
    n = np.bincount(number, minlength=n_bins)
    held = np.flatnonzero(n)
    predicted, observed = (
        np.bincount(number, weights=values, minlength=n_bins)[held] / n[held]
        for values in (probabilities, positive)
    )
    return pd.DataFrame(
        {
            "low": edges[held],
            "high": edges[held + 1],
            "n": n[held],
            "predicted": predicted,
            "observed": observed,
        }
    )


def calibration_error(curve: pd.DataFrame) -> float:
    """Return the mean of |observed - predicted| over objects, from `calibration_curve`.

    The expected calibration error of Guo et al., ICML 2017.
    """
    gap = (curve["observed"] - curve["predicted"]).abs()
    return divide(float((gap * curve["n"]).sum()), int(curve["n"].sum()))


def _join(fields: Sequence[Classified]) -> tuple[Counts, Floats]:
    check_any(fields)
    return (
        np.concatenate([field.true for field in fields]),
        np.concatenate([field.probabilities for field in fields]),
    )
