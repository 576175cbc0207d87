"""Scores of a classifier against scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve as sklearn_calibration_curve

from cellid.evaluation.classification import (
    Classified,
    calibration_curve,
    count_by_class,
    count_confusions,
    roc_auc,
    score_classes,
    sweep_thresholds,
)
from cellid.evaluation.contingency import tabulate_overlap
from cellid.evaluation.pixel import count_pixels


def classify(n_classes, n_objects=500, seed=0):
    """Objects of which most are classified right, with many tied probabilities."""
    rng = np.random.default_rng(seed)
    true = rng.integers(n_classes, size=n_objects)
    sure = np.eye(n_classes)[true] + rng.gamma(1, 0.6, (n_objects, n_classes))
    probabilities = (sure / sure.sum(axis=1, keepdims=True)).round(2)
    return Classified(true, probabilities)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_scores(n_classes):
    field = classify(n_classes)
    predicted = field.probabilities.argmax(axis=1)
    average = "binary" if n_classes == 2 else "macro"
    classes = np.eye(n_classes)[field.true]

    assert count_confusions([field]).tolist() == (
        metrics.confusion_matrix(field.true, predicted).tolist()
    )
    theirs = metrics.precision_recall_fscore_support(
        field.true, predicted, average=average, zero_division=np.nan
    )
    assert score_classes([field]) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(field.true, predicted),
            **dict(zip(("precision", "recall", "f1"), theirs, strict=False)),
            "roc_auc": metrics.roc_auc_score(
                *(
                    (field.true, field.probabilities[:, 1])
                    if n_classes == 2
                    else (classes, field.probabilities)
                )
            ),
        },
        rel=1e-9,
    )


def test_scores_of_each_class():
    field = classify(4, seed=1)
    precision, recall, f1, n_true = metrics.precision_recall_fscore_support(
        field.true, field.probabilities.argmax(axis=1), average=None
    )

    counts = count_by_class(count_confusions([field]))

    assert [each.precision for each in counts] == pytest.approx(precision, rel=1e-9)
    assert [each.recall for each in counts] == pytest.approx(recall, rel=1e-9)
    assert [each.dice for each in counts] == pytest.approx(f1, rel=1e-9)
    assert [each.n_true for each in counts] == n_true.tolist()


def test_curves():
    field = classify(2, seed=2)
    positive, scores = field.true == 1, field.probabilities[:, 1]
    sweep = sweep_thresholds(positive, scores)

    false_rate, true_rate, thresholds = metrics.roc_curve(positive, scores, drop_intermediate=False)
    assert sweep["threshold"].tolist() == thresholds[1:].tolist()
    assert sweep["recall"].to_numpy() == pytest.approx(true_rate[1:], rel=1e-9)
    assert sweep["false_positive_rate"].to_numpy() == pytest.approx(false_rate[1:], rel=1e-9)
    precision, recall, _ = metrics.precision_recall_curve(positive, scores)
    assert sweep["precision"].to_numpy()[::-1] == pytest.approx(precision[:-1], rel=1e-9)
    assert sweep["recall"].to_numpy()[::-1] == pytest.approx(recall[:-1], rel=1e-9)
    assert roc_auc(positive, scores) == pytest.approx(
        metrics.roc_auc_score(positive, scores), rel=1e-9
    )

    observed, predicted = sklearn_calibration_curve(positive, scores, n_bins=10)
    curve = calibration_curve(positive, scores, n_bins=10)
    assert curve["observed"].to_numpy() == pytest.approx(observed, rel=1e-9)
    assert curve["predicted"].to_numpy() == pytest.approx(predicted, rel=1e-9)


def test_pixels():
    true, predicted = np.random.default_rng(3).random((2, 60, 50)) < [[[0.3]], [[0.4]]]
    ours = count_pixels(tabulate_overlap(true, predicted))
    flat = true.ravel(), predicted.ravel()

    for score, theirs in (
        (ours.precision, metrics.precision_score),
        (ours.recall, metrics.recall_score),
        (ours.accuracy, metrics.accuracy_score),
        (ours.dice, metrics.f1_score),
        (ours.iou, metrics.jaccard_score),
    ):
        assert score == pytest.approx(theirs(*flat), rel=1e-9)
