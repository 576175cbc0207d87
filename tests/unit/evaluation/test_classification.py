import math

import numpy as np
import pytest

from cellid.errors import CellidError
from cellid.evaluation.bootstrap import bootstrap_interval
from cellid.evaluation.classification import (
    Classified,
    at_threshold,
    best_threshold,
    calibration_curve,
    calibration_error,
    classification_intervals,
    count_by_class,
    count_confusions,
    roc_auc,
    score_classes,
    sweep_thresholds,
)
from cellid.evaluation.counts import BinaryCounts


def field(*objects):
    """A field of objects, each its true class and the probabilities of all."""
    true, probabilities = zip(*objects, strict=True)
    return Classified(np.array(true), np.array(probabilities, float))


def binary(*objects):
    return field(*((true, (1 - sure, sure)) for true, sure in objects))


TWO = binary((1, 0.9), (1, 0.4), (0, 0.6), (0, 0.2)), binary((1, 0.8))
THREE = (
    field((0, (0.8, 0.1, 0.1)), (0, (0.3, 0.6, 0.1)), (1, (0.1, 0.8, 0.1)), (2, (0.5, 0.1, 0.4))),
)


def test_hand_counted_confusions():
    confusions = count_confusions(THREE)

    assert confusions.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    assert count_by_class(confusions) == (
        BinaryCounts(1, 1, 1),
        BinaryCounts(1, 1, 0),
        BinaryCounts(0, 0, 1),
    )


def test_scores_of_two_classes_are_those_of_the_second():
    scores = score_classes(TWO)

    assert count_confusions(TWO).tolist() == [[1, 1], [1, 2]]
    assert scores == {
        "accuracy": 3 / 5,
        "precision": 2 / 3,
        "recall": 2 / 3,
        "f1": 4 / 6,
        "roc_auc": pytest.approx(5 / 6),  # only 0.4 and 0.6 are in the wrong order
    }


def test_scores_of_more_classes_are_means_over_those_that_are_defined():
    scores = score_classes(THREE)

    assert scores["accuracy"] == 2 / 4
    assert scores["precision"] == (1 / 2 + 1 / 2) / 2  # the third class was never predicted
    assert scores["recall"] == pytest.approx((1 / 2 + 1 + 0) / 3)
    assert scores["f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)


def test_ties_count_half():
    positive = np.array([True, False, True, False])

    assert roc_auc(positive, np.array([0.5, 0.5, 0.9, 0.1])) == pytest.approx(3.5 / 4)
    assert roc_auc(positive, np.zeros(4)) == 0.5
    assert math.isnan(roc_auc(np.ones(4, bool), np.arange(4.0)))


def test_hand_counted_sweep():
    table = sweep_thresholds(
        np.array([True, False, True, False, True]), np.array([0.9, 0.2, 0.5, 0.5, 0.1])
    )

    assert table["threshold"].tolist() == [0.9, 0.5, 0.2, 0.1]
    assert table["true_positives"].tolist() == [1, 2, 2, 3]
    assert table["false_positives"].tolist() == [0, 1, 2, 2]
    assert table["false_negatives"].tolist() == [2, 1, 1, 0]
    assert table["true_negatives"].tolist() == [2, 1, 0, 0]
    assert table["precision"].tolist() == pytest.approx([1, 2 / 3, 2 / 4, 3 / 5])
    assert table["recall"].tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3, 1])
    assert table["f1"].tolist() == pytest.approx([2 / 4, 4 / 6, 4 / 7, 6 / 8])
    assert table["false_positive_rate"].tolist() == [0, 0.5, 1, 1]


def test_the_sweep_spans_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    positive = rng.random(200) < 0.3
    scores = (positive + rng.normal(size=200)).round(1)

    table = sweep_thresholds(positive, scores)

    area = np.trapezoid(np.append(0, table["recall"]), np.append(0, table["false_positive_rate"]))
    assert area == pytest.approx(roc_auc(positive, scores))


def test_hand_counted_calibration():
    curve = calibration_curve(
        np.array([False, True, True, True]), np.array([0.1, 0.5, 0.8, 1.0]), n_bins=2
    )

    assert curve[["low", "high"]].to_numpy().tolist() == [[0, 0.5], [0.5, 1]]
    assert curve["n"].tolist() == [2, 2]  # 0.5 is on the edge and in the lower bin
    assert curve["predicted"].tolist() == pytest.approx([0.3, 0.9])
    assert curve["observed"].tolist() == [0.5, 1]
    assert calibration_error(curve) == pytest.approx((0.2 + 0.1) / 2)


def test_honest_probabilities_lie_on_the_diagonal():
    rng = np.random.default_rng(1)
    probabilities = rng.random(50_000)

    curve = calibration_curve(rng.random(50_000) < probabilities, probabilities, n_bins=10)

    assert curve["observed"].to_numpy() == pytest.approx(curve["predicted"].to_numpy(), abs=0.03)
    assert calibration_error(curve) < 0.01


def test_bins_without_objects_are_left_out():
    curve = calibration_curve(np.array([True, False]), np.array([0.95, 0.05]), n_bins=10)

    assert curve["low"].tolist() == pytest.approx([0, 0.9])


def test_intervals_are_those_of_each_score_by_itself():
    rng = np.random.default_rng(2)
    fields = []
    for n_objects in (5, 9, 14, 20):
        sure = rng.random(n_objects)
        fields.append(binary(*zip((rng.random(n_objects) < sure).astype(int), sure, strict=True)))

    intervals = classification_intervals(fields, n_samples=200, confidence=0.9, seed=3)

    assert intervals.keys() == score_classes(fields).keys()
    for name, interval in intervals.items():
        alone = bootstrap_interval(
            fields,
            lambda drawn, name=name: score_classes(drawn)[name],
            n_samples=200,
            confidence=0.9,
            seed=3,
        )
        assert interval == pytest.approx(alone)
        assert interval.low < interval.estimate < interval.high


@pytest.mark.parametrize(
    ("true", "probabilities"),
    [
        (np.array([0, 1]), np.zeros((3, 2))),
        (np.array([0, 2]), np.zeros((2, 2))),
        (np.array([0, -1]), np.zeros((2, 2))),
        (np.array([0, 1]), np.zeros(2)),
    ],
)
def test_what_does_not_fit_is_refused(true, probabilities):
    with pytest.raises(CellidError, match="true classes"):
        Classified(true, probabilities)


def test_no_fields_are_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        score_classes([])


def test_the_best_threshold_lies_between_what_it_parts() -> None:
    positive = np.array([True, True, False, True, False])
    scores = np.array([0.9, 0.8, 0.6, 0.5, 0.1])
    # F1 from the top: 0.5, 0.8, 4/6, 6/7, 6/8
    assert best_threshold(positive, scores) == (pytest.approx(0.3), pytest.approx(6 / 7))
    assert best_threshold(np.array([True]), np.array([0.4])) == (pytest.approx(0.2), 1.0)


def test_a_threshold_decides_and_leaves_the_order() -> None:
    probabilities = np.array([0.0, 0.19, 0.2, 0.6, 1.0])
    stretched = at_threshold(probabilities, 0.2)
    assert stretched.argmax(axis=1).tolist() == [0, 0, 1, 1, 1]
    assert (np.diff(stretched[:, 1]) > 0).all()
    np.testing.assert_allclose(stretched.sum(axis=1), 1)
    np.testing.assert_allclose(stretched[[0, 3, 4], 1], [0, 0.75, 1])
