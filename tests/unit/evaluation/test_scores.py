import math

import numpy as np
import pytest

from cellid.config import EvaluateSettings
from cellid.errors import CellidError
from cellid.evaluation.bootstrap import bootstrap_interval
from cellid.evaluation.scores import Report, evaluate_pair, pool

from .pictures import draw

SETTINGS = EvaluateSettings(sweep=(0.5, 0.7), bootstrap_samples=100)
TRUE = draw(
    "AAA...",
    "AAA...",
    "...BB.",
    "...BB.",
    "......",
    "C....D",
)
PREDICTED = draw(
    "aab...",
    "aab...",
    "...ccc",
    "...ccc",
    "......",
    "d.....",
)
EMPTY = np.zeros((6, 6), np.int32)


def test_every_score_of_a_hand_counted_pair():
    row = evaluate_pair(TRUE, PREDICTED, SETTINGS, "field 1")

    assert row.name == "field 1"
    # A touches B at a corner: with 8 neighbours two true components are left beside
    # D, of which C and the clump are caught; the predicted a, b and c are one too.
    assert row.as_dict() == pytest.approx(
        {
            "pixel_precision": 11 / 13,
            "pixel_recall": 11 / 12,
            "pixel_accuracy": 33 / 36,
            "pixel_dice": 22 / 25,
            "pixel_iou": 11 / 14,
            "object_precision": 2 / 2,
            "object_recall": 2 / 3,
            "object_dice": 4 / 5,
            "object_iou": 2 / 3,
            "instance_precision": 3 / 4,
            "instance_recall": 3 / 4,
            "instance_f1": 3 / 4,
            "instance_mean_iou": 7 / 9,
            "instance_panoptic_quality": 7 / 12,
            "instance_ap": (3 / 5 + 1 / 7) / 2,
            "count_mae": 0,
            "count_bias": 0,
            "count_relative_bias": 0,
            "n_true": 4,
            "n_predicted": 4,
            "splits": 1,
            "merges": 0,
        }
    )


def test_settings_are_obeyed():
    settings = EvaluateSettings(iou_threshold=0.7, sweep=(0.5,), connectivity=4, min_area_px=2)
    row = evaluate_pair(TRUE, PREDICTED, settings)

    assert row.iou_thresholds == (0.7, 0.5)
    # a and b are one component; with 4 neighbours c is another.
    assert (row.objects.true_positives, row.objects.false_negatives) == (3, 1)
    # C and D are too small to judge, and d with them.
    assert (row.counts.true_total, row.counts.predicted_total) == (2, 3)


def test_pooled_and_mean_scores_differ_by_what_weighs_the_same():
    rows = (
        evaluate_pair(TRUE, PREDICTED, SETTINGS),
        evaluate_pair(TRUE, EMPTY, SETTINGS),
        evaluate_pair(EMPTY, EMPTY, SETTINGS),
    )
    report = Report(rows)

    assert report.pooled()["instance_recall"] == 3 / 8
    assert report.pooled()["count_mae"] == 4 / 3
    assert report.pooled()["count_bias"] == -4 / 3
    assert report.pooled()["n_true"] == 8
    # Recall is undefined where nothing is to be found, precision where nothing was.
    assert report.mean()["instance_recall"] == (3 / 4 + 0) / 2
    assert report.mean()["instance_precision"] == 3 / 4
    assert report.mean()["pixel_accuracy"] == pytest.approx((33 / 36 + 24 / 36 + 1) / 3)
    assert pool(rows, "all").name == "all"


def test_scores_of_only_empty_images_are_undefined():
    report = Report((evaluate_pair(EMPTY, EMPTY, SETTINGS),))

    assert math.isnan(report.pooled()["object_dice"])
    assert math.isnan(report.mean()["object_dice"])
    assert report.mean()["count_mae"] == 0


def test_intervals_are_those_of_each_score_by_itself():
    rng = np.random.default_rng(5)
    rows = []
    for lost, wrong in enumerate((0.05, 0.1, 0.2, 0.3)):
        true = np.kron(rng.integers(0, 5, (4, 4)), np.ones((3, 3), int))
        noisy = np.where(rng.random(true.shape) < wrong, rng.integers(0, 5, true.shape), true)
        rows.append(evaluate_pair(true, np.where(noisy > lost, noisy, 0), SETTINGS))

    intervals = Report(tuple(rows)).intervals(SETTINGS, seed=2)

    assert intervals.keys() == rows[0].as_dict().keys()
    for name in ("pixel_dice", "instance_recall", "instance_ap", "count_mae", "n_predicted"):
        alone = bootstrap_interval(
            rows,
            lambda drawn, name=name: pool(drawn).as_dict()[name],
            n_samples=SETTINGS.bootstrap_samples,
            confidence=SETTINGS.confidence,
            seed=2,
        )
        assert intervals[name] == pytest.approx(alone)
        assert intervals[name].low < intervals[name].high


def test_runs_are_compared_image_by_image():
    names = ("field 1", "field 2", "field 3")
    exact, missed = (
        Report(tuple(evaluate_pair(TRUE, predicted, SETTINGS, name) for name in names))
        for predicted in (TRUE, PREDICTED)
    )

    compared = exact.compare(missed, SETTINGS, seed=0)

    assert compared["instance_f1"] == pytest.approx((1 / 4, 1 / 4, 1 / 4, 1))
    assert compared["splits"] == (-3, -3, -3, 0)
    assert compared["count_mae"] == (0, 0, 0, 0.5)
    with pytest.raises(CellidError, match="the same images in the same order"):
        exact.compare(Report(missed.rows[::-1]), SETTINGS, seed=0)


def test_pooling_nothing_is_refused():
    with pytest.raises(CellidError, match="at least one evaluated image"):
        Report(()).mean()


def test_pooling_different_thresholds_is_refused():
    other = EvaluateSettings(iou_threshold=0.7, sweep=(0.5, 0.7))
    rows = [evaluate_pair(TRUE, PREDICTED, settings) for settings in (SETTINGS, other)]

    with pytest.raises(CellidError, match="same IoU thresholds"):
        pool(rows)
